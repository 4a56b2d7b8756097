// @ts-check
/**
 * At the bottom of a node: what its run will cost or why it will be refused, how it goes, and what came of the last one.
 */

import { api } from "../../../scripts/api.js";
import { make, useStyle } from "./dom.js";
import { nodeAt } from "./graphs.js";
import { fillOutcome, textOf } from "./label/outcome.js";
import { applyQuote, fillPrice, limitN } from "./label/price.js";
import { showAround } from "./label/subgraphs.js";
import { find, isOurs, questionOf } from "./question.js";
import { expectRefusals, forgetRefusal, lookForRefusals } from "./refusals.js";
import { markPrompt } from "./runs.js";
import { ask } from "./server.js";
import { language, say } from "./words.js";

const MARGIN = 4; // pixels around the line
const GAP = 4; // pixels that the classic rendering adds below a widget of a fixed size
export const LABEL = "model_studio_price";

const EVERY = 300; // milliseconds between two looks at the nodes
const RETRY = 5000; // milliseconds until a server that was away is asked again

/** Nodes in the graphs that are open. @type {Set<Comfy.Node>} */
const labelled = new Set();
/** What was asked last. @type {WeakMap<Comfy.Node, {key: string, model: string}>} */
let asked = new WeakMap();
/** What was answered to that. @type {WeakMap<Comfy.Node, Quote>} */
const quotes = new WeakMap();

/** @typedef {import("./label/price.js").Quote} Quote */
/** @typedef {import("./label/outcome.js").Told} Told */

/** @param {Comfy.Node} node a node that was just made */
export function addLabel(node) {
  if (!isOurs(node)) return;
  useStyle(new URL("./label.css", import.meta.url));
  const price = make("div", { className: "model-studio-price" });
  const outcome = make("div", { className: "model-studio-outcome" });
  const element = make("div", { className: "model-studio-label" }, price, outcome);
  const options = { serialize: false, hideOnZoom: false, margin: MARGIN };
  const widget = node.addDOMWidget(LABEL, LABEL, element, options);
  // As high as its text. What can be given more room is given it, and would leave a gap below the text.
  widget.computeLayoutSize = undefined;
  widget.computeSize = () => [0, Math.max(24, price.scrollHeight + outcome.scrollHeight + 2 * MARGIN) - GAP];
  widget.serialize = false; // it is not an input: neither in the workflow nor in the prompt
  widget.label = say("label.name");
  widget.beforeQueued = () => {
    markPrompt();
    expectRefusals();
  };
  // Newer pages set it to the width of their panel on the right, and would draw the line half as wide as the node.
  Object.defineProperty(widget, "width", { get: () => undefined, set() {} });
  labelled.add(node);
  const removed = node.onRemoved;
  node.onRemoved = function () {
    removed?.apply(this);
    labelled.delete(node);
  };
}

/**
 * What a node of the graph on the screen tells of its run.
 * @param {string} id of a node in a run: those of the subgraphs around it and its own, as "12:5"
 * @param {Told | null} told
 */
export function showOutcome(id, told) {
  const node = nodeAt(id);
  if (!node || !find(node, LABEL)) return; // not ours, or gone
  // What will be refused is told above already, as far as it is the same.
  const isKnown = told?.refused && quotes.get(node)?.problem === textOf(told);
  fillOutcome(part(node, "outcome"), isKnown ? null : told);
  node.setDirtyCanvas(true, true);
}

/** Keeps the labels true, whoever changes what: the user, a link further up, another pack's script. To be called once. */
export function followNodes() {
  setInterval(() => {
    labelled.forEach(look);
    showAround(quotes);
    lookForRefusals();
  }, EVERY);
  window.addEventListener("model-studio-keys", askAgain); // keys decide which region `auto` means
  api.addEventListener("reconnected", askAgain);
  // What is left of the day's budget is less by now.
  api.addEventListener("executing", ({ detail }) => detail || askAgain());
}

function askAgain() {
  asked = new WeakMap();
}

/**
 * Asks for the price if it is not known for what the node holds now.
 * @param {Comfy.Node} node
 */
async function look(node) {
  if (!node.graph) return; // not added yet
  const question = questionOf(node);
  const key = JSON.stringify([language(), question]);
  const before = asked.get(node);
  if (before?.key === key) return;
  const now = { key, model: question?.inputs.model };
  asked.set(node, now);
  if (before) forgetRefusal(node);
  const price = part(node, "price");
  if (!question) {
    quotes.delete(node);
    price.replaceChildren();
    node.setDirtyCanvas(true, true);
    return;
  }
  try {
    const quote = await ask("/quote", { method: "POST", body: question });
    if (asked.get(node) !== now) return; // it holds something else by now
    if (before && before.model !== now.model && limitN(node, quote.max_n)) return; // asked again with the new n
    quotes.set(node, quote);
    fillPrice(price, quote);
    if (quote.problem) forgetRefusal(node, quote.problem);
    applyQuote(node, quote);
  } catch (error) {
    if (asked.get(node) !== now) return;
    quotes.delete(node);
    const isAway = error instanceof TypeError; // what fetch throws
    fillPrice(price, { problem: isAway ? say("label.unreachable") : /** @type {Error} */ (error).message });
    if (isAway) setTimeout(() => asked.get(node) === now && asked.delete(node), RETRY);
  }
  node.setDirtyCanvas(true, true);
}

/**
 * @param {Comfy.Node} node
 * @param {"price" | "outcome"} name
 * @returns {HTMLElement} the node's line of that name
 */
function part(node, name) {
  const element = /** @type {HTMLElement} */ (find(node, LABEL)?.element);
  return /** @type {HTMLElement} */ (element.querySelector(`.model-studio-${name}`));
}
