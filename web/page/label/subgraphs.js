// @ts-check
/** On a node that stands for a subgraph: what the run of our nodes in it will cost, as a badge. */

import { shownGraph } from "../graphs.js";
import { hostsOf, isOff } from "../question.js";
import { sayCost } from "./price.js";

/** @typedef {import("./price.js").Quote} Quote */
/** @typedef {import("./price.js").Cost} Cost */

const COLOURS = { fgColor: "white", bgColor: "#3f3f46" };

/** Its badge, and what stands on it. @type {WeakMap<Comfy.Node, {badge: Comfy.Badge, text: string}>} */
const badges = new WeakMap();

/**
 * @param {Iterable<Comfy.Node>} nodes of ours
 * @param {WeakMap<Comfy.Node, Quote>} quotes
 */
export function showAround(nodes, quotes) {
  /** @type {Map<Comfy.Node, Map<string, Cost>>} */
  const sums = new Map();
  for (const node of nodes) {
    const { cost, prompts } = quotes.get(node) ?? {};
    if (!node.graph || !cost) continue;
    for (const host of allAround(node)) {
      if (!sums.has(host)) sums.set(host, new Map());
      if (!isOff(host)) add(/** @type {Map<string, Cost>} */ (sums.get(host)), cost, prompts ?? 1);
    }
  }
  for (const host of shownGraph().nodes.filter((node) => node.subgraph)) {
    const costs = [...(sums.get(host)?.values() ?? [])];
    show(host, costs.map((cost) => sayCost(cost)).join(" + "));
  }
}

/**
 * @param {Comfy.Node} node
 * @returns {Comfy.Node[]}
 */
function allAround(node) {
  return hostsOf(node).flatMap((host) => [host, ...allAround(host)]);
}

/**
 * @param {Map<string, Cost>} sums
 * @param {Cost} cost
 * @param {number} times
 */
function add(sums, { amount, currency, precision }, times) {
  const before = sums.get(currency) ?? { amount: 0, currency, precision: "exact" };
  const least = ["at least", "about", "exact"].find((one) => [precision, before.precision].includes(one)) ?? precision;
  sums.set(currency, { amount: before.amount + amount * times, currency, precision: least });
}

/**
 * @param {Comfy.Node} host
 * @param {string} text
 */
function show(host, text) {
  const before = badges.get(host);
  if ((before?.text ?? "") === text) return;
  const others = host.badges.filter((badge) => badge !== before?.badge);
  const badge = new LGraphBadge({ text, ...COLOURS });
  badges.set(host, { badge, text });
  host.badges = text ? [...others, badge] : others;
  host.setDirtyCanvas(true, true);
}
