// A short message at the bottom of the page, read aloud by screen readers.

const SHOWN_MS = 6000;

/** Shows `text`; `undo`, if given, is { label, action }. */
export function toast(text, undo) {
  const item = document.createElement("div");
  item.className = "toast";
  item.append(text);
  if (undo) {
    const button = document.createElement("button");
    button.textContent = undo.label;
    button.addEventListener("click", () => { item.remove(); undo.action(); });
    item.append(button);
  }
  document.getElementById("toasts").append(item);
  setTimeout(() => item.remove(), SHOWN_MS);
  return item;
}

/** Takes away what the server rendered, after a while, and its name in the address, so that a reload does not say it again. */
export function bindToasts() {
  const address = new URL(location.href);
  if (address.searchParams.has("notice")) {
    address.searchParams.delete("notice");
    history.replaceState(history.state, "", address);
  }
  for (const item of document.querySelectorAll("#toasts .toast")) setTimeout(() => item.remove(), SHOWN_MS);
}
