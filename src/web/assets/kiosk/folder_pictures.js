// Pictures from a folder in place of a camera: one after another, each as if it lay before the camera. They are shown once: a
// second round would bill everything again, and begins only by hand.

import { encodePicture, takeSample } from "./camera.js";

const SHOWN_MS = 6_000;

export class FolderPictures {
  #files = [];
  #position = -1;
  #bitmap = null;
  #timer;
  #isBusy;
  #onPicture;
  #shownMs;

  /** `isBusy()` tells whether the next picture must wait; `onPicture(folder)` is called when another one is shown. */
  constructor(element, isBusy, onPicture, shownMs = SHOWN_MS) {
    this.element = element;
    this.#isBusy = isBusy;
    this.#onPicture = onPicture;
    this.#shownMs = shownMs;
  }

  get count() {
    return this.#files.length;
  }

  /** The number of the picture that is shown, from 1. */
  get number() {
    return this.#position + 1;
  }

  get isAtEnd() {
    return this.number === this.count;
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

  /** Shows the next picture, and the first one after the last. A file that is no picture is left out. */
  async next() {
    clearTimeout(this.#timer);
    const index = this.isAtEnd ? 0 : this.#position + 1;
    while (index < this.#files.length) {
      const file = this.#files[index];
      const bitmap = await createImageBitmap(file).catch(() => null);
      if (bitmap === null) {
        this.#files.splice(index, 1);
        continue;
      }
      this.#bitmap?.close();
      this.#bitmap = bitmap;
      URL.revokeObjectURL(this.element.src);
      this.element.src = URL.createObjectURL(file);
      this.#position = index;
      break;
    }
    this.#onPicture(this);
    this.#scheduleNext();
  }

  #scheduleNext() {
    if (this.isAtEnd) return;
    this.#timer = setTimeout(() => (this.#isBusy() ? this.#scheduleNext() : this.next()), this.#shownMs);
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
