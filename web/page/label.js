// @ts-check
/**
 * At the bottom of a node: what its run will cost, how it goes, and what came of the last one. Inputs that do not count are greyed.
 */

import { app } from "../../../scripts/app.js";
import { api } from "../../../scripts/api.js";
import { make } from "./dom.js";
import { find, isBuyer, questionOf } from "./question.js";
import { markPrompt } from "./runs.js";
import { ask } from "./server.js";
import { language, money, say } from "./words.js";

/**
 * What the server tells (model_studio/page/quote.py).
 * @typedef {{applies: Record<string, boolean>, max_n: number, seconds: number | null, size: string | null, notes: string[],
 *   problem: string | null, linked: boolean, cost: {amount: number, currency: string, precision: string} | null}} Quote
 */

const MARGIN = 4; // pixels around the line
const POLLER = "ModelStudioTaskPoller";
const LABEL = "model_studio_price";

const EVERY = 300; // milliseconds between two looks at the nodes
const RETRY = 5000; // milliseconds until a server that was away is asked again

/** Nodes in the graphs that are open. @type {Set<Comfy.Node>} */
const labelled = new Set();
/** What was asked last. @type {WeakMap<Comfy.Node, {key: string, model: string}>} */
let asked = new WeakMap();

/** @param {Comfy.Node} node a node that was just made */
export function addLabel(node) {
  const buys = isBuyer(node);
  if (!buys && node.comfyClass !== POLLER) return;
  const price = make("div", { className: "model-studio-price" });
  const outcome = make("div", { className: "model-studio-outcome" });
  outcome.style.whiteSpace = "pre-line";
  const element = make("div", {}, price, outcome);
  Object.assign(element.style, { fontSize: "12px", lineHeight: "1.4", padding: "0 6px", overflow: "auto" });
  const height = () => Math.max(24, price.scrollHeight + outcome.scrollHeight + 2 * MARGIN);
  const options = { serialize: false, hideOnZoom: false, margin: MARGIN, getMinHeight: height, getMaxHeight: height };
  const widget = node.addDOMWidget(LABEL, LABEL, element, options);
  widget.serialize = false; // it is not an input: neither in the workflow nor in the prompt
  widget.beforeQueued = markPrompt;
  if (!buys) return;
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
 * @param {string} text
 */
export function showOutcome(id, text) {
  /** @type {Comfy.Node | null | undefined} */
  let node;
  for (const own of id.split(":")) node = (node ? node.subgraph : app.rootGraph ?? app.graph)?.getNodeById(own);
  if (!node || !find(node, LABEL)) return; // not ours, or gone
  part(node, "outcome").textContent = text;
  node.setDirtyCanvas(true, true);
}

/** Keeps the labels true, whoever changes what: the user, a link further up, another pack's script. To be called once. */
export function followNodes() {
  setInterval(() => labelled.forEach(look), EVERY);
  window.addEventListener("model-studio-keys", askAgain); // keys decide which region `auto` means
  api.addEventListener("reconnected", askAgain);
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
  const { prompts, ...question } = questionOf(node);
  const key = JSON.stringify([language(), prompts, question]);
  const before = asked.get(node);
  if (before?.key === key) return;
  const { model } = question.inputs;
  const now = { key, model };
  asked.set(node, now);
  const price = part(node, "price");
  try {
    const quote = await ask("/quote", { method: "POST", body: question });
    if (asked.get(node) !== now) return; // it holds something else by now
    if (before && before.model !== model && limit(node, quote.max_n)) return; // asked again with the new n
    show(price, quote, prompts);
    apply(node, quote);
  } catch (error) {
    if (asked.get(node) !== now) return;
    const isAway = error instanceof TypeError; // what fetch throws
    tell(price, isAway ? say("label.unreachable") : /** @type {Error} */ (error).message, "");
    if (isAway) setTimeout(() => asked.get(node) === now && asked.delete(node), RETRY);
  }
  node.setDirtyCanvas(true, true);
}

/**
 * @param {HTMLElement} element
 * @param {Quote} quote for one prompt
 * @param {number} prompts
 */
function show(element, { cost, seconds, size, problem, notes, linked }, prompts) {
  if (problem) return tell(element, problem, "");
  const told = cost && { cost: money(cost.amount * prompts, cost.currency) };
  const price = told ? say(`label.${cost.precision.replace(" ", "_")}`, told) : say(`label.${linked ? "linked" : "unknown"}`);
  const facts = [
    price,
    prompts === 1 ? "" : say("label.prompts", { count: prompts }),
    seconds ? say("label.seconds", { seconds: Math.round(seconds) }) : "",
    size?.replace("*", " × "),
  ];
  tell(element, notes.join(" "), facts.filter(Boolean).join(" · "));
  element.title = say("label.list_price");
}

/**
 * @param {HTMLElement} element
 * @param {string} warning
 * @param {string} text
 */
function tell(element, warning, text) {
  const alarm = make("div", {}, warning);
  alarm.style.color = "var(--error-text, #f44)";
  element.replaceChildren(...(text ? [make("div", {}, text)] : []), ...(warning ? [alarm] : []));
  element.title = warning;
}

/**
 * Greys out what the model does not read. Values stay as they are, for saved workflows must not change.
 * @param {Comfy.Node} node
 * @param {Quote} quote
 */
function apply(node, { applies, max_n }) {
  for (const [name, applies_here] of Object.entries(applies)) {
    const widget = find(node, name);
    if (!widget) continue;
    const off = !applies_here && !(name === "n" && widget.value !== 1); // a wrong n can be mended
    widget.disabled = off;
    // The first Vue rendering (frontend 1.32) has no ids; it reads options once, and would grey out an input for good.
    if (widget.widgetId) widget.options.disabled = off;
    if (widget.element instanceof HTMLTextAreaElement) widget.element.disabled = off;
  }
  const n = find(node, "n");
  if (n?.options) n.options.max = Math.max(max_n, n.value);
}

/**
 * @param {Comfy.Node} node
 * @param {number} max_n
 * @returns {boolean} whether n was too many
 */
function limit(node, max_n) {
  const n = find(node, "n");
  if (!n || n.value <= max_n) return false;
  n.value = max_n;
  return true;
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
