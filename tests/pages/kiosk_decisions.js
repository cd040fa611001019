// What the kiosk's scripts decide, without a kiosk: run in a page of the server. The value is the number of checks.
(async () => {
  const script = (name) => import(`/assets/test/kiosk/${name}.js`);
  const [{ followThings, productsInView, answerThing, nextQuestion, expectThing, leaveThings, overlap }, { ViewChange, differingShare }] =
    await Promise.all([script("things"), script("view_change")]);
  const [{ countdownSeconds }, { ScanCollector }, { stateAfterError }, { Offline, Problem }] = await Promise.all(
    ["idle", "scanner", "connection", "api"].map(script),
  );
  const [{ FolderPictures }, { DoubleClickFilter }] = await Promise.all([script("folder_pictures"), script("../double_click")]);
  let checks = 0;
  const equal = (is, expected, what) => {
    checks += 1;
    const [one, other] = [JSON.stringify(is), JSON.stringify(expected)];
    if (one !== other) throw new Error(`${what}: ${one} is not ${other}`);
  };

  // Things: billed once, until the view has been empty or different.
  let keys = 0;
  const newKey = () => `key ${(keys += 1)}`;
  const left = { x: 0, y: 0, width: 100, height: 100 };
  const nudged = { x: 20, y: 0, width: 100, height: 100 };
  const right = { x: 500, y: 0, width: 100, height: 100 };
  const seen = (verdict, products, region) => ({ verdict, region, candidates: products.map((id) => ({ product_id: id, product_name: id })) });
  const follow = (things, ...items) => followThings(things, { items, region_method: "empty-view" }, newKey, 1_000);
  equal(overlap(left, left), 1, "overlap of a region with itself");
  equal(overlap(left, right), 0, "overlap of regions apart");

  let step = follow([], seen("matched", ["milk"], left));
  equal(step.added, ["milk"], "a new thing");
  step = follow(step.things, seen("matched", ["milk"], right));
  equal(step.added, [], "it was moved");
  step = follow(step.things, seen("matched", ["milk"], left), seen("matched", ["milk"], right));
  equal(step.added, ["milk"], "a second piece");
  equal(productsInView(step.things), ["milk", "milk"], "both lie there");
  step = follow(step.things, seen("ambiguous", ["cream", "milk"], nudged), seen("matched", ["milk"], right));
  equal([step.added, nextQuestion(step.things)], [[], null], "a billed thing that is seen less surely");
  step = follow(step.things, seen("matched", ["soap"], left));
  equal([step.added, productsInView(step.things)], [["soap"], ["soap"]], "the view is different");
  step = follow(step.things);
  step = follow(step.things, seen("matched", ["soap"], left));
  equal(step.added, ["soap"], "the view was empty");

  // Questions.
  step = follow([], seen("unknown", ["milk"], right), seen("ambiguous", ["milk", "cream"], left));
  let question = nextQuestion(step.things);
  equal([question.count, question.candidates.map((one) => one.product_id)], [2, ["milk", "cream"]], "what one touch answers comes first");
  const answered = answerThing(step.things, question.key, "cream");
  equal(productsInView(answered), ["cream"], "the answer is billed");
  step = follow(answered, seen("ambiguous", ["milk", "cream"], nudged), seen("unknown", ["milk"], right));
  equal([productsInView(step.things), nextQuestion(step.things).candidates], [["cream"], []], "only the other thing is asked about");
  question = nextQuestion(step.things);
  step = follow(answerThing(step.things, question.key, null), seen("unknown", ["milk"], right));
  equal(nextQuestion(step.things), null, "dismissed, and still there");
  step = follow(step.things, seen("unknown", ["soap"], right));
  equal(nextQuestion(step.things).count, 1, "something else in its place");
  step = follow(step.things, seen("unknown", ["milk"], left));
  equal(follow(step.things).things, [], "a question goes with its thing");
  const whole = followThings([], { items: [seen("unknown", [], left)], region_method: "whole" }, newKey, 1_000);
  equal(nextQuestion(whole.things), null, "an empty table is no question");
  step = follow([], seen("ambiguous", ["milk", "cream"], left));
  step = follow(step.things, seen("ambiguous", ["soap", "bread"], left));
  equal(nextQuestion(step.things).candidates[0].product_id, "soap", "the question is of what lies there now");
  equal(nextQuestion(leaveThings(step.things)), null, "the next shopper is not asked");

  // Scanned, then put in view.
  const scanned = expectThing([], "scan", "milk", 1_000);
  equal(follow(scanned).things.length, 1, "expected for some seconds");
  step = follow(scanned, seen("matched", ["milk"], left));
  equal([step.added, step.things.length], [[], 1], "a scanned thing is billed once");
  equal(followThings(scanned, { items: [], region_method: "empty-view" }, newKey, 60_000).things, [], "but not for ever");

  // Change and rest.
  const sample = (level, differing = 0) => {
    const pixels = new Uint8ClampedArray(48 * 27 * 4).fill(level);
    for (let pixel = 0; pixel < differing; pixel += 1) pixels.fill(level > 127 ? 0 : 255, pixel * 4, pixel * 4 + 3);
    return pixels;
  };
  equal(differingShare(sample(100), sample(140), 10), 0, "a change of light");
  equal(differingShare(sample(100), sample(100, 648), 10) > 0.4, true, "half of the view");
  const view = new ViewChange();
  const show = (picture, from, to) => {
    for (let now = from; now < to; now += 100) view.observe(picture, now);
    return view.wantsPicture(to);
  };
  equal(show(sample(100), 0, 200), false, "not at rest yet");
  equal(show(sample(100), 200, 500), true, "at rest");
  view.markSent(500);
  equal(show(sample(100), 500, 2_000), false, "nothing new");
  equal(show(sample(120), 2_000, 3_000), false, "only the light");
  equal(show(sample(100, 40), 3_000, 3_200), false, "something is put there");
  equal(show(sample(100, 40), 3_200, 3_500), true, "it lies there");
  view.markSent(3_500);
  view.forgetSent();
  equal(view.wantsPicture(3_500), true, "the answer was lost");
  const restless = new ViewChange();
  for (let now = 0; now < 1_900; now += 100) restless.observe(sample(100, now % 200 === 0 ? 0 : 600), now);
  restless.markSent(0);
  restless.observe(sample(100, 600), 1_900);
  equal(restless.wantsPicture(1_900), false, "still moving");
  restless.observe(sample(100, 300), 2_100);
  equal(restless.wantsPicture(2_100), true, "never at rest");

  // The rest.
  equal([countdownSeconds(89_000, 0), countdownSeconds(91_000, 0), countdownSeconds(130_000, 0)], [null, 29, 0], "the countdown");
  const scan = new ScanCollector();
  const type = (keysTyped, pause) => keysTyped.map((key, index) => scan.take(key, 10_000 + index * pause)).pop();
  equal(type([..."4006381333931", "Enter"], 15), "4006381333931", "a scanner");
  equal(type([..."4006381333931", "Enter"], 200), null, "a person");
  equal(type([..."12", "Enter"], 15), null, "no code");
  equal(
    [new Offline(), new Problem(401, {}), new Problem(403, { type: "urn:tillsight:problem:kiosk-closed" }), new Problem(409, {}), new TypeError()].map(stateAfterError),
    ["offline", "refused", "closed", null, null],
    "what an error says of the connection",
  );

  // The second click of a double click presses nothing that came in between.
  const filter = new DoubleClickFilter();
  const presses = [["cash", 0], ["paid", 300], ["paid", 800], ["paid", 1_500], ["paid", 1_600], [null, 1_700], ["next", 1_750]];
  equal(
    presses.map(([control, now]) => filter.isRest({ control, x: 100, y: 100, now })),
    [false, true, true, false, false, true, true],
    "a double tap on what changes",
  );
  equal(filter.isRest({ control: "undo", x: 200, y: 100, now: 1_800 }), false, "another place");

  // Pictures from a folder are shown once; while something is asked, the next one waits.
  const canvas = new OffscreenCanvas(8, 8);
  canvas.getContext("2d");
  const picture = await canvas.convertToBlob();
  const files = ["2.png", "10.png", "1.png"].map((name) => new File([picture], name, { type: "image/png" }));
  const broken = new File(["no picture"], "11.png", { type: "image/png" });
  let isBusy = true;
  const shown = [];
  const folder = new FolderPictures(new Image(), () => isBusy, ({ number, isAtEnd }) => shown.push([number, isAtEnd]), 20);
  const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
  await folder.open([...files, broken]);
  await pause(100);
  equal(shown, [[1, false]], "the first waits");
  isBusy = false;
  while (shown.length < 4) await pause(20);
  await pause(100);
  equal(shown, [[1, false], [2, false], [3, false], [3, true]], "each once; the last stays");
  await folder.next();
  equal(shown.pop(), [1, false], "again by hand");
  folder.stop();
  return checks;
})();
