// The things before the camera, from one picture to the next: which are new, which were billed, and what must be asked.
//
// A thing is billed once, until a picture shows the view empty or without it. All functions are pure.
//
// A thing is { key, status, productId, region, item, expectedUntil }. Its status is `billed`, `asked`, or `dismissed` (it is
// not for sale). `productId` is null unless it was billed. `item` is what recognition said about it. One that was scanned is
// expected for some seconds before the camera sees it; it has no region until then.

const EXPECTED_MS = 8_000;
// Cosines by which the best candidate leads one that nobody would choose.
const PLAUSIBLE_LEAD = 0.25;

/** Of two regions, how much of their union both cover. */
export function overlap(one, other) {
  if (!one || !other) return 0;
  const left = Math.max(one.x, other.x);
  const top = Math.max(one.y, other.y);
  const right = Math.min(one.x + one.width, other.x + other.width);
  const bottom = Math.min(one.y + one.height, other.y + other.height);
  const both = Math.max(0, right - left) * Math.max(0, bottom - top);
  return both / (one.width * one.height + other.width * other.height - both);
}

// A thing that was nudged, or whose shadow is taken for a part of it, still overlaps by this much with where it was.
const SAME_PLACE = 0.4;

/** Whether a billed thing is now seen less surely, turned or moved. Something else in its place is not the same thing. */
function isStillProduct(thing, item) {
  const rank = item.candidates.findIndex((candidate) => candidate.product_id === thing.productId);
  return rank >= 0 && (overlap(thing.region, item.region) >= SAME_PLACE || (rank === 0 && item.verdict === "ambiguous"));
}

/** Whether a thing that was asked about lies there still; a dismissed one must also look like before. */
function isSameQuestion(thing, item) {
  const looksAlike = thing.item.candidates[0]?.product_id === item.candidates[0]?.product_id;
  return overlap(thing.region, item.region) >= SAME_PLACE && (thing.status === "asked" || looksAlike);
}

/** The products of billed things, once for each: the server does not bill them again. */
export function productsInView(things) {
  return things.filter((thing) => thing.productId !== null).map((thing) => thing.productId);
}

/**
 * The things of a new picture, given those of the one before. Returns `{ things, added }`: `added` names the products that
 * the server has billed for the new picture.
 */
export function followThings(before, recognition, newKey, now) {
  const unclaimed = [...before];
  // Of several that may be the same, the nearest.
  const claim = (item, isSame) => {
    const nearness = (thing) => overlap(thing.region, item.region);
    const [same] = unclaimed.filter(isSame).sort((one, other) => nearness(other) - nearness(one));
    if (same) unclaimed.splice(unclaimed.indexOf(same), 1);
    return same;
  };
  const things = new Array(recognition.items.length).fill(null);
  const added = [];
  const each = (verdict, follow) =>
    recognition.items.forEach((item, index) => {
      if (item.verdict === verdict) things[index] = follow(item);
    });
  // Matched ones first: a thing that is certainly there is not claimed by one that may be.
  each("matched", (item) => {
    const productId = item.candidates[0].product_id;
    const old = claim(item, (thing) => thing.productId === productId);
    if (old) return { ...old, item, region: item.region, expectedUntil: 0 };
    // It was asked about or dismissed, and is recognised now: its question is answered.
    claim(item, (thing) => thing.productId === null && overlap(thing.region, item.region) >= SAME_PLACE);
    added.push(productId);
    return { key: newKey(), status: "billed", productId, item, region: item.region };
  });
  const follow = (item, status) => {
    const old =
      claim(item, (thing) => thing.productId !== null && isStillProduct(thing, item)) ??
      claim(item, (thing) => thing.productId === null && isSameQuestion(thing, item));
    if (old) return { ...old, item, region: item.region, expectedUntil: 0 };
    return { key: newKey(), status, productId: null, item, region: item.region };
  };
  each("ambiguous", (item) => follow(item, "asked"));
  // Without an empty view, an empty table is one unknown thing as large as the picture.
  each("unknown", (item) => follow(item, recognition.region_method === "whole" ? "dismissed" : "asked"));
  const expected = unclaimed.filter((thing) => thing.expectedUntil > now);
  return { things: [...things.filter((thing) => thing !== null), ...expected], added };
}

/** `things` with one whose product was scanned or chosen by hand before the camera saw it. */
export function expectThing(things, key, productId, now) {
  const item = { verdict: "matched", candidates: [] };
  return [...things, { key, status: "billed", productId, region: null, item, expectedUntil: now + EXPECTED_MS }];
}

/** `things` for the next shopper: what lies there still is neither billed nor asked about. */
export function leaveThings(things) {
  return things.map((thing) => (thing.status === "asked" ? { ...thing, status: "dismissed" } : thing));
}

/** `things` after the one with this key was answered with a product, or dismissed with null. */
export function answerThing(things, key, productId) {
  const status = productId === null ? "dismissed" : "billed";
  return things.map((thing) => (thing.key === key ? { ...thing, status, productId } : thing));
}

/** Two to five candidates: those that look nearly as much like it as the best one. */
function plausibleCandidates(candidates) {
  return candidates.filter((candidate, rank) => rank < 2 || (rank < 5 && candidate.score > candidates[0].score - PLAUSIBLE_LEAD));
}

/** What to ask next, or null. Things with candidates come first: one touch answers them. */
export function nextQuestion(things) {
  const asked = things.filter((thing) => thing.status === "asked");
  const thing = asked.find((one) => one.item.verdict === "ambiguous") ?? asked[0];
  if (!thing) return null;
  const candidates = thing.item.verdict === "ambiguous" ? plausibleCandidates(thing.item.candidates) : [];
  return { key: thing.key, region: thing.region, candidates, several: thing.item.reason === "several", count: asked.length };
}
