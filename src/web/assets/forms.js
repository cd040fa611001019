// A form is sent once, however often its button is pressed. The server does not rely on it: a form carries a key.

export function bindGuards(root) {
  root.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method === "dialog" || event.defaultPrevented) return;
    if (form.dataset.sent) {
      event.preventDefault();
      return;
    }
    if (!form.matches("[data-guard]")) return;
    form.dataset.sent = "yes";
    // After 300 ms show that it is being done.
    const button = event.submitter;
    const timer = setTimeout(() => button?.classList.add("busy"), 300);
    // The back button shows the page as it was left.
    addEventListener("pageshow", () => {
      clearTimeout(timer);
      button?.classList.remove("busy");
      delete form.dataset.sent;
    }, { once: true });
  });
}
