// @ts-check
/** Puts nodes into the graph that is open. */

import { app } from "../../../../scripts/app.js";

// In units of the graph.
const STEP = 40; // of the search for a free place
const GAP = 30; // between nodes; also for what a node grows by when it is drawn

/**
 * Adds a Task Poller for a task, in the middle of what is in sight, and selects it.
 * @param {{task_id: string | null, region: string}} task
 */
export function addPoller({ task_id, region }) {
  const { canvas } = app;
  const graph = canvas.graph ?? app.graph;
  const node = LiteGraph.createNode("ModelStudioTaskPoller");
  if (!node) throw new Error("ModelStudioTaskPoller");
  for (const [name, value] of Object.entries({ task_id, region })) {
    const widget = node.widgets?.find((widget) => widget.name === name);
    if (widget) widget.value = value;
  }
  node.pos = freePlace(node.size, graph.nodes, inSight(canvas));
  graph.beforeChange();
  graph.add(node);
  graph.afterChange();
  canvas.selectItems([node]);
}

/**
 * The part of the graph in sight beside the panel: left, top, right, bottom.
 * @param {Comfy.Canvas} canvas
 * @returns {[number, number, number, number]}
 */
function inSight(canvas) {
  const whole = canvas.canvas.getBoundingClientRect();
  const panel = /** @type {Element} */ (document.querySelector(".model-studio-tasks")).getBoundingClientRect();
  const isLeft = panel.left + panel.right < whole.left + whole.right;
  const left = isLeft ? panel.right : whole.left;
  const right = isLeft ? whole.right : panel.left;
  const { scale, offset } = canvas.ds;
  const x = (/** @type {number} */ clientX) => (clientX - whole.left) / scale - offset[0];
  const y = (/** @type {number} */ clientY) => (clientY - whole.top) / scale - offset[1];
  return [x(left), y(whole.top), x(right), y(whole.bottom)];
}

/**
 * Where a node of this size covers no other, as near to the middle as can be; the middle where there is no room.
 * @param {Comfy.Point} size
 * @param {{pos: Comfy.Point, size: Comfy.Point}[]} others
 * @param {[number, number, number, number]} area
 * @returns {Comfy.Point}
 */
function freePlace([width, height], others, [left, top, right, bottom]) {
  const title = LiteGraph.NODE_TITLE_HEIGHT; // above a node's pos
  /** @type {Comfy.Point} */
  const middle = [(left + right - width) / 2, (top + bottom + title - height) / 2];
  const across = Math.max(0, Math.floor((right - left - width) / 2 / STEP));
  const along = Math.max(0, Math.floor((bottom - top - title - height) / 2 / STEP));
  /** @type {Comfy.Point[]} */
  const places = [];
  for (let column = -across; column <= across; column++) {
    for (let row = -along; row <= along; row++) {
      places.push([middle[0] + column * STEP, middle[1] + row * STEP]);
    }
  }
  const isFree = (/** @type {Comfy.Point} */ [x, y]) =>
    others.every(
      ({ pos, size }) =>
        x + width + GAP <= pos[0] ||
        pos[0] + size[0] + GAP <= x ||
        y + height + GAP <= pos[1] - title ||
        pos[1] + size[1] + GAP <= y - title,
    );
  const far = (/** @type {Comfy.Point} */ [x, y]) => Math.hypot(x - middle[0], y - middle[1]);
  return places.sort((one, other) => far(one) - far(other)).find(isFree) ?? middle;
}
