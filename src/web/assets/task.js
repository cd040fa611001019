// A task while it is worked on: the server tells what is new, and the parts of the page are fetched anew. Without scripts a
// reload shows the same.

import { refresh } from "./fragments.js";

const PARTS = ["task-head", "task-progress", "task-reports", "task-products", "task-items", "task-log"];
/** At most so often, however much happens. */
const PAUSE_MS = 1000;

let timer = null;
/** Whether something happened that the page does not show. */
let isStale = false;

function schedule() {
  isStale = true;
  timer ??= setTimeout(show, PAUSE_MS);
}

async function show() {
  if (document.hidden) {
    document.addEventListener("visibilitychange", schedule, { once: true });
  } else if (!document.querySelector("dialog[open]")) {
    // Not while a dialog is open: it belongs to a button that would be replaced.
    isStale = false;
    await refresh(PARTS);
  }
  timer = null;
  if (isStale && !document.hidden) schedule();
}

function watch(address) {
  const source = new EventSource(address);
  source.addEventListener("log", schedule);
  source.addEventListener("task", (event) => {
    const task = JSON.parse(event.data);
    // The stream would be opened again by itself.
    if (!["waiting", "processing"].includes(task.status)) source.close();
    schedule();
  });
}

const watched = document.querySelector("[data-task-events]");
if (watched) watch(watched.dataset.taskEvents);

// The photo of an item may be what is wrong with it.
document.addEventListener("error", (event) => {
  if (event.target.matches?.("img[data-photo]")) event.target.hidden = true;
}, true);
