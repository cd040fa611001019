// A sale through the types that openapi-typescript made of the document, and openapi-fetch.
// Usage: node sale.js URL PHOTOS
import { readFileSync } from 'node:fs';
import createClient from 'openapi-fetch';
import type { components, paths } from './schema.js';

const [url, photos] = process.argv.slice(2) as [string, string];
type Problem = components['schemas']['Problem'];
type Reply<T> = { data?: T; error?: Problem; response: Response };

function clientOf(token?: string) {
  return createClient<paths>({ baseUrl: url, headers: token ? { Authorization: `Bearer ${token}` } : {} });
}

/** The body of a successful reply. */
function take<T>({ data, error, response }: Reply<T>): T {
  if (data === undefined) throw new Error(`${response.status} ${error?.type}: ${error?.detail}`);
  return data;
}

function photo(view: number): Blob {
  return new Blob([readFileSync(`${photos}/0${view}.jpg`)], { type: 'image/jpeg' });
}

function form(texts: Record<string, string>, field: string, views: number[]): () => FormData {
  const data = new FormData();
  for (const [name, text] of Object.entries(texts)) data.append(name, text);
  for (const view of views) data.append(field, photo(view), `${view}.jpg`);
  return () => data;
}

const anybody = clientOf();
const wrong = await anybody.POST('/api/auth/login', { body: { username: 'admin', password: 'not the right password' } });
if (wrong.error?.type !== 'urn:tillsight:problem:wrong-credentials') throw new Error(JSON.stringify(wrong.error));
const credentials = { username: 'admin', password: 'the till sees everything' };
const admin = clientOf(take(await anybody.POST('/api/auth/login', { body: credentials })).access_token);

const product = take(await admin.POST('/api/products', {
  body: { name: 'Green tea' },
  bodySerializer: form({ name: 'Green tea', price: '349', currency: 'EUR' }, 'images', [0, 1, 2, 3, 4]),
}));
if (product.images_count !== 5) throw new Error(JSON.stringify(product));
const store = take(await admin.POST('/api/stores', { body: { name: 'TypeScript Street', currency: 'EUR' } }));
const newKiosk = take(await admin.POST('/api/stores/{id}/kiosks', {
  params: { path: { id: store.id } },
  body: { name: 'Kiosk 1' },
}));
const kiosk = clientOf(take(await anybody.POST('/api/kiosks/enrol', { body: { code: newKiosk.enrolment_code } })).key);

const seen = take(await kiosk.POST('/api/recognize', { body: { image: '' }, bodySerializer: form({}, 'image', [5]) }));
if (seen.items[0]?.candidates[0]?.product_id !== product.id) throw new Error(JSON.stringify(seen.items));
const session = take(await kiosk.POST('/api/sessions', { body: {} }));
const frame = take(await kiosk.POST('/api/sessions/{id}/frames', {
  params: { path: { id: session.id } },
  headers: { 'content-type': 'image/jpeg' },
  body: '',
  bodySerializer: () => photo(5),
}));
if (frame.session.total !== 349) throw new Error(JSON.stringify(frame));
const order = take(await kiosk.POST('/api/sessions/{id}/confirm', {
  params: { path: { id: session.id }, header: { 'Idempotency-Key': session.id } },
  body: { version: frame.session.version },
}));
const paid = take(await kiosk.POST('/api/orders/{id}/payments', {
  params: { path: { id: order.id }, header: { 'Idempotency-Key': `${order.id}-paid` } },
  body: { currency: 'EUR', payments: [{ method: 'cash', amount: order.total, tendered: 500 }] },
}));
const found = take(await admin.GET('/api/orders', {
  params: { query: { store_id: store.id, receipt_number: paid.receipt_number } },
}));
if (found.data.length !== 1 || found.data[0]?.id !== order.id) throw new Error(JSON.stringify(found));
console.log(`${paid.state}, receipt ${paid.receipt_number}`);
