// A shopper's phone joins the bill: a QR code leads it to the page of this session, and the receipt comes to the shopper's account.

import { call } from "./api.js";

const ASK_MS = 2_000;

export class Join {
  // Absent where no phone could open the address.
  #button = document.getElementById("open-join");
  #dialog = document.getElementById("join");
  #code = document.getElementById("join-code");
  #sale;
  #onError;
  #onJoined;

  constructor(sale, onError, onJoined) {
    this.#sale = sale;
    this.#onError = onError;
    this.#onJoined = onJoined;
    this.#button?.addEventListener("click", () => this.#open().catch(onError));
    // The phone changes the bill, and this page learns of it by asking.
    setInterval(() => this.#dialog.open && sale.refresh().catch(onError), ASK_MS);
  }

  /** The bill has a new state; null is the empty bill of the next shopper. */
  show(session) {
    if (!this.#button) return;
    const isJoined = Boolean(session?.shopper_id);
    this.#button.disabled = session === null || isJoined;
    this.#button.classList.toggle("joined", isJoined);
    if (this.#dialog.open && (isJoined || session === null)) {
      this.#dialog.close();
      if (isJoined) this.#onJoined();
    }
  }

  close() {
    this.#dialog.close();
  }

  async #open() {
    const html = await call("GET", `/kiosk/sessions/${this.#sale.session.id}/join`);
    this.#code.replaceChildren(...new DOMParser().parseFromString(html, "text/html").body.childNodes);
    this.#dialog.showModal();
  }
}
