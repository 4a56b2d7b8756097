// @ts-check
/** The graphs of the workflow on the screen. */

import { app } from "../../../scripts/app.js";

/** @returns {Comfy.Graph} the workflow's own; older pages have no other name for it */
export function rootGraph() {
  return app.rootGraph ?? app.graph;
}

/** @returns {Comfy.Graph} that whose nodes are seen: the workflow's own, or that of a subgraph that was opened */
export function shownGraph() {
  return app.canvas.graph ?? app.graph;
}

/**
 * The subgraphs around a node, from outside, and the node itself; as far as they are there.
 * @param {string} id of the node in a run: those of the subgraphs around it and its own, as "12:5"
 * @returns {Comfy.Node[]}
 */
export function pathTo(id) {
  /** @type {Comfy.Node[]} */
  const path = [];
  for (const own of id.split(":")) {
    const within = path.length ? path[path.length - 1].subgraph : rootGraph();
    const node = within?.getNodeById(own);
    if (!node) break;
    path.push(node);
  }
  return path;
}

/**
 * @param {string} id as above
 * @returns {Comfy.Node | undefined}
 */
export function nodeAt(id) {
  const path = pathTo(id);
  return path.length === id.split(":").length ? path.at(-1) : undefined;
}
