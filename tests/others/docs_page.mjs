// Opens the page of the OpenAPI document in Chromium and executes every operation on it. Each must send one request, with its
// own method and path. The requests do not reach the server, which would delete what the next operation needs.
// Usage: node docs_page.mjs URL CHROMIUM PHOTO
import { chromium } from 'playwright-core';

const [url, executablePath, photo] = process.argv.slice(2);
const document = await (await fetch(`${url}/api/openapi.json`)).json();
const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
const page = await browser.newPage();
const blocked = [];
page.on('console', message => { if (message.type() === 'error') blocked.push(message.text()); });
await page.goto(`${url}/docs/`);
await page.waitForSelector('.opblock');
const sent = [];
await page.route(address => address.pathname.startsWith('/api/') || ['/healthz', '/readyz', '/metrics'].includes(address.pathname), route => {
  const request = route.request();
  sent.push(`${request.method()} ${decodeURIComponent(new URL(request.url()).pathname)}`);
  return route.fulfill({ status: 200, contentType: 'application/json', body: '{}' });
});

const failures = [];
let executed = 0;
for (const [path, item] of Object.entries(document.paths)) {
  for (const [method, operation] of Object.entries(item)) {
    const name = `${method.toUpperCase()} ${path}`;
    try {
      await execute(name, path, operation);
      executed += 1;
    } catch (error) {
      failures.push(`${name}: ${error.message.split('\n')[0]}`);
    }
  }
}
await browser.close();
failures.push(...blocked.map(text => `the browser's console: ${text}`));
for (const failure of failures) console.log(failure);
console.log(failures.length ? `${failures.length} failures` : `${executed} operations sent their own request`);
process.exit(failures.length ? 1 : 0);

async function execute(name, path, operation) {
  const block = page.locator(`[id="operations-${operation.tags[0]}-${operation.operationId}"]`);
  if (await block.count() !== 1) throw new Error(`${await block.count()} blocks on the page`);
  await block.locator('.opblock-summary-control').click();
  let own = name;
  for (const [index, parameter] of (operation.parameters ?? []).entries()) {
    if (!parameter.required) continue;
    const row = block.locator(`tr[data-param-name="${parameter.name}"][data-param-in="${parameter.in}"]`);
    const value = await enter(row.locator('input, select').first(), example(parameter, index));
    if (parameter.in === 'path') own = own.replace(`{${parameter.name}}`, value);
  }
  for (const mediaType of Object.keys(operation.requestBody?.content ?? {})) {
    if (mediaType === 'application/json') continue;
    const choice = block.locator('.opblock-section-request-body select.content-type');
    if (await choice.count()) await choice.selectOption(mediaType);
    for (const button of await block.locator('.json-schema-array button.json-schema-form-item-add').all()) await button.click();
    const files = block.locator('input[type=file]');
    if (!await files.count()) throw new Error(`no file chooser for ${mediaType}`);
    await files.first().setInputFiles(photo);
  }
  sent.length = 0;
  await block.locator('button.execute').click();
  for (let waited = 0; !sent.length && waited < 3000; waited += 20) await page.waitForTimeout(20);
  if (sent.length !== 1 || sent[0] !== own) throw new Error(`sent ${JSON.stringify(sent)} and not ${own}`);
  await block.locator('.opblock-summary-control').click();
}

// Fills a field, or chooses the last of its options where it is a choice; returns what is sent.
async function enter(field, value) {
  const options = await field.locator('option').evaluateAll(list => list.map(option => option.value));
  if (!options.length) {
    await field.fill(value);
    return value;
  }
  await field.selectOption(options.at(-1));
  return options.at(-1);
}

function example(parameter, index) {
  if (parameter.schema.type === 'integer') return '7';
  return `01890000-0000-7000-8000-00000000000${index}`;
}
