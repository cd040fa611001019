// "Call staff": the server tells the store's staff, and the screen waits until they end the call or the shopper takes it back.
//
// What did not get through is sent again. After a reload the call goes on.

import { call, Problem } from "./api.js";
import { text } from "./texts.js";

const PATH = "/api/kiosks/me/staff-call";
const TICK_MS = 3_000;

export class StaffCall {
  #dialog = document.getElementById("staff-called");
  #state = document.getElementById("staff-call-state");
  #onError;
  #ask;
  /** What the server is still to be told: PUT, DELETE or null. */
  #unsent = null;
  #isSending = false;
  #changedAt = 0;

  /** `ask` makes the page ask how the kiosk stands; the answer comes to `note`. `onError(error)` is told of a failure. */
  constructor(ask, onError) {
    this.#ask = ask;
    this.#onError = onError;
    document.getElementById("take-back-call").addEventListener("click", () => this.#takeBack());
    this.#dialog.addEventListener("cancel", (event) => {
      event.preventDefault();
      this.#takeBack();
    });
    setInterval(() => this.#tick(), TICK_MS);
  }

  get isOpen() {
    return this.#dialog.open;
  }

  begin() {
    this.#show("staffCalling");
    this.#send("PUT");
  }

  /** The server's view of this kiosk, as it was asked for at `askedAt`. */
  note(kiosk, askedAt) {
    if (this.#unsent !== null || askedAt < this.#changedAt) return;
    if (kiosk.staff_called_at) this.#showCalled(kiosk);
    else if (this.isOpen) this.#dialog.close();
  }

  #tick() {
    if (this.#unsent !== null) this.#send(this.#unsent);
    else if (this.isOpen) this.#ask();
  }

  #takeBack() {
    this.#dialog.close();
    this.#send("DELETE");
  }

  async #send(method) {
    this.#unsent = method;
    // The one that is on its way is followed by this one.
    if (this.#isSending) return;
    this.#isSending = true;
    try {
      const kiosk = await call(method, PATH);
      if (this.#unsent === method) {
        this.#unsent = null;
        if (method === "PUT") this.#showCalled(kiosk);
      }
    } catch (error) {
      const isRefused = error instanceof Problem && error.status < 500 && error.status !== 429;
      if (isRefused && this.#unsent === method) {
        this.#unsent = null;
        this.#dialog.close();
      } else if (this.#unsent === "PUT") {
        this.#show("staffNotReached");
      }
      this.#onError(error);
    } finally {
      this.#changedAt = performance.now();
      this.#isSending = false;
    }
  }

  #showCalled(kiosk) {
    // As staff see it: by the store's clock, whatever the device's says.
    const clock = { hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZone: kiosk.time_zone };
    const time = new Date(kiosk.staff_called_at).toLocaleTimeString(document.documentElement.lang, clock);
    this.#show("staffCalledSince", { time });
  }

  #show(name, values) {
    const words = text(name, values);
    if (this.#state.textContent !== words) this.#state.textContent = words;
    if (!this.isOpen) this.#dialog.showModal();
  }
}
