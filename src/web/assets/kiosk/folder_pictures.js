// Pictures from a folder in place of a camera: one after another, each as if it lay before the camera.

import { encodePicture, takeSample } from "./camera.js";

const SHOWN_MS = 6_000;

export class FolderPictures {
  #files = [];
  #position = -1;
  #bitmap = null;
  #timer;

  constructor(element) {
    this.element = element;
  }

  get ready() {
    return this.#bitmap !== null;
  }

  get aspectRatio() {
    return this.#bitmap.width / this.#bitmap.height;
  }

  /** Shows the pictures among `files`, in the order of their names. Returns their number. */
  async open(files) {
    this.#files = [...files].filter((file) => file.type.startsWith("image/"));
    this.#files.sort((one, other) => one.name.localeCompare(other.name, undefined, { numeric: true }));
    this.#position = -1;
    if (this.#files.length > 0) await this.next();
    return this.#files.length;
  }

  /** Shows the next picture, and the first one after the last. One that is no picture is skipped. */
  async next() {
    clearTimeout(this.#timer);
    for (let tried = 0; tried < this.#files.length; tried += 1) {
      this.#position = (this.#position + 1) % this.#files.length;
      const file = this.#files[this.#position];
      const bitmap = await createImageBitmap(file).catch(() => null);
      if (bitmap === null) continue;
      this.#bitmap?.close();
      this.#bitmap = bitmap;
      URL.revokeObjectURL(this.element.src);
      this.element.src = URL.createObjectURL(file);
      break;
    }
    if (this.#files.length > 1) this.#timer = setTimeout(() => this.next(), SHOWN_MS);
  }

  stop() {
    clearTimeout(this.#timer);
    this.#bitmap?.close();
    this.#bitmap = null;
    this.#files = [];
  }

  sample() {
    return this.ready ? takeSample(this.#bitmap, this.#whole()) : null;
  }

  takePicture() {
    return encodePicture(this.#bitmap, this.#whole());
  }

  #whole() {
    return { x: 0, y: 0, width: this.#bitmap.width, height: this.#bitmap.height };
  }
}
