// Asks once before something is destroyed. A button with data-ask-title and data-ask-text opens the dialog of the layout.

/** Resolves to whether the person said yes. */
export function ask(title, text, yes) {
  const dialog = document.getElementById("ask");
  document.getElementById("ask-title").textContent = title;
  document.getElementById("ask-text").textContent = text;
  document.getElementById("ask-yes").textContent = yes;
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}

export function bindAsks(root) {
  root.addEventListener("click", async (event) => {
    const button = event.target.closest("button[data-ask-title]");
    if (!button || button.dataset.asked) return;
    event.preventDefault();
    event.stopPropagation();
    if (button.form && !button.form.reportValidity()) return;
    if (await ask(button.dataset.askTitle, button.dataset.askText, button.textContent.trim())) {
      button.dataset.asked = "yes";
      button.form?.requestSubmit(button);
      delete button.dataset.asked;
    }
  });
}
