// @ts-check
/**
 * At the bottom of a node: what its run will cost, and what came of the last one. Inputs that do not count are greyed.
 */

import { app } from "../../../scripts/app.js";
import { api } from "../../../scripts/api.js";
import { make } from "./dom.js";
import { ask } from "./server.js";
import { money, say } from "./words.js";

/**
 * What the server tells (model_studio/quote.py).
 * @typedef {{applies: Record<string, boolean>, max_n: number, seconds: number, size: string | null, notes: string[],
 *   problem: string | null, cost: {amount: number, currency: string, precision: string} | null}} Quote
 */

const BUYERS = ["ModelStudioQwenText2Image", "ModelStudioWanText2Image", "ModelStudioSubmitText2Image"];
/** Inputs that decide the price or what applies; the rest is not sent. */
const ASKED = ["model", "aspect_ratio", "width", "height", "n", "prompt_extend", "region", "call_mode"];
const POLLER = "ModelStudioTaskPoller";
const LIST = "ModelStudioPromptList";
const LIST_SHAPE = 6; // LiteGraph's GRID_SHAPE, by which an output is a list
const PROGRESS = "$$node-text-preview"; // the name that ComfyUI gives to the text that a node shows while it runs
const MARGIN = 4; // pixels around the line
const LABEL = "model_studio_price";

/** The question that was asked last. @type {WeakMap<Comfy.Node, object>} */
const latest = new WeakMap();

/** @param {Comfy.Node} node a node that was just made */
export function addLabel(node) {
  const buys = BUYERS.includes(node.comfyClass ?? "");
  if (!buys && node.comfyClass !== POLLER) return;
  const price = make("div", { className: "model-studio-price" });
  const outcome = make("div", { className: "model-studio-outcome" });
  outcome.style.whiteSpace = "pre-line"; // a line for each prompt of a list
  const element = make("div", {}, price, outcome);
  Object.assign(element.style, { fontSize: "12px", lineHeight: "1.4", padding: "0 6px", overflow: "auto" });
  const height = () => Math.max(24, price.scrollHeight + outcome.scrollHeight + 2 * MARGIN);
  const options = { serialize: false, hideOnZoom: false, margin: MARGIN, getMinHeight: height, getMaxHeight: height };
  const widget = node.addDOMWidget(LABEL, LABEL, element, options);
  widget.serialize = false; // it is no input: neither in the workflow nor in the prompt
  if (!buys) return;
  for (const name of ASKED) watch(node, name, () => refresh(node, name === "model"));
  const connected = node.onConnectionsChange;
  node.onConnectionsChange = function (...change) {
    connected?.apply(this, change);
    refresh(node);
  };
}

/** Shows on each node what came of its last run. To be called once. */
export function followRuns() {
  api.addEventListener("model_studio.told", ({ detail }) => conclude(detail.node, detail.text));
  api.addEventListener("execution_cached", ({ detail }) => {
    for (const id of detail.nodes) conclude(id, say("label.unchanged"));
  });
}

/**
 * @param {string} id of a node in a run: those of the subgraphs around it and its own, as "12:5"
 * @param {string} text
 */
function conclude(id, text) {
  /** @type {Comfy.Node | null | undefined} */
  let node;
  for (const own of id.split(":")) node = (node ? node.subgraph : app.rootGraph ?? app.graph)?.getNodeById(own);
  const outcome = node && part(node, "outcome");
  if (!node || !outcome) return;
  outcome.textContent = text;
  const told = find(node, PROGRESS);
  if (told) told.value = ""; // some pages leave ComfyUI's own text where it was: once is enough
  node.setDirtyCanvas(true, true);
}

/**
 * A list of prompts changes what the nodes behind it will cost.
 * @param {Comfy.Node} node a node that was just made
 */
export function followPrompts(node) {
  if (node.comfyClass !== LIST) return;
  watch(node, "prompts", () => node.graph?.nodes.forEach((other) => refresh(other)));
}

