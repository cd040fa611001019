// Input of a barcode scanner, which types like a keyboard, only faster. It works wherever the focus is.

const PAUSE_MS_MAX = 60;
const LENGTH_MIN = 6;

/** Collects keys until they are a code. Pure but for its own memory. */
export class ScanCollector {
  #text = "";
  #at = 0;

  /** Takes a key pressed at `now` (milliseconds); returns the code that it ends, or null. */
  take(key, now) {
    if (now - this.#at > PAUSE_MS_MAX) this.#text = "";
    this.#at = now;
    if (key === "Enter" || key === "Tab") {
      const code = this.#text;
      this.#text = "";
      return code.length >= LENGTH_MIN ? code : null;
    }
    if (/^[0-9A-Za-z-]$/.test(key)) this.#text += key;
    return null;
  }
}

/** Calls `onScan` with each code. What the scanner typed into a field is taken out of it. */
export function listenForScans(onScan) {
  const collector = new ScanCollector();
  addEventListener(
    "keydown",
    (event) => {
      const code = collector.take(event.key, event.timeStamp);
      if (code === null) return;
      // The scanner's Enter must not press the button that has the focus.
      event.preventDefault();
      event.stopImmediatePropagation();
      const field = document.activeElement;
      if (field instanceof HTMLInputElement && field.value.endsWith(code)) {
        field.value = field.value.slice(0, -code.length);
        field.dispatchEvent(new Event("input", { bubbles: true }));
      }
      onScan(code);
    },
    { capture: true },
  );
}
