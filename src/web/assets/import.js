// An import by drag and drop: a ZIP or a folder is sent with its progress, then the page that shows what would come is opened.
// Without scripts the file inputs and the button do it.

/** What systems add by themselves. */
const HIDDEN = /(^|\/)(\.[^/]*|__MACOSX|Thumbs\.db)(\/|$)/;

const form = document.querySelector("form[data-import]");
const zone = document.getElementById("import-zone");
const progress = document.getElementById("import-progress");
const bar = progress.querySelector("progress");
const text = document.getElementById("import-progress-text");
const fault = document.getElementById("import-fault");

/** The files below dropped entries, each with its path. */
async function collect(entries) {
  const files = [];
  for (const entry of entries) {
    if (entry.isFile) {
      const file = await new Promise((resolve, reject) => { entry.file(resolve, reject); });
      files.push({ file, path: entry.fullPath.replace(/^\//, "") });
    } else {
      const reader = entry.createReader();
      // A folder is read a hundred entries at a time.
      for (;;) {
        const part = await new Promise((resolve, reject) => { reader.readEntries(resolve, reject); });
        if (!part.length) break;
        files.push(...await collect(part));
      }
    }
  }
  return files;
}

function refuse(title, detail = "") {
  const notice = document.createElement("div");
  notice.className = "notice bad";
  const lines = document.createElement("div");
  for (const [line, language] of [[title, ""], [detail, "en"]]) {
    if (!line) continue;
    const paragraph = document.createElement("p");
    paragraph.textContent = line;
    if (language) paragraph.lang = language;
    lines.append(paragraph);
  }
  notice.append(lines);
  fault.replaceChildren(notice);
  progress.hidden = true;
}

function send(files) {
  const chosen = files.filter(({ path }) => !HIDDEN.test(path));
  fault.replaceChildren();
  if (!chosen.length) {
    refuse(form.dataset.textNothing);
    return;
  }
  const bytes = chosen.reduce((sum, { file }) => sum + file.size, 0);
  if (bytes > Number(form.dataset.maxBytes)) {
    refuse(form.dataset.textLarge);
    return;
  }
  const body = new FormData();
  for (const { file, path } of chosen) body.append("file", file, path);
  const [first] = chosen;
  const name = chosen.length === 1 ? first.file.name : first.path.split("/")[0];
  const request = new XMLHttpRequest();
  progress.hidden = false;
  bar.removeAttribute("value");
  text.textContent = form.dataset.textSending;
  // `fetch` does not tell how much has been sent.
  request.upload.addEventListener("progress", (event) => { bar.value = event.total ? event.loaded / event.total : 0; });
  request.upload.addEventListener("load", () => {
    bar.removeAttribute("value");
    text.textContent = form.dataset.textChecking;
  });
  request.addEventListener("error", () => refuse(form.dataset.textFailed));
  request.addEventListener("load", () => {
    let answer = {};
    try { answer = JSON.parse(request.responseText); } catch { /* A proxy's own page. */ }
    if (request.status === 201) {
      location.assign(`${location.pathname}/${answer.id}?name=${encodeURIComponent(name)}`);
    } else {
      refuse(form.dataset.textRefused, answer.detail);
    }
  });
  request.open("POST", form.dataset.import);
  request.setRequestHeader("accept", "application/json");
  request.send(body);
}

for (const type of ["dragenter", "dragover"]) {
  // Beside the zone too: a browser would open what is dropped there.
  document.addEventListener(type, (event) => {
    event.preventDefault();
    zone.classList.toggle("over", zone.contains(event.target));
  });
}
document.addEventListener("dragleave", () => zone.classList.remove("over"));
document.addEventListener("drop", async (event) => {
  event.preventDefault();
  zone.classList.remove("over");
  // Both are gone once this function waits.
  const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  const loose = [...event.dataTransfer.files].map((file) => ({ file, path: file.name }));
  progress.hidden = false;
  text.textContent = form.dataset.textReading;
  try {
    send(entries.length ? await collect(entries) : loose);
  } catch {
    refuse(form.dataset.textFailed);
  }
});

for (const input of form.querySelectorAll("input[type=file]")) {
  input.addEventListener("change", () => {
    const files = [...input.files].map((file) => ({ file, path: file.webkitRelativePath || file.name }));
    input.value = "";
    if (files.length) send(files);
  });
}
// Choosing a file sends it.
document.getElementById("import-send").hidden = true;
