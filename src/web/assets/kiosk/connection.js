// Whether the server takes this kiosk's requests, and what the screen says if it does not.
//
//   open      all is well
//   offline   no answer, or the server cannot do it now: the bill is kept, and the kiosk tries again by itself
//   closed    an admin has closed this kiosk: nothing is added, but a bill can be paid
//   refused   the kiosk's key is no longer valid: it must be enrolled again

import { call, Offline, Problem } from "./api.js";

const CHECK_MS = { open: 15_000, offline: 2_000, closed: 5_000, refused: 15_000 };
const CHECK = "/api/kiosks/me";

/** The state that a failed request shows, or null if it says nothing about the whole kiosk. */
export function stateAfterError(error) {
  if (error instanceof Offline) return "offline";
  if (!(error instanceof Problem)) return null;
  if (error.type === "kiosk-closed") return "closed";
  return error.status === 401 ? "refused" : null;
}

export class Connection {
  state = "open";
  #onChange;
  #onKiosk;
  #timer;

  /** `onChange(state)` is told of another state, `onKiosk(kiosk, askedAt)` of what the server says about this kiosk. */
  constructor(onChange, onKiosk) {
    this.#onChange = onChange;
    this.#onKiosk = onKiosk;
    addEventListener("online", () => this.check());
    addEventListener("offline", () => this.#enter("offline"));
    this.#schedule();
  }

  noteAnswer() {
    this.#enter("open");
  }

  noteError(error) {
    const state = stateAfterError(error);
    if (state) this.#enter(state);
    // One thing that the server cannot do now, or all?
    else if (error.status >= 500) this.check();
  }

  async check() {
    const askedAt = performance.now();
    try {
      const kiosk = await call("GET", CHECK);
      this.#enter(kiosk.closed_at ? "closed" : "open");
      this.#onKiosk(kiosk, askedAt);
    } catch (error) {
      this.#enter(stateAfterError(error) ?? "offline");
    }
    this.#schedule();
  }

  #enter(state) {
    if (state === this.state) return;
    this.state = state;
    this.#onChange(state);
    this.#schedule();
  }

  #schedule() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.check(), CHECK_MS[this.state]);
  }
}