/**
 * Asks the server anew.
 * @param {Comfy.Node} node
 * @param {boolean} [correct] whether an n that the model cannot do is to become one that it can
 */
export async function refresh(node, correct = false) {
  const element = part(node, "price");
  if (!element || !BUYERS.includes(node.comfyClass ?? "")) return;
  const asked = {};
  latest.set(node, asked);
  try {
    const prompts = promptsOf(node);
    const quote = await ask("/quote", { method: "POST", body: question(node, prompts === null) });
    if (latest.get(node) !== asked) return; // a later question is under way
    if (correct && limit(node, quote.max_n)) return refresh(node);
    show(element, quote, prompts ?? 1);
    apply(node, quote);
  } catch (error) {
    if (latest.get(node) === asked) tell(element, error instanceof Error ? error.message : String(error), "");
  }
  node.setDirtyCanvas?.(true, true);
}

/**
 * @param {Comfy.Node} node
 * @param {boolean} many whether a list further up decides how often it runs
 */
function question(node, many) {
  const linked = node.inputs.filter((_, slot) => node.isInputConnected(slot)).map((input) => input.name);
  const asked = ASKED.filter((name) => !linked.includes(name));
  return {
    inputs: Object.fromEntries(asked.map((name) => [name, find(node, name)?.value])),
    linked: many || linked.some((name) => ASKED.includes(name)),
  };
}

/**
 * How many prompts it gets: those of the Prompt List it is linked to, else 1, or null where that cannot be seen.
 * @param {Comfy.Node} node
 */
function promptsOf(node) {
  const [list, ...others] = sourcesOf(node).filter((source) => !source || comesFromList(source));
  if (list === undefined) return 1;
  if (list?.comfyClass !== LIST || list.isInputConnected(0) || others.length) return null;
  return String(find(list, "prompts")?.value).split(/\r?\n/).filter((line) => line.trim()).length;
}

/**
 * The nodes it is linked to; null for what lies outside of its subgraph.
 * @param {Comfy.Node} node
 */
function sourcesOf(node) {
  const linked = node.inputs.map((_, slot) => slot).filter((slot) => node.isInputConnected(slot));
  return linked.map((slot) => node.getInputNode(slot)).map((source) => (source?.inputs ? source : null));
}

/**
 * Whether a node runs once for each item of a list, or puts out one.
 * @param {Comfy.Node} node
 * @returns {boolean}
 */
function comesFromList(node) {
  const makesOne = node.outputs.some((output) => output.shape === LIST_SHAPE);
  return makesOne || sourcesOf(node).some((source) => !source || comesFromList(source));
}

/**
 * @param {HTMLElement} element
 * @param {Quote} quote for one prompt
 * @param {number} prompts
 */
function show(element, { cost, seconds, size, problem, notes }, prompts) {
  if (problem) return tell(element, problem, "");
  const count = prompts === 1 ? "" : say("label.prompts", { count: prompts });
  const price = cost ? say(`label.${cost.precision.replace(" ", "_")}`, { cost: money(cost.amount * prompts, cost.currency) }) : say("label.unknown");
  const facts = [price, count, say("label.seconds", { seconds: Math.round(seconds) }), size?.replace("*", " × ")];
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
 * @param {string} name
 * @param {() => void} act called after each change by the user
 */
function watch(node, name, act) {
  const widget = find(node, name);
  if (!widget) return;
  const changed = widget.callback;
  widget.callback = function (...change) {
    changed?.apply(this, change);
    act();
  };
}

/**
 * @param {Comfy.Node} node
 * @param {"price" | "outcome"} name
 * @returns {HTMLElement | null | undefined} the node's line of that name
 */
function part(node, name) {
  return find(node, LABEL)?.element?.querySelector(`.model-studio-${name}`);
}

/**
 * @param {Comfy.Node} node
 * @param {string} name
 */
function find(node, name) {
  return node.widgets?.find((widget) => widget.name === name);
}
