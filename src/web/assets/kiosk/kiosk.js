// The screen of a kiosk: puts its parts together. Decisions are in things.js, view_change.js, idle.js and connection.js.

import { toast } from "../toast.js";
import { newKey, Offline, Problem } from "./api.js";
import { BillView } from "./bill_view.js";
import { Connection } from "./connection.js";
import { IdleReset } from "./idle.js";
import { Join } from "./join.js";
import { fadeBoxes, showBoxes } from "./overlay.js";
import { Payment } from "./payment.js";
import { ProductSearch } from "./product_search.js";
import { QuestionView } from "./question_view.js";
import { Sale } from "./sale.js";
import { listenForScans } from "./scanner.js";
import { keepScreenOn } from "./screen_lock.js";
import { Settings } from "./settings.js";
import { StaffCall } from "./staff_call.js";
import { text } from "./texts.js";
import { answerThing, expectThing, followThings, leaveThings, nextQuestion, productsInView } from "./things.js";
import { ViewChange } from "./view_change.js";

const SAMPLE_MS = 100;
const REFUSED_PAUSE_MS = 1_500;
const MEMORY = "kiosk.things";

const screen = document.getElementById("kiosk");
const stage = document.getElementById("stage");
const hint = document.getElementById("hint");
const undo = document.getElementById("undo");

let things = JSON.parse(sessionStorage.getItem(MEMORY) ?? "[]");
let lastAddition = null;
let picture = null;
let isSending = false;
let view = new ViewChange();

const bill = new BillView((lineId, quantity) => run(sale.setQuantity(lineId, quantity)));
const sale = new Sale(
  (session) => {
    bill.show(session, screen.dataset.currency);
    join.show(session);
    if (session === null) startWithNothing();
    showConnection();
  },
  (error) => connection.noteError(error),
);
const connection = new Connection(
  (state) => {
    showConnection();
    if (state === "open") {
      payment.heal();
      view.forgetSent();
      run(sale.refresh());
    }
  },
  (kiosk, askedAt) => staffCall.note(kiosk, askedAt),
);
const staffCall = new StaffCall(() => connection.check(), (error) => connection.noteError(error));
const join = new Join(sale, (error) => report(error), () => toast(text("joined")));
const payment = new Payment(sale, (error) => connection.noteError(error), () => toast(text("refused")));
const questions = new QuestionView((key, candidate) => {
  if (candidate) addByHand({ product_id: candidate.product_id }, key);
  else answer(key, null);
});
const search = new ProductSearch((item) => addProduct(item, questions.key));
const settings = new Settings({
  onSource: () => {
    view = new ViewChange();
  },
  onEmptyView: () => {
    document.getElementById("no-empty-view")?.remove();
    view.forgetSent();
  },
});

new IdleReset(
  document.getElementById("idle"),
  () => (!sale.isEmpty || things.some((thing) => thing.status === "asked") || search.isOpen) &&
    (!payment.isOpen || payment.isUndecided) &&
    !staffCall.isOpen,
  () => {
    search.close();
    join.close();
    payment.leave();
    run(sale.cancel());
  },
);

listenForScans((code) => {
  if (payment.isOpen) return;
  search.close();
  addProduct({ barcode: code }, questions.key).catch((error) => {
    if (error.status === 404 || error.status === 422) toast(text("scanUnknown", { code }));
    else report(error);
  });
});
document.getElementById("pay").addEventListener("click", () => payment.open());
document.getElementById("cancel").addEventListener("click", () => document.getElementById("cancel-sale").showModal());
document.getElementById("cancel-yes").addEventListener("click", () => run(sale.cancel()));
undo.addEventListener("click", () => run(undoLastAddition()));
for (const button of document.querySelectorAll("[data-action=search]")) button.addEventListener("click", () => search.open());
for (const button of document.querySelectorAll("[data-action=call-staff]")) {
  button.addEventListener("click", () => {
    search.close();
    staffCall.begin();
  });
}
document.getElementById("dismiss-unknown").addEventListener("click", () => answer(questions.key, null));

if (!payment.resume()) run(sale.resume());
settings.startSource();
connection.check();
bill.show(null, screen.dataset.currency);
setInterval(look, SAMPLE_MS);
keepScreenOn();

/** Takes a sample of the view, and sends a picture if it shows something new. One request is in flight at a time. */
function look() {
  const { source } = settings;
  const sample = source.sample();
  if (sample === null) return;
  stage.style.setProperty("--ratio", source.aspectRatio);
  const now = performance.now();
  view.observe(sample, now);
  fadeBoxes(view.isMoving);
  const isPaused = payment.isOpen || settings.isOpen || connection.state !== "open" || document.hidden;
  if (isSending || isPaused || !view.wantsPicture(now)) return;
  isSending = true;
  sendPicture(source, now).finally(() => {
    isSending = false;
  });
}

