// Files by drag and drop or from the clipboard, for a page that takes photos.

/** Calls `take` with the files that are dropped on `zone`, pasted, or chosen in its file input. */
export function bindDrop(zone, take) {
  const input = zone.querySelector("input[type=file]");
  for (const type of ["dragenter", "dragover"]) {
    zone.addEventListener(type, (event) => { event.preventDefault(); zone.classList.add("over"); });
  }
  zone.addEventListener("dragleave", () => zone.classList.remove("over"));
  zone.addEventListener("drop", (event) => {
    event.preventDefault();
    zone.classList.remove("over");
    take([...event.dataTransfer.files]);
  });
  document.addEventListener("paste", (event) => {
    if (event.clipboardData.files.length) take([...event.clipboardData.files]);
  });
  input?.addEventListener("change", () => { take([...input.files]); input.value = ""; });
}
