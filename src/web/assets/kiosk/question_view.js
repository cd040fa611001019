// The question below the camera: which of these is it, or what is it?

import { showProduct } from "./product_pictures.js";
import { fromTemplate, text } from "./texts.js";

export class QuestionView {
  #panel = document.getElementById("question");
  #title = document.getElementById("question-title");
  #count = document.getElementById("question-count");
  #choices = document.getElementById("choices");
  #help = document.getElementById("unknown-help");
  #seen = document.getElementById("question-seen");
  #shown = null;
  #question = null;
  #answer;

  /** `answer(key, candidate)` is called with the candidate that was touched, or null for none of them. */
  constructor(answer) {
    this.#answer = answer;
    document.getElementById("question-none").addEventListener("click", () => this.#answer(this.#question.key, null));
  }

  get key() {
    return this.#question?.key ?? null;
  }

  /** Shows a question of `nextQuestion`, or nothing for null. `picture` is the bitmap in which its thing was seen. */
  show(question, picture) {
    this.#question = question;
    const shown = question && JSON.stringify([question.key, question.count, question.candidates.map((one) => one.product_id)]);
    if (shown === this.#shown) return;
    this.#shown = shown;
    this.#panel.hidden = question === null;
    if (question === null) return;
    const { candidates, several, count, region } = question;
    this.#title.textContent = text(candidates.length === 0 ? "askUnknown" : several ? "askSeveral" : "askWhich");
    this.#count.hidden = count < 2;
    this.#count.textContent = text("askMore", { count: count - 1 });
    this.#help.hidden = candidates.length > 0;
    this.#choices.replaceChildren(...candidates.map((candidate) => this.#makeChoice(question.key, candidate)));
    drawRegion(this.#seen, picture, region);
  }

  #makeChoice(key, candidate) {
    const { element, parts } = fromTemplate("choice");
    parts.name.textContent = candidate.product_name;
    showProduct(parts.picture, candidate.product_id);
    element.addEventListener("click", () => this.#answer(key, candidate));
    return element;
  }
}

/** Shows what the question is about, as the camera saw it. */
function drawRegion(canvas, picture, { x, y, width, height }) {
  canvas.hidden = picture === null;
  if (picture === null) return;
  canvas.width = width;
  canvas.height = height;
  canvas.getContext("2d").drawImage(picture, x, y, width, height, 0, 0, width, height);
}