async function sendPicture(source, now) {
  const sentView = view;
  sentView.markSent(now);
  try {
    const blob = await source.takePicture();
    // The bill stays as it is while one pays.
    if (payment.isOpen) {
      sentView.forgetSent();
      return;
    }
    const { recognition, picture: answered } = await sale.sendPicture(blob, productsInView(things));
    connection.noteAnswer();
    if (answered !== blob) sentView.forgetSent();
    picture?.close();
    picture = await createImageBitmap(answered);
    const followed = followThings(things, recognition, newKey, Date.now());
    keepThings(followed.things);
    if (followed.added.length > 0) noteAddition(followed.added);
    showRecognition(recognition);
  } catch (error) {
    sentView.forgetSent();
    report(error);
    if (error.status >= 500) showHint("hintNoRecognition");
    // What the server refuses is not sent again at once.
    await new Promise((resolve) => setTimeout(resolve, REFUSED_PAUSE_MS));
  }
}

function showConnection() {
  // A bill that was begun can be paid.
  const state = connection.state === "closed" && !sale.isEmpty ? "closing" : connection.state;
  screen.dataset.connection = state;
  for (const notice of document.querySelectorAll("[data-connection-notice]")) {
    notice.hidden = notice.dataset.connectionNotice !== state;
  }
}

function showRecognition(recognition) {
  const isWhole = recognition.region_method === "whole";
  showBoxes(
    things.filter((thing) => thing.region && !(isWhole && thing.status === "dismissed")),
    recognition.picture,
  );
  questions.show(nextQuestion(things), picture);
  if (recognition.empty_view === "camera-moved") showHint("hintCameraMoved");
  else if (things.length === 0 || (isWhole && things.every((thing) => thing.item.verdict === "unknown"))) showHint("hintReady");
  else if (things.every((thing) => thing.status === "dismissed")) showHint("hintNotSeen");
  else showHint(null);
}

function showHint(name) {
  hint.hidden = name === null;
  if (name !== null) hint.textContent = text(name);
}

function answer(key, productId) {
  if (key === null) return;
  keepThings(answerThing(things, key, productId));
  questions.show(nextQuestion(things), picture);
}

/** Adds a product that was touched, found or scanned; it answers the open question with this key, if there is one. */
async function addProduct(item, key) {
  const before = new Map(sale.session?.items.map((line) => [line.product_id, line.quantity]));
  await sale.add(item);
  connection.noteAnswer();
  const line = sale.session.items.find((one) => one.quantity > (before.get(one.product_id) ?? 0));
  if (!line) return;
  noteAddition([line.product_id]);
  const thing = things.find((one) => one.key === key);
  // A scan while the kiosk asks about look-alikes may be of something else.
  const isAnswer = thing && (thing.item.verdict === "unknown" || thing.item.candidates.some((one) => one.product_id === line.product_id));
  if (isAnswer) {
    thing.item = { ...thing.item, chosenName: line.product_name };
    answer(key, line.product_id);
  } else {
    keepThings(expectThing(things, newKey(), line.product_id, Date.now()));
  }
  view.forgetSent();
}

function addByHand(item, key) {
  return addProduct(item, key).catch(report);
}

function noteAddition(productIds) {
  lastAddition = new Map();
  for (const id of productIds) lastAddition.set(id, (lastAddition.get(id) ?? 0) + 1);
  undo.disabled = false;
}

async function undoLastAddition() {
  const addition = lastAddition;
  if (addition === null) return;
  lastAddition = null;
  undo.disabled = true;
  for (const [productId, quantity] of addition) await sale.takeOff(productId, quantity);
}

/** The next shopper begins with an empty bill; what the last one left lying there is not billed. */
function startWithNothing() {
  keepThings(leaveThings(things));
  lastAddition = null;
  undo.disabled = true;
  questions.show(null, null);
}

/** A reload must not bill again what lies there. */
function keepThings(next) {
  things = next;
  sessionStorage.setItem(MEMORY, JSON.stringify(next));
}

function run(promise) {
  promise.then(() => {}, report);
}

function report(error) {
  connection.noteError(error);
  if (!(error instanceof Problem)) {
    if (!(error instanceof Offline)) console.error(error);
    return;
  }
  const isShown = error.status >= 400 && error.status < 500 && ![401, 429].includes(error.status) && error.type !== "kiosk-closed";
  if (isShown) toast(text("refused"));
}
