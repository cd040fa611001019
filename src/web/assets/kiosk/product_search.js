// Finding a product by name or number, for what the camera does not know.

import { call } from "./api.js";
import { formatMoney } from "./money.js";
import { showProduct } from "./product_pictures.js";
import { fromTemplate, text } from "./texts.js";

const PAUSE_MS = 250;
const RETRY_MS = 2_000;
const RESULTS = 12;

export class ProductSearch {
  #dialog = document.getElementById("search");
  #field = document.getElementById("search-text");
  #results = document.getElementById("search-results");
  #message = document.getElementById("search-message");
  #timer;
  #asked = 0;
  #choose;

  /** `choose(item)` is called with { product_id } or { barcode }; a rejection is shown in the dialog. */
  constructor(choose) {
    this.#choose = choose;
    this.#field.addEventListener("input", () => {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.#search(), PAUSE_MS);
    });
    this.#dialog.querySelector("form").addEventListener("submit", (event) => {
      event.preventDefault();
      const typed = this.#field.value.trim();
      if (/^[0-9 -]{6,}$/.test(typed)) this.#take({ barcode: typed.replace(/[ -]/g, "") });
      else this.#search();
    });
  }

  get isOpen() {
    return this.#dialog.open;
  }

  open() {
    this.#field.value = "";
    this.#results.replaceChildren();
    this.#message.textContent = "";
    this.#dialog.showModal();
    this.#field.focus();
    this.#search();
  }

  close() {
    this.#dialog.close();
  }

  async #search() {
    clearTimeout(this.#timer);
    const asked = (this.#asked += 1);
    const name = this.#field.value.trim();
    try {
      const page = await call("GET", `/api/products?limit=${RESULTS}&q=${encodeURIComponent(name)}`);
      // A later search may have been answered first.
      if (asked !== this.#asked) return;
      const products = page.data.filter((product) => product.active && product.price !== null);
      this.#results.replaceChildren(...products.map((product) => this.#makeResult(product)));
      this.#message.textContent = products.length === 0 ? text("searchNothing", { name }) : "";
    } catch {
      if (asked !== this.#asked || !this.isOpen) return;
      this.#results.replaceChildren();
      this.#message.textContent = text("searchFailed");
      // Until the server is back.
      this.#timer = setTimeout(() => this.#search(), RETRY_MS);
    }
  }

  #makeResult(product) {
    const { element, parts } = fromTemplate("choice");
    parts.name.textContent = product.name;
    parts.price.textContent = formatMoney(product.price, product.currency);
    showProduct(parts.picture, product.id);
    element.addEventListener("click", () => this.#take({ product_id: product.id }));
    return element;
  }

  async #take(item) {
    try {
      await this.#choose(item);
      this.close();
    } catch (error) {
      const isUnknown = item.barcode && [404, 422].includes(error.status);
      this.#message.textContent = isUnknown ? text("scanUnknown", { code: item.barcode }) : text("refused");
    }
  }
}
