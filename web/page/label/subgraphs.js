// @ts-check
/** On a node that stands for a subgraph: what the run of our nodes in it will cost, as a badge. */

import { isOff, shownGraph } from "../graphs.js";
import { sayCost } from "./price.js";

/** @typedef {import("./price.js").Quote} Quote */
/** @typedef {import("./price.js").Cost} Cost */
/** @typedef {Map<Comfy.Graph, Map<string, Cost>>} Sums of each subgraph, by currency */

/** The least precise first. */
const PRECISIONS = ["at least", "at most", "about", "exact"];

const COLOURS = { fgColor: "white", bgColor: "#3f3f46" };

/** Its badge, and what stands on it. @type {WeakMap<Comfy.Node, {badge: Comfy.Badge, text: string}>} */
const badges = new WeakMap();

/** @param {WeakMap<Comfy.Node, Quote>} quotes of our nodes, as far as they run */
export function showAround(quotes) {
  /** @type {Sums} */
  const known = new Map();
  for (const host of shownGraph().nodes) {
    if (!host.subgraph) continue;
    const costs = isOff(host) ? [] : [...costsIn(host.subgraph, quotes, known).values()];
    show(host, costs.map((cost) => sayCost(cost)).join(" + "));
  }
}

/**
 * What one run of a subgraph costs, by currency.
 * @param {Comfy.Graph} graph
 * @param {WeakMap<Comfy.Node, Quote>} quotes
 * @param {Sums} known
 * @returns {Map<string, Cost>}
 */
function costsIn(graph, quotes, known) {
  const before = known.get(graph);
  if (before) return before;
  /** @type {Map<string, Cost>} */
  const sums = new Map();
  known.set(graph, sums);
  for (const node of graph.nodes) {
    const { cost, prompts } = quotes.get(node) ?? {};
    if (cost) add(sums, cost, prompts ?? 1);
    if (node.subgraph && !isOff(node)) costsIn(node.subgraph, quotes, known).forEach((inner) => add(sums, inner, 1));
  }
  return sums;
}

/**
 * @param {Map<string, Cost>} sums
 * @param {Cost} cost
 * @param {number} times
 */
function add(sums, { amount, currency, precision }, times) {
  const before = sums.get(currency) ?? { amount: 0, currency, precision: "exact" };
  const known = [precision, before.precision];
  const isOpen = known.includes("at least") && known.includes("at most");
  const together = isOpen ? "about" : PRECISIONS.find((one) => known.includes(one)) ?? precision;
  sums.set(currency, { amount: before.amount + amount * times, currency, precision: together });
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
