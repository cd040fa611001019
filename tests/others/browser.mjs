// The browser, and the plan that tests/filled_shop writes: addresses, cookies of each role, files for the camera.
import fs from 'node:fs';
import { chromium } from 'playwright-core';

export const plan = JSON.parse(fs.readFileSync(process.argv[2], 'utf8'));

// Containers have no sandbox of their own to give, and little shared memory.
export const browser = await chromium.launch({
  executablePath: plan.chromium,
  args: ['--no-sandbox', '--disable-dev-shm-usage', '--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream',
    `--use-file-for-fake-video-capture=${plan.camera}`],
});

/** A context with the cookies of `role`, and with `language` if it is given. */
export async function open(role, options = {}, language = null) {
  const context = await browser.newContext({ locale: 'en-US', timezoneId: 'Europe/Berlin', ...options });
  const cookies = plan.cookies[role].map(([name, value]) => ({ name, value, url: plan.url }));
  if (language) cookies.push({ name: 'language', value: language, url: plan.url });
  context.setDefaultTimeout(10_000);
  await context.addCookies(cookies);
  return context;
}

/** Opens a page of the plan, which must answer with the expected status. */
export async function visit(page, { address, status }) {
  const response = await page.goto(plan.url + address);
  if (response.status() !== status) throw new Error(`${address} answered ${response.status()} and not ${status}`);
  if (page.url().includes('/login?next')) throw new Error(`${address} led to sign-in`);
}

/** A server that nobody has used yet: each page as it is then, and what leads to it. */
const FIRST_PAGES = ['/setup', '/admin', '/admin/products', '/admin/products/new', '/admin/orders', '/admin/closings', '/admin/stores',
  '/admin/people', '/admin/numbering', '/admin/alerts'];

/** Opens the pages of the first start, and calls `look` with the name of each. */
export async function beginAnew(page, look) {
  const { url, password } = plan.firstStart;
  await page.goto(`${url}/login`);
  await look('first-login');
  await page.goto(`${url}/setup/password`);
  if (!page.url().endsWith('/setup/password')) throw new Error(`the first start led to ${page.url()}`);
  await look('first-setup-password');
  await page.fill('[name=one_time_password]', password);
  await page.fill('[name=new_password]', 'too short');
  await page.click('button.primary');
  await page.waitForSelector('[aria-invalid=true]');
  await look('first-setup-refused');
  await page.fill('[name=one_time_password]', password);
  await page.fill('[name=new_password]', 'weighs every pear');
  await page.click('button.primary');
  await page.waitForURL(`${url}/setup`);
  for (const address of FIRST_PAGES) {
    await page.goto(url + address);
    await look(`first${address.replaceAll('/', '-')}`);
  }
}

/** Lets the camera see a picture of the plan. */
export function showScene(index) {
  const file = fs.openSync(plan.camera, 'r+');
  fs.writeSync(file, fs.readFileSync(plan.scenes[index]));
  fs.closeSync(file);
}
