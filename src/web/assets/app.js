// What every page does beyond plain HTML. Each part works alone; without scripts the pages work too.

import { bindAsks } from "./dialog.js";
import { bindDoubleClicks } from "./double_click.js";
import { bindGuards } from "./forms.js";
import { bindRefresh } from "./fragments.js";
import { bindToasts } from "./toast.js";

bindDoubleClicks();
bindAsks(document);
bindGuards(document);
bindRefresh(document);
bindToasts();

for (const button of document.querySelectorAll("button[data-copy]")) {
  button.hidden = false;
  button.addEventListener("click", () => navigator.clipboard.writeText(button.dataset.copy));
}

for (const button of document.querySelectorAll("button[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => print());
}

// A new store is most likely where the browser is.
for (const zone of document.querySelectorAll("form:has(#currencies) [name=time_zone]")) {
  const here = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (zone.value === "UTC" && [...zone.list.options].some((option) => option.value === here)) zone.value = here;
}

// A menu that was unfolded on a phone closes by Escape, and the focus is where it was opened.
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || document.querySelector("dialog[open]")) return;
  for (const fold of document.querySelectorAll(".menu-fold[open]")) {
    fold.open = false;
    fold.querySelector("summary").focus();
  }
});
