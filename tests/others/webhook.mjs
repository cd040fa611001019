// Verifies a received webhook with the reference library of Standard Webhooks: each of the secrets accepts it, another does not.
// Usage: node webhook.mjs HEADERS BODY SECRET…
import { Webhook } from 'standardwebhooks';

const [headers, body, ...secrets] = process.argv.slice(2);
for (const secret of secrets) {
  const message = new Webhook(secret).verify(body, JSON.parse(headers));
  if (message.type !== 'alert.test') throw new Error(`an unexpected message: ${body}`);
}
let refused = false;
try {
  new Webhook('whsec_plJ3nmyCDGBKInavdOK15jsl6Zf8VyUJ').verify(body, JSON.parse(headers));
} catch {
  refused = true;
}
if (!refused) throw new Error('a secret that did not sign accepts the message');
console.log(`${secrets.length} secrets accept the message, another one does not`);
