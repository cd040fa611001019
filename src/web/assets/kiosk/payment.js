// From "Pay" to the receipt: the method, what is due, the order, the payment, the receipt number.
//
// The order and its payment are sent with keys that the browser remembers, so a reload in between pays once.

import { call, newKey, Offline } from "./api.js";
import { formatMoney } from "./money.js";
import { text } from "./texts.js";

const MEMORY = "kiosk.payment";
const RECEIPT_SHOWN_S = 40;

export class Payment {
  #dialog = document.getElementById("payment");
  #steps = Object.fromEntries([...this.#dialog.querySelectorAll("[data-step]")].map((step) => [step.dataset.step, step]));
  #message = document.getElementById("payment-message");
  #receipt = document.getElementById("receipt");
  #sale;
  #method = null;
  #timer;
  #onError;
  #onRefused;

  constructor(sale, onError, onRefused) {
    this.#sale = sale;
    this.#onError = onError;
    this.#onRefused = onRefused;
    for (const button of this.#dialog.querySelectorAll("[data-method]")) {
      button.addEventListener("click", () => this.#choose(button.dataset.method));
    }
    const on = (action, handler) =>
      this.#dialog.querySelectorAll(`[data-action=${action}]`).forEach((button) => button.addEventListener("click", handler));
    on("back", () => this.#show("method"));
    on("close", () => this.#dialog.close());
    on("paid", () => this.#begin());
    on("retry", () => this.#send());
    on("next", () => this.#end());
    this.#dialog.addEventListener("cancel", (event) => {
      // Escape closes what can be left: not an order on its way, and the receipt only for the next shopper.
      if (!this.#steps.method.hidden || !this.#steps.waiting.hidden) return;
      event.preventDefault();
      if (!this.#steps.due.hidden) this.#show("method");
      if (!this.#steps.done.hidden) this.#end();
    });
  }

  get isOpen() {
    return this.#dialog.open;
  }

  /** Whether it can be left without harm: no order is on its way, and no receipt is shown. */
  get isUndecided() {
    return this.isOpen && !(this.#steps.method.hidden && this.#steps.due.hidden);
  }

  leave() {
    if (this.isUndecided) this.#dialog.close();
  }

  /** The connection is back: what failed is sent again, with the same keys. */
  heal() {
    if (this.isOpen && !this.#steps.failed.hidden) this.#send();
  }

  /** Asks for the method. What is paid is what is shown: a picture that is under way is waited for. */
  async open() {
    this.#show("waiting");
    this.#dialog.showModal();
    await this.#sale.settle();
    const { session } = this.#sale;
    // Left meanwhile, or opened once more.
    if (!this.isOpen || this.#steps.waiting.hidden) return;
    if (!session?.confirmable) {
      this.#dialog.close();
      return;
    }
    this.#showDue(this.#steps.method, session.total, session.currency);
    this.#show("method");
  }

  /** Goes on with a payment of before a reload. Returns whether there was one. */
  resume() {
    if (sessionStorage.getItem(MEMORY) === null) return false;
    this.#dialog.showModal();
    this.#send();
    return true;
  }

  #choose(method) {
    this.#method = method;
    const { session } = this.#sale;
    const due = method === "cash" ? session.cash_total : session.total;
    this.#showDue(this.#steps.due, due, session.currency);
    document.getElementById("payment-how").textContent = text(`payBy${method[0].toUpperCase()}${method.slice(1)}`);
    this.#show("due");
  }

  #showDue(step, due, currency) {
    step.querySelector("[data-due]").textContent = formatMoney(due, currency);
  }

  #begin() {
    const { id, version } = this.#sale.session;
    const payment = { session: id, version, method: this.#method, confirmKey: newKey(), payKey: newKey() };
    sessionStorage.setItem(MEMORY, JSON.stringify(payment));
    this.#send();
  }

  async #send() {
    this.#show("sending");
    const payment = JSON.parse(sessionStorage.getItem(MEMORY));
    try {
      const order = await confirm(payment);
      if (order.state === "confirmed") {
        const payments = [{ method: payment.method, amount: order.total }];
        await call("POST", `/api/orders/${order.id}/payments`, { json: { currency: order.currency, payments }, key: payment.payKey });
      }
      await this.#showReceipt(order.id);
    } catch (error) {
      this.#onError(error);
      // Nothing is lost: the same keys are sent again.
      if (error instanceof Offline || error.status >= 500 || error.status === 429) {
        this.#show("failed");
        return;
      }
      sessionStorage.removeItem(MEMORY);
      this.#dialog.close();
      await this.#sale.refresh().catch(this.#onError);
      this.#onRefused();
    }
  }

  async #showReceipt(orderId) {
    const html = await call("GET", `/kiosk/receipts/${orderId}`);
    const page = new DOMParser().parseFromString(html, "text/html");
    this.#receipt.replaceChildren(...page.body.childNodes);
    sessionStorage.removeItem(MEMORY);
    this.#sale.finish();
    this.#show("done");
    let left = RECEIPT_SHOWN_S;
    const count = () => {
      for (const seconds of this.#steps.done.querySelectorAll("[data-seconds]")) seconds.textContent = left;
      if (left === 0) this.#end();
      left -= 1;
    };
    count();
    this.#timer = setInterval(count, 1_000);
  }

  #end() {
    clearInterval(this.#timer);
    this.#dialog.close();
  }

  #show(step) {
    this.#message.textContent = "";
    for (const [name, element] of Object.entries(this.#steps)) element.hidden = name !== step;
    this.#steps[step].querySelector("[data-focus]")?.focus();
  }
}

/** The order of the session; the one that exists, if an earlier answer was lost for longer than its key is kept. */
async function confirm({ session, version, confirmKey }) {
  try {
    return await call("POST", `/api/sessions/${session}/confirm`, { json: { version }, key: confirmKey });
  } catch (error) {
    if (error.type !== "session-closed" || !error.body.order_id) throw error;
    return (await call("GET", `/api/orders/${error.body.order_id}/receipt`)).order;
  }
}
