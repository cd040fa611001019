// The bill of the shopper at this kiosk, as the server keeps it.
//
// Changes are sent one after another, each with a key, so that a lost answer changes nothing twice. A change that comes too
// late for the bill that it was made for is made again for the newest bill. The browser remembers the session of the bill: a
// reload goes on with it.

import { call, newKey, Offline, Problem } from "./api.js";

const MEMORY = "kiosk.session";
const RETRY_MS = [400, 1_200];

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

export class Sale {
  /** The server's view of the session; null before the first thing. */
  session = null;
  #queue = Promise.resolve();
  #unanswered = null;
  #onBill;
  #onTrouble;

  /**
   * `onBill(session)` shows a new state of the bill; null is the empty bill of the next shopper. `onTrouble(error)` is told
   * of a failure that is tried again.
   */
  constructor(onBill, onTrouble) {
    this.#onBill = onBill;
    this.#onTrouble = onTrouble;
  }

  get isEmpty() {
    return !this.session || this.session.items.length === 0;
  }

  /** Goes on with the bill of before a reload. */
  resume() {
    const id = sessionStorage.getItem(MEMORY);
    return this.#inTurn(async () => {
      if (!id || this.session) return;
      try {
        const session = await call("GET", `/api/sessions/${id}`);
        if (session.status === "open") this.#show(session);
        else this.#forget();
      } catch (error) {
        if (error instanceof Problem && error.status === 404) this.#forget();
        else throw error;
      }
    });
  }

  /** Reads the bill again: another request may have changed it. */
  refresh() {
    return this.#inTurn(async () => {
      if (this.session) this.#show(await call("GET", `/api/sessions/${this.session.id}`));
    });
  }

  /**
   * Sends a picture; `productsInView` are not billed again. Returns `{ recognition, picture }`. The picture is another one if
   * its answer was lost: it may have been billed, so it is sent again before a new one.
   */
  sendPicture(picture, productsInView) {
    return this.#inTurn(async () => {
      const inView = productsInView.length > 0 ? `?in_view=${productsInView.join(",")}` : "";
      const sent = this.#unanswered ?? { picture, inView, key: newKey() };
      this.#unanswered = sent;
      try {
        const reply = await this.#inOpenSession(sent.key, (key) =>
          call("POST", `/api/sessions/${this.session.id}/frames${sent.inView}`, { picture: sent.picture, key }),
        );
        this.#unanswered = null;
        this.#show(reply.session);
        return { recognition: reply.recognition, picture: sent.picture };
      } catch (error) {
        if (error instanceof Problem && error.status < 500) this.#unanswered = null;
        throw error;
      }
    });
  }

  /** Adds pieces of a product by `{ product_id }` or `{ barcode }`. */
  add(item, quantity = 1) {
    return this.#change((session) => ({ method: "POST", path: "/items", json: { ...item, quantity, version: session.version } }));
  }

  /** Sets the pieces of a line; 0 removes it. */
  setQuantity(lineId, quantity) {
    return this.#change((session) => {
      if (!session.items.some((line) => line.id === lineId)) return null;
      return quantity > 0
        ? { method: "PATCH", path: `/items/${lineId}`, json: { quantity, version: session.version } }
        : { method: "DELETE", path: `/items/${lineId}?version=${session.version}` };
    });
  }

  /** Takes pieces of a product off the bill again. */
  takeOff(productId, quantity) {
    const line = this.session?.items.find((one) => one.product_id === productId);
    return line ? this.setQuantity(line.id, line.quantity - quantity) : Promise.resolve();
  }

  /** Resolves when nothing is under way that could change the bill. */
  settle() {
    return this.#inTurn(async () => {});
  }

  /** Ends the bill without a sale. */
  cancel() {
    return this.#inTurn(async () => {
      const { session } = this;
      this.#forget();
      if (session) await call("DELETE", `/api/sessions/${session.id}`, { key: newKey() });
    });
  }

  /** The bill became an order; the next shopper begins. */
  finish() {
    this.#forget();
  }

  #change(makeRequest) {
    return this.#inTurn(async () => {
      for (let attempt = 0; ; attempt += 1) {
        try {
          const session = await this.#inOpenSession(newKey(), (key) => {
            const request = makeRequest(this.session);
            return request && call(request.method, `/api/sessions/${this.session.id}${request.path}`, { json: request.json, key });
          });
          if (session) this.#show(session);
          return;
        } catch (error) {
          if (error.type !== "stale-version" || attempt === 2) throw error;
          this.#show(await call("GET", `/api/sessions/${this.session.id}`));
        }
      }
    });
  }

  /** Sends a request of the open session; opens one if there is none, or if the server has closed it for being idle. */
  async #inOpenSession(key, send) {
    if (!this.session) await this.#open();
    try {
      return await this.#repeatedly(() => send(key));
    } catch (error) {
      if (error.type !== "session-closed") throw error;
      this.#forget();
      await this.#open();
      return send(newKey());
    }
  }

  async #open() {
    const key = newKey();
    this.session = await this.#repeatedly(() => call("POST", "/api/sessions", { json: {}, key }));
    sessionStorage.setItem(MEMORY, this.session.id);
  }

  async #repeatedly(send) {
    for (const ms of RETRY_MS) {
      try {
        return await send();
      } catch (error) {
        const isBusy = error instanceof Problem && error.status === 429;
        if (!(error instanceof Offline) && !isBusy) throw error;
        this.#onTrouble(error);
        await pause(Math.max(ms, isBusy ? error.retryAfterS * 1000 : 0));
      }
    }
    return send();
  }

  #inTurn(task) {
    const done = this.#queue.then(task);
    this.#queue = done.catch(() => {});
    return done;
  }

  #show(session) {
    this.session = session;
    this.#onBill(session);
  }

  #forget() {
    this.session = null;
    this.#unanswered = null;
    sessionStorage.removeItem(MEMORY);
    this.#onBill(null);
  }
}
