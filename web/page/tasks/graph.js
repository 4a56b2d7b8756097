// @ts-check
/** Puts a task's pictures into the graph that is open: a Task Poller, and a preview that shows what it fetches. */

import { app } from "../../../../scripts/app.js";
import { shownGraph } from "../graphs.js";
import { bringIntoSight, freePlace, inSight } from "./place.js";

/** @typedef {{task_id: string | null, region: string}} Task */
/** @typedef {{poller: Comfy.Node, preview: Comfy.Node}} Pair */

const POLLER = "ModelStudioTaskPoller";
const PREVIEW = "PreviewImage";
/** So that pictures fit in as they come, and it does not grow over others. @type {Comfy.Point} */
const PREVIEW_SIZE = [340, 420];
const BETWEEN = 50; // the two nodes
const AT_REST = 3; // frames without a change after which a node is as large as it will be
const PATIENCE = 60; // frames for it

/**
 * Adds the two nodes in free space, linked, brings them into sight and selects them; those that are there already, by an
 * earlier click, are taken instead.
 * @param {Task} task
 * @returns {Promise<Pair>}
 */
export async function showInGraph(task) {
  const { canvas } = app;
  const graph = shownGraph();
  const known = graph.nodes.find((node) => isPoller(node, task));
  const preview = known && previewOf(graph, known);
  const pair = known && preview ? { poller: known, preview } : await add(graph, task, known);
  bringIntoSight(canvas, around([pair.poller, pair.preview]));
  canvas.selectItems([pair.poller, pair.preview]);
  return pair;
}

/**
 * Undo takes back in one step what is added here.
 * @param {Comfy.Graph} graph
 * @param {Task} task
 * @param {Comfy.Node | undefined} known a Task Poller that has lost its preview
 * @returns {Promise<Pair>}
 */
async function add(graph, task, known) {
  const poller = known ?? make(POLLER);
  const preview = make(PREVIEW);
  const others = graph.nodes.filter((node) => node !== known).map(box);
  graph.beforeChange();
  try {
    if (!known) setValues(poller, task);
    preview.setSize([...PREVIEW_SIZE]);
    for (const node of known ? [preview] : [poller, preview]) {
      place([poller, preview], known, others);
      graph.add(node);
    }
    poller.connect(poller.outputs.findIndex(({ name }) => name === "images"), preview, 0);
    await settled([poller, preview]);
    place([poller, preview], known, others);
    await settled([poller, preview]);
  } finally {
    graph.afterChange();
  }
  return { poller, preview };
}

/**
 * @param {string} type
 * @returns {Comfy.Node}
 */
function make(type) {
  const node = LiteGraph.createNode(type);
  if (!node) throw new Error(type);
  return node;
}

/**
 * @param {Comfy.Node} poller
 * @param {Task} task
 */
function setValues(poller, task) {
  for (const [name, value] of Object.entries(task)) {
    const widget = poller.widgets?.find((widget) => widget.name === name);
    if (widget) widget.value = value;
  }
}

/**
 * Side by side where they fit, or the preview alone, near a Task Poller that is there.
 * @param {[Comfy.Node, Comfy.Node]} pair
 * @param {Comfy.Node | undefined} known
 * @param {import("./place.js").Box[]} others
 */
function place([poller, preview], known, others) {
  if (known) {
    const area = box(known);
    const [left, top] = freePlace(sizeOf(preview), [...others, area], area);
    move(preview, left, top);
    return;
  }
  const [width, height] = sizeOf(poller);
  const [nextWidth, nextHeight] = sizeOf(preview);
  const size = /** @type {Comfy.Point} */ ([width + BETWEEN + nextWidth, Math.max(height, nextHeight)]);
  const [left, top] = freePlace(size, others, inSight(app.canvas));
  move(poller, left, top);
  move(preview, left + width + BETWEEN, top);
}

/**
 * @param {Comfy.Node} node
 * @param {number} left
 * @param {number} top of its title, which is above its pos
 */
function move(node, left, top) {
  node.pos = [left, top + LiteGraph.NODE_TITLE_HEIGHT];
}

/**
 * With its title.
 * @param {Comfy.Node} node
 * @returns {Comfy.Point}
 */
function sizeOf({ size }) {
  return [size[0], size[1] + LiteGraph.NODE_TITLE_HEIGHT];
}

/**
 * @param {Comfy.Node} node
 * @returns {import("./place.js").Box}
 */
function box({ pos, size }) {
  return [pos[0], pos[1] - LiteGraph.NODE_TITLE_HEIGHT, pos[0] + size[0], pos[1] + size[1]];
}

/**
 * @param {Comfy.Node[]} nodes
 * @returns {import("./place.js").Box}
 */
function around(nodes) {
  const [lefts, tops, rights, bottoms] = [0, 1, 2, 3].map((side) => nodes.map((node) => box(node)[side]));
  return [Math.min(...lefts), Math.min(...tops), Math.max(...rights), Math.max(...bottoms)];
}

/**
 * Waits until nodes are as large as they will be: Vue nodes are measured after they were drawn.
 * @param {Comfy.Node[]} nodes
 */
async function settled(nodes) {
  let before = "";
  for (let frames = 0, atRest = 0; frames < PATIENCE && atRest < AT_REST; frames++) {
    await new Promise(requestAnimationFrame);
    const now = nodes.map(({ size }) => [...size].join()).join();
    atRest = now === before ? atRest + 1 : 0;
    before = now;
  }
}

/**
 * Whether a node would fetch this task, and nothing else, as it is.
 * @param {Comfy.Node} node
 * @param {Task} task
 */
function isPoller(node, task) {
  const value = (/** @type {string} */ name) => node.widgets?.find((widget) => widget.name === name)?.value;
  const isLinked = node.inputs.some((_, slot) => node.isInputConnected(slot));
  const isActive = node.mode === 0;
  return node.type === POLLER && isActive && !isLinked && value("task_id") === task.task_id && value("region") === task.region;
}

/**
 * @param {Comfy.Graph} graph
 * @param {Comfy.Node} poller
 */
function previewOf(graph, poller) {
  return graph.nodes.find(
    (node) => node.type === PREVIEW && node.mode === 0 && node.isInputConnected(0) && node.getInputNode(0) === poller,
  );
}
