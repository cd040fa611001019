// Whether what the camera sees has changed and come to rest: then a picture is worth sending.
//
// Works on samples, which are the camera's picture reduced to SAMPLE_WIDTH × SAMPLE_HEIGHT RGBA pixels. A uniform change of
// light is subtracted before two samples are compared, so lamps and clouds do not count.

export const SAMPLE_WIDTH = 48;
export const SAMPLE_HEIGHT = 27;

const RULES = {
  // Levels of 255 by which a pixel differs while something moves; noise of a camera, averaged over a pixel, stays below.
  motionLevels: 12,
  motionShare: 0.004,
  // Against the last picture that was sent. A product that covers a hundredth of the view counts.
  changeLevels: 18,
  changeShare: 0.006,
  restMs: 300,
  // A view that never rests (people in the background, a flickering lamp) is looked at all the same.
  restlessMs: 2_000,
};

/** The share of pixels of two samples that differ by more than `levels` after a uniform change of light. */
export function differingShare(one, other, levels) {
  const shift = [0, 1, 2].map((channel) => medianDifference(one, other, channel));
  let differing = 0;
  for (let pixel = 0; pixel < one.length; pixel += 4) {
    const differs = shift.some((light, channel) => Math.abs(one[pixel + channel] - other[pixel + channel] - light) > levels);
    if (differs) differing += 1;
  }
  return (differing * 4) / one.length;
}

function medianDifference(one, other, channel) {
  const counts = new Uint16Array(511);
  for (let pixel = channel; pixel < one.length; pixel += 4) counts[one[pixel] - other[pixel] + 255] += 1;
  let remaining = one.length / 8;
  return counts.findIndex((count) => (remaining -= count) <= 0) - 255;
}

/** Watches samples of one camera. */
export class ViewChange {
  #rules;
  #last = null;
  #sent = null;
  #movedAt = 0;
  #restedAt = 0;
  isMoving = false;

  constructor(rules = {}) {
    this.#rules = { ...RULES, ...rules };
  }

  /** Takes the next sample. `now` is in milliseconds. */
  observe(sample, now) {
    const { motionLevels, motionShare, restMs } = this.#rules;
    if (this.#last === null) this.#restedAt = now;
    if (this.#last === null || differingShare(sample, this.#last, motionLevels) >= motionShare) this.#movedAt = now;
    this.#last = sample;
    this.isMoving = now - this.#movedAt < restMs;
    if (!this.isMoving) this.#restedAt = now;
  }

  /** Whether the newest sample shows something that was not sent. */
  wantsPicture(now) {
    if (this.#last === null) return false;
    if (this.isMoving && now - this.#restedAt < this.#rules.restlessMs) return false;
    return this.#sent === null || differingShare(this.#last, this.#sent, this.#rules.changeLevels) >= this.#rules.changeShare;
  }

  /** The newest sample was sent at `now`. */
  markSent(now) {
    this.#sent = this.#last;
    this.#restedAt = now;
  }

  /** What was sent was not answered, or must be looked at again. */
  forgetSent() {
    this.#sent = null;
  }
}
