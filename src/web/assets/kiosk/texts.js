// Texts that scripts show. They come with the page, as attributes of #texts, in the reader's language.

const texts = document.getElementById("texts").dataset;

/** The text `name`, with `{key}` replaced by the values of `values`. */
export function text(name, values = {}) {
  return (texts[name] ?? name).replace(/\{(\w+)\}/g, (whole, key) => values[key] ?? whole);
}

/** The element of the template with this id, and its parts by their `data-part`. */
export function fromTemplate(id) {
  const element = document.getElementById(id).content.firstElementChild.cloneNode(true);
  const parts = {};
  for (const part of element.querySelectorAll("[data-part]")) parts[part.dataset.part] = part;
  return { element, parts };
}
