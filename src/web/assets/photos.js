// Photos for a product: chosen, dropped, pasted or taken in a burst. Each is shown as it will be cut out, with what is wrong
// with it, before it is sent. Without scripts the file input alone does it.

import { openCamera } from "./camera.js";
import { bindDrop } from "./drop.js";
import { toast } from "./toast.js";

const TYPES = ["image/jpeg", "image/png", "image/webp"];

class Picker {
  constructor(root) {
    this.root = root;
    this.list = root.querySelector("[data-picked]");
    this.text = (name) => root.dataset[`text${name}`];
    this.photos = [];
    this.waiting = [];
    this.isAsking = false;
    const zone = root.querySelector(".drop-zone");
    bindDrop(zone, (files) => this.take(files));
    // The browser's own field would say "No file chosen" beside the photos: it is emptied after each choice.
    zone.querySelector("input[type=file]").classList.add("visually-hidden");
    zone.querySelector("label").classList.add("button");
    openCamera(root, (files) => this.take(files), this.text("NoCamera"));
  }

  take(files) {
    for (const file of files) {
      if (!TYPES.includes(file.type)) {
        toast(`${file.name}: ${this.text("NotAPhoto")}`);
        continue;
      }
      if (file.size > Number(this.root.dataset.maxBytes)) {
        toast(`${file.name}: ${this.text("Large")}`);
        continue;
      }
      this.add(file);
    }
  }

  add(file) {
    const photo = { file, item: document.createElement("li"), picture: new Image() };
    photo.picture.src = URL.createObjectURL(file);
    photo.picture.alt = file.name;
    photo.canvas = document.createElement("canvas");
    photo.canvas.width = photo.canvas.height = 160;
    photo.hint = document.createElement("p");
    photo.hint.className = "hint";
    photo.hint.textContent = this.text("Checking");
    const remove = document.createElement("button");
    remove.type = "button";
    remove.className = "quiet";
    remove.textContent = "×";
    remove.setAttribute("aria-label", `${this.text("Remove")}: ${file.name}`);
    remove.addEventListener("click", () => this.remove(photo));
    photo.item.append(photo.canvas, photo.hint, remove);
    this.list.append(photo.item);
    this.photos.push(photo);
    photo.picture.decode().then(() => draw(photo, null), () => {});
    this.waiting.push(photo);
    this.ask();
  }

  remove(photo) {
    this.photos = this.photos.filter((other) => other !== photo);
    this.waiting = this.waiting.filter((other) => other !== photo);
    photo.item.remove();
    URL.revokeObjectURL(photo.picture.src);
  }

  // One photo at a time, so that a burst does not queue before the tills.
  async ask() {
    if (this.isAsking) return;
    this.isAsking = true;
    for (let photo = this.waiting.shift(); photo; photo = this.waiting.shift()) {
      await this.preview(photo);
    }
    this.isAsking = false;
  }

  async preview(photo) {
    const form = new FormData();
    form.append("image", photo.file, photo.file.name);
    let answer = null;
    let status = 0;
    try {
      const response = await fetch(this.root.dataset.preview, { method: "POST", body: form, headers: { accept: "application/json" } });
      status = response.status;
      answer = await response.json();
    } catch { /* The server says it when the photos are sent. */ }
    if (status === 200) {
      await photo.picture.decode().catch(() => {});
      draw(photo, answer.region);
      const several = answer.things.length > 1;
      const words = several ? [this.text("Several")] : answer.warnings.map((warning) => this.describe(warning));
      this.say(photo, answer.refused ? "bad" : words.length ? "warn" : "good", words[0] ?? this.text("Good"));
    } else if (status === 415 || status === 422 || status === 413) {
      this.say(photo, "bad", this.textOf("Problem", answer?.type?.split(":").pop()) ?? answer?.detail ?? this.text("Unchecked"));
    } else {
      this.say(photo, "idle", this.text("Unchecked"));
    }
  }

  // The server's sentences are English; those of a code that the page does not know stay.
  describe({ code, message, product_name: name }) {
    return this.textOf("Issue", code)?.replace("{name}", name ?? "") ?? message;
  }

  // The page's text of a code such as `too-dark`, if it has one.
  textOf(kind, code = "") {
    return this.text(kind + code.replace(/(?:^|-)(\w)/g, (_, letter) => letter.toUpperCase()));
  }

  say(photo, tone, text) {
    photo.item.dataset.tone = tone;
    photo.hint.className = `hint ${tone}`;
    photo.hint.textContent = text;
  }
}

// The part of the photo that the product is recognised by, as large as it fits.
function draw(photo, region) {
  const { naturalWidth, naturalHeight } = photo.picture;
  const from = region ?? { x: 0, y: 0, width: naturalWidth, height: naturalHeight };
  const { canvas } = photo;
  const scale = Math.min(canvas.width / from.width, canvas.height / from.height);
  const [width, height] = [from.width * scale, from.height * scale];
  const context = canvas.getContext("2d");
  context.clearRect(0, 0, canvas.width, canvas.height);
  context.drawImage(photo.picture, from.x, from.y, from.width, from.height,
    (canvas.width - width) / 2, (canvas.height - height) / 2, width, height);
}

// Sends the form without leaving the page, so that a refusal does not lose the photos.
function bindForm(form, picker) {
  form.addEventListener("submit", async (event) => {
    if (event.defaultPrevented) return;
    event.preventDefault();
    event.stopPropagation();
    if (form.dataset.sending) return;
    form.dataset.sending = "yes";
    const button = event.submitter;
    const timer = setTimeout(() => button?.classList.add("busy"), 300);
    try {
      await send(form, picker);
    } finally {
      clearTimeout(timer);
      button?.classList.remove("busy");
      delete form.dataset.sending;
    }
  });
}

async function send(form, picker) {
  const body = new FormData(form);
  body.delete("images");
  for (const photo of picker.photos) body.append("images", photo.file, photo.file.name);
  let response;
  try {
    response = await fetch(form.action, { method: "POST", body, headers: { accept: "text/html" } });
  } catch {
    toast(picker.text("Failed"));
    return;
  }
  if (response.redirected) {
    // Leaving the page would lose the photos.
    if (new URL(response.url).pathname === "/login") toast(picker.text("SignedOut"));
    else location.assign(response.url);
    return;
  }
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  let isForm = false;
  for (const id of ["product-fields", "photo-insist", "photo-fault"]) {
    const [old, fresh] = [document.getElementById(id), page.getElementById(id)];
    if (old && fresh) {
      old.replaceWith(document.importNode(fresh, true));
      isForm = true;
    }
  }
  if (!isForm) toast(page.querySelector("h1")?.textContent ?? picker.text("Failed"));
  (document.querySelector("[aria-invalid]") ?? document.querySelector("#photo-fault:not([hidden])"))?.scrollIntoView({ block: "center" });
  document.querySelector("[aria-invalid]")?.focus();
}

for (const form of document.querySelectorAll("form[data-photos]")) {
  bindForm(form, new Picker(form.querySelector("[data-picker]")));
}
