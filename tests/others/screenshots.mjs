// Pictures of every page on its own device, in light and dark; kiosk, mypage and dashboard also in Korean. Three of them are for
// the README.
// Usage: node screenshots.mjs PLAN FOLDER README_FOLDER
import fs from 'node:fs';
import path from 'node:path';
import { beginAnew, browser, open, plan, showScene, visit } from './browser.mjs';
import { scan, STEPS, waitForCamera } from './kiosk.mjs';

const [, , , folder, readmeFolder] = process.argv;
const DESK = { width: 1440, height: 900 };
const PHONE = { width: 390, height: 844 };
const DEVICES = {
  stranger: { name: 'phone', viewport: PHONE, deviceScaleFactor: 2 },
  shopper: { name: 'phone', viewport: PHONE, deviceScaleFactor: 2 },
  clerk: { name: 'desk', viewport: DESK },
  admin: { name: 'desk', viewport: DESK },
};
const KIOSKS = [
  { name: 'kiosk', viewport: { width: 1280, height: 800 } },
  { name: 'tablet', viewport: { width: 820, height: 1180 } },
];
/** Pages whose Korean is looked at too. */
const IN_KOREAN = ['mypage', 'mypage-orders-id', 'admin', 'dashboard-30-days', 'login'];
/** What the README shows besides the kiosk and the teaching: page, and the file's name. */
const FOR_README = { 'dashboard-30-days': 'dashboard' };
const only = process.env.ONLY && new RegExp(process.env.ONLY);
const isAsked = (name) => !only || only.test(name);
let pictures = 0;

for (const [language, tag] of [['en', ''], ['ko', '-ko']]) {
  for (const theme of ['light', 'dark']) {
    for (const [role, device] of Object.entries(DEVICES)) await shootPages(role, device, language, theme, tag);
    for (const device of KIOSKS) await shootKiosk(device, language, theme, tag);
  }
}
if (isAsked('first')) {
  const context = await open('stranger', { viewport: DESK, reducedMotion: 'reduce' });
  const page = await context.newPage();
  await beginAnew(page, async (name) => {
    for (const theme of ['light', 'dark']) {
      await page.emulateMedia({ colorScheme: theme });
      await shoot(page, `desk-${name}-${theme}`, true);
    }
  });
}
await browser.close();
console.log(`${pictures} pictures in ${folder}`);

async function shootPages(role, device, language, theme, tag) {
  // A clerk's pages are an admin's with less on them.
  const seenByAdmin = new Set(plan.visits.filter((one) => one.role === 'admin').map((one) => one.name));
  const entries = plan.visits.filter((one) => one.role === role && (role !== 'clerk' || !seenByAdmin.has(one.name) || one.name === 'admin')
    && (language === 'en' || IN_KOREAN.includes(one.name)) && isAsked(one.name));
  if (!entries.length) return;
  const context = await open(role, { viewport: device.viewport, deviceScaleFactor: device.deviceScaleFactor ?? 1, colorScheme: theme, reducedMotion: 'reduce' }, language);
  const page = await context.newPage();
  for (const entry of entries) {
    await visit(page, entry);
    await settle(page);
    await shoot(page, `${device.name}-${entry.name}${role === 'clerk' ? '-clerk' : ''}${tag}-${theme}`, true);
    if (theme === 'light' && language === 'en' && FOR_README[entry.name] && role !== 'clerk') await shootForReadme(page, FOR_README[entry.name]);
    if (entry.name === 'admin-products-new') await shootTeaching(page, `${device.name}-teach-photos${tag}-${theme}`, theme);
  }
  await context.close();
}

/** A product with its photos chosen and its name typed, before it is taught. */
async function shootTeaching(page, name, theme) {
  await page.setInputFiles('input[type=file]', plan.newProduct.photos);
  await page.waitForFunction((count) => document.querySelectorAll('[data-picked] li[data-tone]').length === count, plan.newProduct.photos.length);
  await page.fill('[name=name]', plan.newProduct.name);
  await page.fill('[name=price]', '4.49');
  await settle(page);
  await shoot(page, name, true);
  if (theme === 'light') await shootForReadme(page, 'teach');
}

/** A sale, screen by screen. The camera sees products only while the bill is filled. */
async function shootKiosk(device, language, theme, tag) {
  if (!isAsked('kiosk')) return;
  const context = await open('kiosk', { viewport: device.viewport, colorScheme: theme, reducedMotion: 'reduce' }, language);
  const page = await context.newPage();
  const name = (step) => `${device.name}-${step}${tag}-${theme}`;
  showScene(0);
  await visit(page, { address: '/kiosk', status: 200 });
  await waitForCamera(page);
  await clearBill(page);
  await page.waitForTimeout(1500);
  await shoot(page, name('empty'));
  showScene(1);
  await page.waitForSelector('#lines .line');
  await scan(page, plan.barcodes[2]);
  showScene(2);
  await page.waitForFunction(() => document.querySelectorAll('#boxes .box.billed').length > 1 || !document.getElementById('question').hidden, null, { timeout: 8000 }).catch(() => {});
  await page.waitForTimeout(1200);
  await shoot(page, name('bill'));
  if (theme === 'light' && language === 'en' && device.name === 'kiosk') await shootForReadme(page, 'kiosk');
  showScene(3);
  await page.waitForFunction(() => !document.getElementById('question').hidden, null, { timeout: 8000 }).catch(() => {});
  await settle(page);
  await shoot(page, name('question'));
  await page.evaluate(() => document.querySelector('#choices .choice')?.click());
  showScene(0);
  await page.waitForFunction(() => document.getElementById('question').hidden, null, { timeout: 8000 }).catch(() => {});
  for (const [step, go] of STEPS.slice(2)) {
    await go(page, plan.barcodes);
    await settle(page);
    await shoot(page, name(step));
  }
  await page.click('[data-action=next]');
  await context.close();
}

async function clearBill(page) {
  if (!await page.locator('#lines .line').count()) return;
  await page.click('#cancel');
  await page.click('#cancel-yes');
  await page.waitForFunction(() => !document.querySelector('#lines .line'));
}

/** Waits until every picture in view is there. */
async function settle(page) {
  await page.evaluate(() => { for (const image of document.images) image.loading = 'eager'; });
  await page.waitForFunction(() => [...document.images].every((image) => image.complete || !image.checkVisibility()));
  await page.evaluate(() => document.activeElement?.blur());
  await page.waitForTimeout(100);
}

async function shoot(page, name, whole = false) {
  await page.screenshot({ path: path.join(folder, `${name}.png`), fullPage: whole });
  pictures += 1;
}

/** What is seen without scrolling, as a JPEG that a README loads quickly. */
async function shootForReadme(page, name) {
  await page.screenshot({ path: path.join(readmeFolder, `${name}.jpg`), type: 'jpeg', quality: 80 });
  if (fs.statSync(path.join(readmeFolder, `${name}.jpg`)).size > 150_000) throw new Error(`${name}.jpg is larger than 150 kB`);
}
