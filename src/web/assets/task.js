// A task while it is worked on: the server tells what is new, and the parts of the page are fetched anew. Without scripts a
// reload shows the same.

import { refresh } from "./fragments.js";

const PARTS = ["task-head", "task-progress", "task-products", "task-items", "task-log"];
/** At most so often, however much happens. */
const PAUSE_MS = 1000;

let timer = null;
let isOver = false;

function schedule() {
  timer ??= setTimeout(async () => {
    // A dialog belongs to a button that would be replaced.
    if (!document.hidden && !document.querySelector("dialog[open]")) await refresh(PARTS);
    timer = null;
    if (!isOver && document.hidden) document.addEventListener("visibilitychange", schedule, { once: true });
  }, PAUSE_MS);
}

function watch(address) {
  const source = new EventSource(address);
  source.addEventListener("log", schedule);
  source.addEventListener("task", (event) => {
    const task = JSON.parse(event.data);
    isOver = !["waiting", "processing"].includes(task.status);
    // The stream would be opened again by itself.
    if (isOver) source.close();
    schedule();
  });
}

const watched = document.querySelector("[data-task-events]");
if (watched) watch(watched.dataset.taskEvents);

// The photo of an item may be what is wrong with it.
document.addEventListener("error", (event) => {
  if (event.target.matches?.("img[data-photo]")) event.target.hidden = true;
}, true);
