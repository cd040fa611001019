// What is cut off or scrolls sideways with text of twice the size. Tables and charts may scroll, in a scroller of their own.

/** Runs in the page. Returns what is wrong, in words. */
export function findCuts() {
  // A list of pictures to choose from, a table, a chart: wide by nature.
  const MAY_SCROLL = '.rows, .chart-picture, .chart details, .chart, pre, .scroller';
  const name = (element) => `${element.tagName.toLowerCase()}${element.id ? `#${element.id}` : ''}`
    + `${element.className && typeof element.className === 'string' ? `.${element.className.trim().split(/\s+/).join('.')}` : ''}`
    + ` "${(element.textContent ?? '').trim().replace(/\s+/g, ' ').slice(0, 40)}"`;
  const faults = new Set();
  const { scrollWidth, clientWidth } = document.documentElement;
  if (scrollWidth > clientWidth + 1) faults.add(`the page scrolls sideways: ${scrollWidth} px in ${clientWidth} px`);
  const hasText = (element) => [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim());
  const isHidden = (element) => element.closest('.visually-hidden, .skip, template, [aria-hidden="true"], svg')
    || !element.checkVisibility({ visibilityProperty: true, opacityProperty: true });
  const dialog = document.querySelector('dialog[open]');
  for (const element of document.querySelectorAll('body *')) {
    if (dialog && !dialog.contains(element)) continue;
    const isField = element.matches('input:not([type=hidden]), select, button, textarea, img, video');
    if (!(hasText(element) || isField) || isHidden(element)) continue;
    let box = element.getBoundingClientRect();
    if (hasText(element)) {
      const range = document.createRange();
      range.selectNodeContents(element);
      box = range.getBoundingClientRect();
    }
    if (!box.width || !box.height) continue;
    const closed = element.closest('details:not([open])');
    if (closed && !element.closest('summary')) continue;
    let sideways = true;
    let down = true;
    for (let at = element; at && at !== document.documentElement; at = at.parentElement) {
      const style = getComputedStyle(at);
      const frame = at.getBoundingClientRect();
      // Nothing is outside of a box that its contents may leave.
      if (at !== document.body || style.overflowY !== 'visible') {
        if (sideways && style.overflowX !== 'visible') {
          if (['auto', 'scroll'].includes(style.overflowX)) {
            if (at.scrollWidth > at.clientWidth + 1 && !at.matches(MAY_SCROLL)) faults.add(`scrolls sideways: ${name(at)}`);
            sideways = false;
          } else if (box.left < frame.left - 2 || box.right > frame.right + 2) {
            faults.add(`cut off at the side of ${name(at).split(' ')[0]}: ${name(element)}`);
          }
        }
        if (down && style.overflowY !== 'visible') {
          if (['auto', 'scroll'].includes(style.overflowY)) down = false;
          else if (box.top < frame.top - 3 || box.bottom > frame.bottom + 3) {
            faults.add(`cut off below in ${name(at).split(' ')[0]}: ${name(element)}`);
          }
        }
      }
      if (style.position === 'fixed') break;
    }
    if (sideways && (box.right > clientWidth + 1 || box.left < -1)) faults.add(`beyond the edge of the page: ${name(element)}`);
  }
  return [...faults];
}

/** Runs in the page: what moves although the visitor wants no motion. */
export function findMotion() {
  const seconds = (value) => Math.max(...value.split(',').map((one) => parseFloat(one) * (one.trim().endsWith('ms') ? 0.001 : 1)));
  const moving = (style) => (style.animationName !== 'none' && seconds(style.animationDuration) > 0.01)
    || (style.transitionProperty !== 'none' && seconds(style.transitionDuration) > 0.01);
  return [...document.querySelectorAll('*')]
    .filter((element) => [null, '::before', '::after'].some((part) => moving(getComputedStyle(element, part))))
    .map((element) => `moves: ${element.tagName.toLowerCase()}.${element.className}`);
}
