// The second click of a double click, or tap of a double tap, never presses what the first one put in its place: a button of
// a dialog that opened or changed, or what lies below a dialog that closed.

const DOUBLE_CLICK_MS = 600;
/** How far apart two taps of a finger at one place may be, in CSS pixels. */
const SAME_PLACE_PX = 40;
const CONTROLS = "button, a, summary, label, input, select, textarea";

/** Decides which presses count. A control is anything that can be compared; null is none. Pure but for its own memory. */
export class DoubleClickFilter {
  #last = null;

  /** Whether a press at `now` (milliseconds) is the rest of a double click on another control, and must do nothing. */
  isRest({ control, x, y, now }) {
    const last = this.#last;
    const isRest =
      last !== null &&
      last.control !== null &&
      last.control !== control &&
      now - last.now < DOUBLE_CLICK_MS &&
      Math.hypot(x - last.x, y - last.y) < SAME_PLACE_PX;
    // A third tap is compared with the first as well.
    this.#last = isRest ? { ...last, now } : { control, x, y, now };
    return isRest;
  }
}

/** The control that a click on `target` works on; null if it works on none. */
function controlAt(target) {
  const control = target instanceof Element ? target.closest(CONTROLS) : null;
  return control instanceof HTMLLabelElement ? (control.control ?? control) : control;
}

export function bindDoubleClicks() {
  const filter = new DoubleClickFilter();
  let isRest = false;
  addEventListener(
    "pointerdown",
    (event) => {
      isRest = filter.isRest({ control: controlAt(event.target), x: event.clientX, y: event.clientY, now: event.timeStamp });
    },
    { capture: true },
  );
  addEventListener(
    "click",
    (event) => {
      // Clicks of the keyboard and of scripts have no pointer.
      if (!isRest || event.detail === 0) return;
      event.preventDefault();
      event.stopImmediatePropagation();
    },
    { capture: true },
  );
  // Enter that is held down presses a button again and again, whichever has the focus by then.
  addEventListener(
    "keydown",
    (event) => {
      if (event.repeat && event.key === "Enter" && event.target.closest?.("button, a, summary")) event.preventDefault();
    },
    { capture: true },
  );
}
