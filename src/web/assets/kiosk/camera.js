// The kiosk's camera: which one, its zoom, and pictures of what it sees now.
//
// A picture source has `element` (what the page shows), `ready`, `aspectRatio`, `sample()` and `takePicture()`.

import { SAMPLE_HEIGHT, SAMPLE_WIDTH } from "./view_change.js";

const CHOICE = "kiosk.camera";
const ZOOM = "kiosk.zoom";
const PICTURE_WIDTH_MAX = 1_280;
const JPEG_QUALITY = 0.88;

const sampleCanvas = new OffscreenCanvas(SAMPLE_WIDTH, SAMPLE_HEIGHT);
const sampleContext = sampleCanvas.getContext("2d", { willReadFrequently: true });
sampleContext.imageSmoothingQuality = "medium";

/** The part of an image reduced to a sample for `ViewChange`. */
export function takeSample(image, { x, y, width, height }) {
  sampleContext.drawImage(image, x, y, width, height, 0, 0, SAMPLE_WIDTH, SAMPLE_HEIGHT);
  return sampleContext.getImageData(0, 0, SAMPLE_WIDTH, SAMPLE_HEIGHT).data;
}

/** The part of an image as a JPEG, not wider than recognition needs. */
export function encodePicture(image, { x, y, width, height }) {
  const scale = Math.min(1, PICTURE_WIDTH_MAX / width);
  const canvas = new OffscreenCanvas(Math.round(width * scale), Math.round(height * scale));
  canvas.getContext("2d").drawImage(image, x, y, width, height, 0, 0, canvas.width, canvas.height);
  return canvas.convertToBlob({ type: "image/jpeg", quality: JPEG_QUALITY });
}

export class Camera {
  #stream = null;
  /** Whether the camera itself zooms; else the middle of its picture is cut out. */
  #zoomRange = null;
  #onChange;
  zoom = Math.min(4, Math.max(1, Number(localStorage.getItem(ZOOM)) || 1));

  /** `onChange(error)` is called when the camera starts, fails, or is unplugged. */
  constructor(element, onChange) {
    this.element = element;
    this.#onChange = onChange;
    navigator.mediaDevices?.addEventListener("devicechange", () => {
      if (!this.ready) this.start();
    });
  }

  get ready() {
    return this.#stream?.active === true && this.element.videoWidth > 0;
  }

  get aspectRatio() {
    return this.element.videoWidth / this.element.videoHeight;
  }

  get deviceId() {
    return this.#stream?.getVideoTracks()[0]?.getSettings().deviceId;
  }

  /** The cameras of the device, as { id, label }. */
  static async list() {
    const devices = (await navigator.mediaDevices?.enumerateDevices()) ?? [];
    return devices.filter((device) => device.kind === "videoinput").map(({ deviceId, label }) => ({ id: deviceId, label }));
  }

  /** Starts the chosen camera, the remembered one, or any. */
  async start(deviceId = localStorage.getItem(CHOICE)) {
    this.stop();
    try {
      // Without it the page came over plain HTTP, or the browser has no camera at all.
      if (!navigator.mediaDevices) throw new DOMException("", "NotFoundError");
      const video = { width: { ideal: 1_280 }, height: { ideal: 720 }, facingMode: deviceId ? undefined : "environment" };
      if (deviceId) video.deviceId = { ideal: deviceId };
      this.#stream = await navigator.mediaDevices.getUserMedia({ video });
      const [track] = this.#stream.getVideoTracks();
      track.addEventListener("ended", () => this.#onChange(new DOMException("", "NotFoundError")));
      this.#zoomRange = track.getCapabilities?.().zoom ?? null;
      this.element.srcObject = this.#stream;
      await this.element.play();
      localStorage.setItem(CHOICE, this.deviceId ?? "");
      await this.setZoom(this.zoom);
      this.#onChange(null);
    } catch (error) {
      this.stop();
      this.#onChange(error);
    }
  }

  stop() {
    this.#stream?.getTracks().forEach((track) => track.stop());
    this.#stream = null;
  }

  /** `zoom` is 1 for the whole view to 4. */
  async setZoom(zoom) {
    this.zoom = zoom;
    localStorage.setItem(ZOOM, zoom);
    if (this.#zoomRange) {
      const { min, max } = this.#zoomRange;
      await this.#stream.getVideoTracks()[0].applyConstraints({ advanced: [{ zoom: min + ((zoom - 1) / 3) * (max - min) }] });
    }
    this.element.style.setProperty("--zoom", this.#zoomRange ? 1 : zoom);
  }

  sample() {
    return this.ready ? takeSample(this.element, this.#visiblePart()) : null;
  }

  takePicture() {
    return encodePicture(this.element, this.#visiblePart());
  }

  #visiblePart() {
    const { videoWidth, videoHeight } = this.element;
    const zoom = this.#zoomRange ? 1 : this.zoom;
    const [width, height] = [videoWidth / zoom, videoHeight / zoom];
    return { x: (videoWidth - width) / 2, y: (videoHeight - height) / 2, width, height };
  }
}
