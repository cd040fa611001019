// Replaces parts of a page by those of the same page fetched anew, keeps focus and scroll, and leaves alone what is the same.

/** Fetches `address` and replaces the elements with these ids. Resolves to whether the page could be had. */
export async function refresh(ids, address = location.href) {
  let response;
  try {
    response = await fetch(address, { headers: { accept: "text/html" }, credentials: "same-origin" });
  } catch {
    return false;
  }
  // The session has ended: the page itself says so.
  if (response.redirected && new URL(response.url).pathname === "/login") {
    location.reload();
    return false;
  }
  if (!response.ok) return false;
  const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
  for (const id of ids) swap(document.getElementById(id), fresh.getElementById(id));
  return true;
}

function swap(old, fresh) {
  if (!old || !fresh || old.isEqualNode(fresh)) return;
  const focused = old.contains(document.activeElement) ? document.activeElement : null;
  const focusPath = focused && pathTo(old, focused);
  const open = [...old.querySelectorAll("details")].map((details) => details.open);
  const scroll = [old.scrollLeft, old.scrollTop];
  const adopted = document.importNode(fresh, true);
  [...adopted.querySelectorAll("details")].forEach((details, at) => { if (open[at]) details.open = true; });
  old.replaceWith(adopted);
  [adopted.scrollLeft, adopted.scrollTop] = scroll;
  if (focused) (focused.id ? document.getElementById(focused.id) : follow(adopted, focusPath))?.focus({ preventScroll: true });
}

function pathTo(root, node) {
  const path = [];
  for (let at = node; at !== root; at = at.parentElement) path.unshift([...at.parentElement.children].indexOf(at));
  return path;
}

function follow(root, path) {
  return path.reduce((at, index) => at?.children[index], root);
}

/** An element with data-refresh="SECONDS" is refreshed while the page is seen, from data-refresh-from where a form's answer shows it; a checkbox with data-refresh-switch stops it. */
export function bindRefresh(root) {
  for (const element of root.querySelectorAll("[data-refresh][id]")) {
    const { id, dataset } = element;
    setInterval(() => {
      const on = document.querySelector("[data-refresh-switch]")?.checked ?? true;
      if (on && !document.hidden && !document.querySelector("dialog[open]")) refresh([id], dataset.refreshFrom ?? location.href);
    }, Number(dataset.refresh) * 1000);
  }
}
