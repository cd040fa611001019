// Every page of the plan: axe-core in light and dark, by keyboard, with text of twice the size, without motion.
// Usage: node accessibility.mjs PLAN
import fs from 'node:fs';
import { createRequire } from 'node:module';
import { beginAnew, browser, open, plan, visit } from './browser.mjs';
import { checkDialog, checkMenu, checkSkipLink, checkTabOrder } from './keyboard.mjs';
import { STEPS } from './kiosk.mjs';
import { findCuts, findMotion } from './reflow.mjs';

const WIDE = { width: 1280, height: 800 };
/** As a browser's zoom of 200 % makes it. */
const ZOOMED = { width: 640, height: 400 };
const PHONE = { width: 390, height: 844 };
const axe = fs.readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const failures = [];

/** Violations that keep somebody from using the page. In the dark only colours differ. */
async function runAxe(page, rules) {
  await page.evaluate((source) => { if (!window.axe) (0, eval)(source); }, axe).catch(() => page.evaluate(axe));
  const violations = await page.evaluate(async (only) => {
    const options = { resultTypes: ['violations'], ...(only ? { runOnly: { type: 'rule', values: only } } : {}) };
    return (await window.axe.run(document, options)).violations;
  }, rules);
  return violations.filter(({ impact }) => ['serious', 'critical'].includes(impact))
    .flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.target.join(' ')}: ${node.any[0]?.message ?? node.html.slice(0, 120)}`));
}

async function look(page) {
  await page.emulateMedia({ colorScheme: 'light', reducedMotion: 'reduce' });
  const light = await runAxe(page, null);
  await page.emulateMedia({ colorScheme: 'dark' });
  const dark = (await runAxe(page, ['color-contrast'])).map((fault) => `in the dark, ${fault}`);
  await page.emulateMedia({ colorScheme: 'light' });
  return [...light, ...dark, ...await page.evaluate(findMotion)];
}

async function magnify(page) {
  const faults = [];
  await page.evaluate(() => { document.documentElement.style.fontSize = '200%'; });
  faults.push(...(await page.evaluate(findCuts)).map((fault) => `at 200 %, ${fault}`));
  await page.evaluate(() => { document.documentElement.style.fontSize = ''; });
  for (const size of [ZOOMED, PHONE]) {
    await page.setViewportSize(size);
    faults.push(...(await page.evaluate(findCuts)).map((fault) => `at ${size.width} px, ${fault}`));
  }
  return faults;
}

async function operate(page) {
  const faults = await checkTabOrder(page);
  if (await page.locator('body:not(.kiosk)').count()) faults.push(...await checkSkipLink(page));
  const asking = page.locator('button[data-ask-title]:visible').first();
  if (await asking.count()) faults.push(...await checkDialog(page, asking, '#ask'));
  return faults;
}

function report(name, faults) {
  for (const fault of new Set(faults)) failures.push(`${name}: ${fault}`);
}

const times = { look: 0, operate: 0, magnify: 0 };
async function timed(what, action) {
  const began = performance.now();
  const result = await action();
  times[what] += performance.now() - began;
  return result;
}

let pages = 0;
for (const role of Object.keys(plan.cookies)) {
  const context = await open(role, { viewport: WIDE });
  const page = await context.newPage();
  page.on('pageerror', (error) => failures.push(`${page.url()}: ${error.message}`));
  page.on('console', (message) => { if (message.type() === 'error' && !message.text().includes('the server responded')) failures.push(`${page.url()}: ${message.text()}`); });
  for (const entry of plan.visits.filter((one) => one.role === role)) {
    const name = `${entry.name} as ${role}`;
    await page.setViewportSize(WIDE);
    try {
      await visit(page, entry);
      if (role === 'kiosk') {
        await lookAtKiosk(page);
        continue;
      }
      report(name, await timed('look', () => look(page)));
      report(name, await timed('operate', () => operate(page)));
      report(name, await timed('magnify', () => magnify(page)));
      report(name, await checkMenu(page));
    } catch (error) {
      report(name, [error.message]);
    }
    pages += 1;
  }
  await context.close();
}

const context = await open('stranger', { viewport: WIDE });
const page = await context.newPage();
await beginAnew(page, async (name) => {
  report(name, await timed('look', () => look(page)));
  report(name, await timed('magnify', () => magnify(page)));
  await page.setViewportSize(WIDE);
  pages += 1;
});

/** The screens of a sale; what covers the screen is a dialog. */
async function lookAtKiosk(page) {
  for (const [step, go] of STEPS) {
    await page.setViewportSize(WIDE);
    await go(page, plan.barcodes);
    report(`kiosk ${step}`, await timed('look', () => look(page)));
    report(`kiosk ${step}`, await timed('magnify', () => magnify(page)));
    await page.setViewportSize(WIDE);
    if (step === 'bill') {
      report(`kiosk ${step}`, await checkTabOrder(page));
      for (const [opener, dialog] of [['#open-settings', '#settings'], ['#cancel', '#cancel-sale'], ['#pay', '#payment'],
        ['.bill-actions [data-action=search]', '#search'], ['.bill-actions [data-action=call-staff]', '#staff-called']]) {
        report(`kiosk ${step}`, await checkDialog(page, page.locator(opener), dialog));
      }
    }
    pages += 1;
  }
}

await browser.close();
for (const failure of failures) console.log(failure);
console.log(Object.entries(times).map(([what, ms]) => `${what} ${Math.round(ms / 1000)} s`).join(', '));
console.log(failures.length ? `${failures.length} faults on ${pages} pages` : `${pages} pages are accessible`);
process.exit(failures.length ? 1 : 0);
