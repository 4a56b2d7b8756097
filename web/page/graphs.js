// @ts-check
/** The graphs of the workflow on the screen: its own, and those of its subgraphs, which may be used more than once. */

import { app } from "../../../scripts/app.js";

const OFF = [2, 4]; // modes of nodes that do not run: muted, bypassed

/** What was found out in the present turn of the page's loop: a workflow may nest subgraphs deeply, and use them often. */
const now = {
  /** @type {Map<Comfy.Graph, Comfy.Node[]> | null} */
  hosts: null,
  /** @type {Map<Comfy.Graph, boolean>} */
  off: new Map(),
};

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

/**
 * The nodes that stand for the subgraph that a node is in, each once; none for one of the workflow's own graph.
 * @param {{graph?: Comfy.Graph | null}} node
 * @returns {Comfy.Node[]}
 */
export function hostsOf({ graph }) {
  if (!graph || graph === rootGraph()) return [];
  if (!now.hosts) {
    now.hosts = allHosts();
    now.off.clear();
    queueMicrotask(() => (now.hosts = null));
  }
  return now.hosts.get(graph) ?? [];
}

/**
 * Whether a node is muted or bypassed, or each of the subgraphs that it is in.
 * @param {Comfy.Node} node
 * @returns {boolean}
 */
export function isOff(node) {
  if (OFF.includes(node.mode)) return true;
  const { graph } = node;
  const hosts = hostsOf(node);
  if (!graph || !hosts.length) return false;
  if (!now.off.has(graph)) now.off.set(graph, hosts.every(isOff));
  return /** @type {boolean} */ (now.off.get(graph));
}

/**
 * The id of a node in a run: those of the subgraphs around it and its own, as "12:5"; of several places the first one
 * that runs.
 * @param {Comfy.Node} node
 * @returns {string}
 */
export function idInRun(node) {
  const hosts = hostsOf(node);
  const host = hosts.find((host) => !isOff(host)) ?? hosts[0];
  return host ? `${idInRun(host)}:${node.id}` : String(node.id);
}

function allHosts() {
  /** @type {Map<Comfy.Graph, Comfy.Node[]>} */
  const hosts = new Map();
  const graphs = [rootGraph()];
  for (const graph of graphs) {
    for (const node of graph.nodes) {
      if (!node.subgraph) continue;
      const others = hosts.get(node.subgraph);
      if (others) others.push(node);
      else {
        hosts.set(node.subgraph, [node]);
        graphs.push(node.subgraph);
      }
    }
  }
  return hosts;
}
