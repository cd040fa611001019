// The bill on the screen. Lines that did not change are not drawn again, so nothing jumps.

import { formatMoney } from "./money.js";
import { showProduct } from "./product_pictures.js";
import { fromTemplate, text } from "./texts.js";

const FLASH_MS = 900;

export class BillView {
  #list = document.getElementById("lines");
  #empty = document.getElementById("bill-empty");
  #total = document.getElementById("total");
  #tax = document.getElementById("bill-tax");
  #discount = document.getElementById("bill-discount");
  #pay = document.getElementById("pay");
  #blocked = document.getElementById("bill-blocked");
  #lines = new Map();
  #setQuantity;

  /** `setQuantity(lineId, quantity)` is called when a line's buttons are touched. */
  constructor(setQuantity) {
    this.#setQuantity = setQuantity;
    // Whatever takes room from the list, its newest line stays in view.
    new ResizeObserver(() => this.#list.lastElementChild?.scrollIntoView({ block: "nearest" })).observe(this.#list);
  }

  show(session, currency) {
    const items = session?.items ?? [];
    for (const [id, line] of this.#lines) {
      if (!items.some((item) => item.id === id)) this.#remove(id, line, session !== null);
    }
    let changed = null;
    for (const item of items) {
      const line = this.#lines.get(item.id) ?? this.#insert(item);
      if (this.#update(line, item, session.currency)) changed = line;
    }
    changed?.element.scrollIntoView({ block: "nearest" });
    this.#empty.hidden = items.length > 0;
    this.#showSums(session, session?.currency ?? currency);
  }

  #showSums(session, currency) {
    const total = formatMoney(session?.total ?? 0, currency);
    this.#total.textContent = total;
    this.#pay.querySelector("[data-amount]").textContent = total;
    this.#pay.disabled = !session?.confirmable;
    this.#tax.hidden = !session?.tax_total;
    this.#tax.textContent = text(session?.prices_include_tax ? "taxIncluded" : "taxAdded", {
      amount: formatMoney(session?.tax_total ?? 0, currency),
    });
    this.#discount.hidden = !session?.discount_total;
    this.#discount.textContent = text("discount", { amount: formatMoney(-(session?.discount_total ?? 0), currency) });
    this.#blocked.hidden = !session?.items.some((item) => item.problem);
  }

  #insert(item) {
    const { element, parts } = fromTemplate("bill-line");
    const line = { element, parts, item: null };
    parts.name.textContent = item.product_name;
    showProduct(parts.picture, item.product_id);
    const change = (difference) => () => this.#setQuantity(line.item.id, line.item.quantity + difference);
    parts.less.addEventListener("click", change(-1));
    parts.more.addEventListener("click", change(1));
    for (const button of [parts.less, parts.more]) {
      button.setAttribute("aria-label", text(button.dataset.label, { name: item.product_name }));
    }
    this.#list.append(element);
    this.#lines.set(item.id, line);
    return line;
  }

  /** Returns whether something on the line is new. */
  #update(line, item, currency) {
    const old = line.item;
    line.item = item;
    if (old && JSON.stringify(old) === JSON.stringify(item)) return false;
    const { element, parts } = line;
    parts.quantity.textContent = item.quantity;
    parts.amount.textContent = item.amount === null ? "–" : formatMoney(item.amount, currency);
    parts.each.textContent = item.quantity > 1 && item.unit_price !== null ? text("each", { price: formatMoney(item.unit_price, currency) }) : "";
    parts.problem.textContent = item.problem ? text(`problem-${item.problem}`.replace(/-(\w)/g, (_, letter) => letter.toUpperCase())) : "";
    parts.less.classList.toggle("removes", item.quantity === 1);
    flash(element, !old || item.quantity > old.quantity ? "added" : "reduced");
    return true;
  }

  #remove(id, { element }, withFlash) {
    this.#lines.delete(id);
    if (!withFlash) {
      element.remove();
      return;
    }
    element.inert = true;
    flash(element, "removed");
    setTimeout(() => element.remove(), FLASH_MS / 3);
  }
}

function flash(element, name) {
  element.classList.remove("added", "reduced");
  // Restarts the animation.
  void element.offsetWidth;
  element.classList.add(name);
  if (name !== "removed") setTimeout(() => element.classList.remove(name), FLASH_MS);
}
