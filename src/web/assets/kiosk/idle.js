// A bill that its shopper left: a countdown, then the next shopper starts with an empty one.

const ASK_AFTER_S = 90;
const COUNTDOWN_S = 30;

/** Seconds that the countdown shows, 0 when the time is up, or null if it does not run. */
export function countdownSeconds(now, activeAt, askAfterS = ASK_AFTER_S, countdownS = COUNTDOWN_S) {
  const left = Math.ceil(askAfterS + countdownS - (now - activeAt) / 1000);
  return left > countdownS ? null : Math.max(0, left);
}

/** Watches for touches and keys; shows `dialog` with the seconds in `[data-seconds]`. */
export class IdleReset {
  #dialog;
  #isNeeded;
  #activeAt = performance.now();

  constructor(dialog, isNeeded, reset) {
    this.#dialog = dialog;
    this.#isNeeded = isNeeded;
    for (const event of ["pointerdown", "keydown", "wheel"]) {
      addEventListener(event, () => this.noteActivity(), { capture: true, passive: true });
    }
    setInterval(() => this.#tick(reset), 500);
  }

  noteActivity() {
    this.#activeAt = performance.now();
    if (this.#dialog.open) this.#dialog.close();
  }

  #tick(reset) {
    if (!this.#isNeeded()) {
      this.noteActivity();
      return;
    }
    const seconds = countdownSeconds(performance.now(), this.#activeAt);
    if (seconds === null) return;
    if (seconds === 0) {
      this.noteActivity();
      reset();
      return;
    }
    this.#dialog.querySelector("[data-seconds]").textContent = seconds;
    if (!this.#dialog.open) this.#dialog.showModal();
  }
}
