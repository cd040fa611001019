// A page by keyboard alone: Tab reaches everything in the order of the page, the focus is seen, dialogs keep it and give it back.

/** Runs in the page: gives each thing that Tab must reach a number, in the order of the page. Returns their names. */
function markStops() {
  const selector = 'a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex]';
  const isSeen = (element) => element.checkVisibility({ visibilityProperty: true })
    && !(element.closest('details:not([open])') && element.tagName !== 'SUMMARY');
  const radios = new Set();
  const stops = [...document.querySelectorAll(selector)].filter((element) => {
    if (element.disabled || element.tabIndex < 0 || !isSeen(element) || element.closest('[inert]')) return false;
    if (element.type !== 'radio') return true;
    // Tab reaches one of a group: the chosen one, else the first.
    const group = `${element.form?.action}${element.name}`;
    const chosen = [...document.querySelectorAll(`input[type=radio][name="${element.name}"]`)]
      .some((radio) => radio.checked && radio.form === element.form);
    if (chosen ? !element.checked : radios.has(group)) return false;
    radios.add(group);
    return true;
  });
  stops.forEach((element, index) => { element.dataset.stop = index; });
  return stops.map((element) => `${element.tagName.toLowerCase()} "${(element.getAttribute('aria-label') ?? element.textContent.trim() ?? '').slice(0, 40)}"${element.id ? ` #${element.id}` : ''}`);
}

/** Runs in the page: what has the focus, and what is wrong with it. */
function inspectFocus() {
  const element = document.activeElement;
  if (!element || element === document.body) return null;
  // A field that only its label shows.
  const label = element.classList.contains('visually-hidden') ? element.labels?.[0] : null;
  const shown = label ? [label] : [element, element.closest('tr'), element.closest('label')].filter(Boolean);
  const hasRing = shown.some((one) => {
    const style = getComputedStyle(one);
    return style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2;
  });
  const box = (label ?? element.closest('label') ?? element).getBoundingClientRect();
  const inView = box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth;
  const at = document.elementFromPoint(
    Math.min(Math.max(box.left + box.width / 2, 1), innerWidth - 1), Math.min(Math.max(box.top + box.height / 2, 1), innerHeight - 1));
  const isCovered = at && !(label ?? element).contains(at) && !at.contains(element) && !at.closest('label')?.contains(element);
  return {
    stop: element.dataset.stop === undefined ? null : Number(element.dataset.stop),
    name: `${element.tagName.toLowerCase()} "${element.textContent.trim().slice(0, 40)}" ${element.id}`,
    fault: !hasRing ? 'the focus is not seen' : !inView ? 'has the focus out of view' : isCovered ? 'has the focus below something else' : null,
  };
}

/** Presses Tab until it has been everywhere. Returns what is wrong. */
export async function checkTabOrder(page) {
  const names = await page.evaluate(markStops);
  const faults = [];
  const reached = new Set();
  await page.evaluate(() => { document.activeElement?.blur(); getSelection().removeAllRanges(); scrollTo(0, 0); });
  await page.evaluate(() => {
    // From the top, wherever a field took the focus.
    const start = document.createElement('span');
    start.tabIndex = -1;
    document.body.prepend(start);
    start.focus();
    start.remove();
  });
  let last = -1;
  for (let presses = 0; presses < names.length * 3 + 30 && reached.size < names.length; presses += 1) {
    await page.keyboard.press('Tab');
    const focus = await page.evaluate(inspectFocus);
    if (!focus) continue;
    if (focus.stop !== null) {
      if (focus.stop < last && !reached.has(focus.stop)) faults.push(`${focus.name} comes late in the order of Tab`);
      if (reached.has(focus.stop) && focus.stop !== last) break;
      if (focus.fault && !reached.has(focus.stop)) faults.push(`${focus.name} ${focus.fault}`);
      reached.add(focus.stop);
      last = focus.stop;
    }
  }
  names.forEach((name, stop) => { if (!reached.has(stop)) faults.push(`Tab does not reach ${name}`); });
  return faults;
}

/** The first stop of a page with a menu leads over it. */
export async function checkSkipLink(page) {
  if (!await page.locator('a.skip').count()) return ['has no link that skips the menu'];
  await page.focus('a.skip');
  const isSeen = await page.evaluate(() => document.activeElement.getBoundingClientRect().top >= 0);
  await page.keyboard.press('Enter');
  const reached = await page.evaluate(() => document.activeElement.id);
  await page.evaluate(() => history.replaceState(null, '', location.pathname + location.search));
  return [...(isSeen ? [] : ['the skip link is not seen with the focus']), ...(reached === 'content' ? [] : [`the skip link leads to "${reached}"`])];
}

/** Opens a dialog by Enter on `opener`; it keeps the focus, closes by Escape, and gives the focus back. */
export async function checkDialog(page, opener, dialog) {
  const faults = [];
  await opener.focus();
  await page.keyboard.press('Enter');
  const isOpen = () => page.locator(dialog).evaluate((element) => element.open);
  for (let waited = 0; !await isOpen() && waited < 2000; waited += 50) await page.waitForTimeout(50);
  if (!await isOpen()) return [`${dialog} does not open by Enter`];
  const stops = await page.locator(dialog).locator('button, input, select, a').count();
  for (let presses = 0; presses <= stops + 1; presses += 1) {
    const isInside = await page.locator(dialog).evaluate((element) => element.contains(document.activeElement) || document.activeElement === document.body);
    if (!isInside) { faults.push(`${dialog} lets the focus go`); break; }
    await page.keyboard.press('Tab');
  }
  await page.keyboard.press('Escape');
  for (let waited = 0; await isOpen() && waited < 1000; waited += 50) await page.waitForTimeout(50);
  if (await isOpen()) return [...faults, `${dialog} does not close by Escape`];
  if (!await opener.evaluate((element) => element === document.activeElement)) faults.push(`${dialog} does not give the focus back`);
  return faults;
}

/** The menu of a small screen opens by Enter and closes by Escape. The viewport is that of a phone. */
export async function checkMenu(page) {
  const summary = page.locator('.menu-fold summary');
  if (!await summary.count()) return [];
  await summary.focus();
  await page.keyboard.press('Enter');
  await page.keyboard.press('Tab');
  const inMenu = await page.evaluate(() => Boolean(document.activeElement.closest('.menu')));
  await page.keyboard.press('Escape');
  const isClosed = await page.evaluate(() => !document.querySelector('.menu-fold').open);
  const isBack = await summary.evaluate((element) => element === document.activeElement);
  return [...(inMenu ? [] : ['the menu does not open by Enter']), ...(isClosed ? [] : ['the menu does not close by Escape']),
    ...(isBack ? [] : ['the menu does not give the focus back'])];
}
