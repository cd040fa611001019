// What staff set at the kiosk: the camera, its zoom, pictures from a folder, the empty view, the full screen.

import { call, Problem } from "./api.js";
import { Camera } from "./camera.js";
import { FolderPictures } from "./folder_pictures.js";
import { text } from "./texts.js";

export class Settings {
  #dialog = document.getElementById("settings");
  #video = document.getElementById("camera");
  #image = document.getElementById("folder-picture");
  #nextPicture = document.getElementById("next-picture");
  #pictureNumber = document.getElementById("picture-number");
  #choice = document.getElementById("camera-choice");
  #zoom = document.getElementById("zoom");
  #noCamera = document.getElementById("no-camera");
  #emptyViewMessage = document.getElementById("empty-view-message");
  #camera;
  #folder;
  #onSource;

  constructor({ onSource, onEmptyView }) {
    this.#onSource = onSource;
    this.#camera = new Camera(this.#video, (error) => this.#showCamera(error));
    this.#folder = new FolderPictures(this.#image, isSomethingAsked, (folder) => this.#showPictureNumber(folder));
    this.source = this.#camera;
    document.getElementById("open-settings").addEventListener("click", () => this.#open());
    this.#choice.addEventListener("change", () => this.#useCamera(this.#choice.value));
    this.#zoom.addEventListener("input", () => this.#camera.setZoom(Number(this.#zoom.value)).then(this.#onSource));
    for (const field of document.querySelectorAll("[data-folder]")) {
      field.addEventListener("change", () => this.#useFolder(field.files));
    }
    this.#nextPicture.addEventListener("click", () => this.#folder.next());
    document.getElementById("use-camera").addEventListener("click", () => this.#useCamera());
    document.getElementById("retry-camera").addEventListener("click", () => this.#useCamera());
    document.getElementById("set-empty-view").addEventListener("click", () => this.#setEmptyView(onEmptyView));
    document.getElementById("full-screen").addEventListener("click", () => {
      this.#dialog.close();
      if (document.fullscreenElement) document.exitFullscreen();
      else document.documentElement.requestFullscreen();
    });
  }

  get isOpen() {
    return this.#dialog.open;
  }

  startSource() {
    this.#camera.start();
  }

  async #open() {
    this.#emptyViewMessage.textContent = "";
    this.#zoom.value = this.#camera.zoom;
    this.#dialog.showModal();
    const cameras = await Camera.list();
    const options = cameras.map(({ id, label }, index) => new Option(label || text("cameraNumber", { number: index + 1 }), id));
    this.#choice.replaceChildren(...options);
    this.#choice.value = this.#camera.deviceId ?? "";
    this.#choice.disabled = options.length < 2;
  }

  #useCamera(deviceId) {
    this.#folder.stop();
    this.#showSource(this.#camera);
    this.#camera.start(deviceId);
  }

  async #useFolder(files) {
    if ((await this.#folder.open(files)) === 0) return;
    this.#camera.stop();
    this.#showSource(this.#folder);
    this.#dialog.close();
  }

  #showSource(source) {
    this.source = source;
    this.#video.hidden = source !== this.#camera;
    this.#image.hidden = source !== this.#folder;
    document.getElementById("folder-controls").hidden = source !== this.#folder;
    this.#noCamera.hidden = true;
    this.#onSource();
  }

  #showPictureNumber({ number, count, isAtEnd }) {
    this.#pictureNumber.textContent = text("pictureNumber", { number, count });
    this.#nextPicture.classList.toggle("again", isAtEnd);
  }

  #showCamera(error) {
    if (this.source !== this.#camera) return;
    this.#noCamera.hidden = error === null;
    if (error) {
      const isRefused = error.name === "NotAllowedError";
      document.getElementById("no-camera-reason").textContent = text(isRefused ? "cameraRefused" : "cameraMissing");
    }
    this.#onSource();
  }

  async #setEmptyView(onEmptyView) {
    try {
      const picture = await this.source.takePicture();
      await call("PUT", "/api/kiosks/me/empty-view", { picture });
      this.#emptyViewMessage.textContent = text("emptyViewSet");
      onEmptyView();
    } catch (error) {
      this.#emptyViewMessage.textContent = text(error instanceof Problem ? "emptyViewRefused" : "emptyViewFailed");
    }
  }
}

/** Whether the shopper is busy with a question or a dialog, which the next picture would take away. */
function isSomethingAsked() {
  return document.hidden || document.querySelector("dialog[open]") !== null || !document.getElementById("question").hidden;
}
