// Boxes and names over the camera's picture.

import { fromTemplate, text } from "./texts.js";

const layer = document.getElementById("boxes");

/** Shows what was recognised in a picture of this size. Each thing is { status, region, item }. */
export function showBoxes(things, picture) {
  const percent = (part, whole) => `${(100 * part) / whole}%`;
  layer.replaceChildren(
    ...things.map(({ status, region, item }) => {
      const { element, parts } = fromTemplate("box");
      element.classList.add(status);
      element.style.left = percent(region.x, picture.width);
      element.style.top = percent(region.y, picture.height);
      element.style.width = percent(region.width, picture.width);
      element.style.height = percent(region.height, picture.height);
      // The name stays inside the picture: it begins where the box begins, or ends where it ends.
      const isAtRight = region.x + region.width / 2 > picture.width / 2;
      const room = isAtRight ? region.x + region.width : picture.width - region.x;
      parts.label.style.maxWidth = `${(100 * room) / region.width}%`;
      element.classList.toggle("at-right", isAtRight);
      element.classList.toggle("at-top", region.y < picture.height * 0.1);
      parts.name.textContent = status === "billed" ? nameOf(item) : text(status === "asked" ? "boxAsked" : "boxDismissed");
      return element;
    }),
  );
}

function nameOf(item) {
  return item.chosenName ?? item.candidates[0]?.product_name ?? "";
}

/** What is shown may no longer lie where it lay. */
export function fadeBoxes(isOld) {
  layer.classList.toggle("old", isOld);
}
