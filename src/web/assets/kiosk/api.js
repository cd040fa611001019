// Requests to the server as this kiosk, whoever else is signed in with the browser.
//
// A request ends in one of two errors: `Offline` if no answer came, `Problem` if the server answered that it did not do it.

const TIMEOUT_MS = 15_000;

/** No answer came. Whether the server has done what was asked is unknown. */
export class Offline extends Error {}

/** The server refused. */
export class Problem extends Error {
  constructor(status, body, retryAfterS) {
    super(body.detail ?? `status ${status}`);
    this.status = status;
    // Without the common beginning: `stale-version`.
    this.type = String(body.type ?? "").split(":").pop();
    this.body = body;
    this.retryAfterS = retryAfterS;
  }
}

/** A key with which a request can be sent again and is carried out once. */
export function newKey() {
  return crypto.randomUUID();
}

/**
 * Sends a request and returns the body of its answer: JSON, text, or null.
 * `json` or `picture` (a Blob) is its body, `key` its Idempotency-Key.
 */
export async function call(method, path, { json, picture, key } = {}) {
  // A problem of a page would come as a page.
  const headers = { "X-Kiosk": "yes", Accept: "application/json" };
  let body;
  if (json !== undefined) {
    headers["Content-Type"] = "application/json";
    body = JSON.stringify(json);
  } else if (picture) {
    headers["Content-Type"] = picture.type;
    body = picture;
  }
  if (key) headers["Idempotency-Key"] = key;
  let response;
  let text;
  try {
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    response = await fetch(path, { method, headers, body, signal, credentials: "same-origin", redirect: "error" });
    text = await response.text();
  } catch (error) {
    throw new Offline(error.message);
  }
  if (!response.ok) {
    throw new Problem(response.status, parseJson(text) ?? {}, Number(response.headers.get("Retry-After")) || 0);
  }
  return text === "" ? null : (parseJson(text) ?? text);
}

function parseJson(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
