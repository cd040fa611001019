// The camera of a page that takes photos: one at a time, or a burst while the product is turned.

import { toast } from "./toast.js";

const BURST = 5;
const BURST_PAUSE_MS = 900;

/** Binds the camera's buttons within `root`; `take` gets the photos as files. */
export function openCamera(root, take, textNoCamera) {
  const open = root.querySelector("[data-camera-open]");
  const panel = root.querySelector("[data-camera]");
  const video = panel.querySelector("video");
  // A browser gives no camera to a page over plain HTTP from another machine.
  if (!navigator.mediaDevices?.getUserMedia) return;
  open.hidden = false;
  let count = 0;

  const close = () => {
    for (const track of video.srcObject?.getTracks() ?? []) track.stop();
    video.srcObject = null;
    panel.hidden = true;
    open.hidden = false;
  };

  const shoot = () => new Promise((resolve) => {
    const canvas = document.createElement("canvas");
    canvas.width = video.videoWidth;
    canvas.height = video.videoHeight;
    canvas.getContext("2d").drawImage(video, 0, 0);
    canvas.toBlob((blob) => {
      if (blob) take([new File([blob], `camera-${++count}.jpg`, { type: "image/jpeg" })]);
      resolve();
    }, "image/jpeg", 0.92);
  });

  open.addEventListener("click", async () => {
    try {
      video.srcObject = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment", width: { ideal: 1280 } } });
    } catch {
      toast(textNoCamera);
      return;
    }
    panel.hidden = false;
    open.hidden = true;
    await video.play();
  });
  panel.querySelector("[data-camera-close]").addEventListener("click", close);
  panel.querySelector("[data-camera-one]").addEventListener("click", shoot);
  panel.querySelector("[data-camera-burst]").addEventListener("click", async (event) => {
    const button = event.currentTarget;
    button.disabled = true;
    for (let taken = 0; taken < BURST && video.srcObject; taken += 1) {
      if (taken > 0) await new Promise((resolve) => { setTimeout(resolve, BURST_PAUSE_MS); });
      panel.classList.add("flash");
      await shoot();
      panel.classList.remove("flash");
    }
    button.disabled = false;
  });
  addEventListener("pagehide", close);
}
