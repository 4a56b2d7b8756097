// @ts-check
/** Where there is room in a graph. In units of the graph; a box is left, top, right, bottom. */

/** @typedef {[number, number, number, number]} Box */

const STEP = 40; // of the search
const GAP = 30; // between nodes
const RINGS = 100; // of the search; what fills more than that, as a workflow may claim, has its right side free

/**
 * The left top corner of a place of this size that touches no other box, as near to the middle of an area as can be;
 * it may lie outside.
 * @param {Comfy.Point} size
 * @param {Box[]} others
 * @param {Box} area
 * @returns {Comfy.Point}
 */
export function freePlace([width, height], others, [left, top, right, bottom]) {
  const [middleX, middleY] = [(left + right - width) / 2, (top + bottom - height) / 2];
  const isFree = (/** @type {Comfy.Point} */ [x, y]) =>
    others.every(
      ([otherLeft, otherTop, otherRight, otherBottom]) =>
        x + width + GAP <= otherLeft || otherRight + GAP <= x || y + height + GAP <= otherTop || otherBottom + GAP <= y,
    );
  for (let ring = 0; ring < RINGS; ring++) {
    const free = ringAround(ring).find(([column, row]) => isFree([middleX + column * STEP, middleY + row * STEP]));
    if (free) return [middleX + free[0] * STEP, middleY + free[1] * STEP];
  }
  return [Math.max(...others.map(([, , right]) => right).filter(Number.isFinite), right) + GAP, middleY];
}

/**
 * Columns and rows that are so many steps away from the middle, the nearest first.
 * @param {number} ring
 * @returns {Comfy.Point[]}
 */
function ringAround(ring) {
  /** @type {Comfy.Point[]} */
  const places = [];
  for (let along = -ring; along <= ring; along++) {
    places.push([along, -ring], [along, ring], [-ring, along], [ring, along]);
  }
  return places.sort((one, other) => Math.hypot(...one) - Math.hypot(...other));
}

/**
 * The part of the graph in sight beside the panel.
 * @param {Comfy.Canvas} canvas
 * @returns {Box}
 */
export function inSight(canvas) {
  const whole = canvas.canvas.getBoundingClientRect();
  const panel = document.querySelector(".model-studio-tasks")?.getBoundingClientRect() ?? whole;
  const isLeft = panel.left + panel.right < whole.left + whole.right;
  const left = isLeft ? panel.right : whole.left;
  const right = isLeft ? whole.right : panel.left;
  const { scale, offset } = canvas.ds;
  const x = (/** @type {number} */ clientX) => (clientX - whole.left) / scale - offset[0];
  const y = (/** @type {number} */ clientY) => (clientY - whole.top) / scale - offset[1];
  return [x(left), y(whole.top), x(right), y(whole.bottom)];
}

/**
 * Moves the view so that a box is in sight, and makes it smaller where it must be.
 * @param {Comfy.Canvas} canvas
 * @param {Box} box
 */
export function bringIntoSight(canvas, [left, top, right, bottom]) {
  const [seenLeft, seenTop, seenRight, seenBottom] = inSight(canvas);
  if (seenLeft <= left && right <= seenRight && seenTop <= top && bottom <= seenBottom) return;
  const { ds } = canvas;
  const fit = Math.min((seenRight - seenLeft) / (right - left + 2 * GAP), (seenBottom - seenTop) / (bottom - top + 2 * GAP));
  ds.scale *= Math.min(fit, 1);
  const [newLeft, newTop, newRight, newBottom] = inSight(canvas);
  ds.offset[0] += (newLeft + newRight - left - right) / 2;
  ds.offset[1] += (newTop + newBottom - top - bottom) / 2;
  canvas.setDirty(true, true);
}
