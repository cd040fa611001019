// What a shopper does at the kiosk's screen, for the tests that look at it in between.

/** Types a barcode as a scanner does, wherever the focus is, and waits for its line. */
export async function scan(page, barcode) {
  const lines = await page.locator('#lines .line').count();
  await page.evaluate((code) => {
    for (const key of [...code, 'Enter']) {
      document.activeElement.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true }));
    }
  }, barcode);
  await page.waitForFunction((count) => document.querySelectorAll('#lines .line').length > count, lines);
}

/** Waits until the camera's picture is seen. */
export const waitForCamera = (page) => page.waitForFunction(() => document.getElementById('camera')?.videoWidth > 0);

/** By Escape, which in a search field takes away the text first. */
async function closeDialog(page) {
  for (let presses = 0; await page.locator('dialog[open]').count() && presses < 3; presses += 1) await page.keyboard.press('Escape');
}

/** The screens of a sale, one after another: each step makes a screen and names it. The bill begins empty. */
export const STEPS = [
  ['empty', (page) => waitForCamera(page)],
  ['bill', async (page, barcodes) => { for (const barcode of barcodes.slice(1, 4)) await scan(page, barcode); }],
  ['settings', (page) => page.click('#open-settings')],
  ['search', async (page) => {
    await closeDialog(page);
    await page.click('.bill-actions [data-action=search]');
    await page.keyboard.type('a');
    await page.waitForSelector('#search-results .choice');
  }],
  ['staff-called', async (page) => {
    await closeDialog(page);
    await page.click('.bill-actions [data-action=call-staff]');
  }],
  ['cancel', async (page) => {
    await closeDialog(page);
    await page.click('#cancel');
  }],
  ['payment', async (page) => {
    await closeDialog(page);
    await page.click('#pay');
  }],
  ['due', (page) => page.click('[data-method=card]')],
  ['receipt', async (page) => {
    await page.click('[data-action=paid]');
    await page.waitForSelector('[data-receipt-number]');
  }],
];
