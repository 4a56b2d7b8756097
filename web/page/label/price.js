// @ts-check
/** What a run will cost, and why it will be refused. */

import { make } from "../dom.js";
import { find } from "../question.js";
import { money, say } from "../words.js";
import { keyButton } from "./key_button.js";

/**
 * What the server tells (model_studio/page/quote.py).
 * @typedef {{applies: Record<string, boolean>, max_n: number, seconds: number | null, size: string | null, notes: string[],
 *   problem: string | null, no_key: boolean, linked: boolean, prompts: number, cost: Cost | null,
 *   credits: boolean, legacy: boolean}} Quote
 * @typedef {{amount: number, currency: string, precision: string}} Cost
 */

/**
 * @param {HTMLElement} element
 * @param {Quote | {problem: string}} quote for one prompt
 */
export function fillPrice(element, quote) {
  const facts = "applies" in quote ? factsOf(quote) : [];
  const notes = "notes" in quote ? quote.notes : [];
  element.replaceChildren(
    ...(facts.length ? [make("div", { title: say("label.list_price") }, facts.join(" · "))] : []),
    ...notes.map((note) => make("div", { className: "model-studio-warning" }, note)),
    ...(quote.problem ? [make("div", { className: "model-studio-error" }, quote.problem)] : []),
    ...("no_key" in quote && quote.no_key ? [keyButton()] : []),
  );
}

/**
 * @param {Cost} cost
 * @param {number} [times]
 */
export function sayCost({ amount, currency, precision }, times = 1) {
  return say(`label.${precision.replace(" ", "_")}`, { cost: money(amount * times, currency) });
}

/** @param {Quote} quote */
function factsOf({ cost, seconds, size, problem, linked, prompts, max_n, credits, legacy }) {
  if (!cost && (problem || !max_n)) return []; // refused for what decides the price, or a Task Poller
  return [
    cost ? sayCost(cost, prompts) : say(`label.${credits ? "credits" : linked ? "linked" : "unknown"}`),
    prompts === 1 ? "" : say("label.prompts", { count: prompts }),
    seconds ? say("label.seconds", { seconds: Math.round(seconds) }) : "",
    size?.replace("*", " × ") ?? "",
    legacy ? say("label.legacy") : "",
  ].filter(Boolean);
}

/** Inputs that only some models have: there is nothing to see of them on the others. */
const OPTIONAL = ["resolution", "prompt_extend_mode", "thinking"];

/**
 * Greys out what the model does not read, and hides what it does not have. Values stay as they are, for saved workflows
 * must not change.
 * @param {Comfy.Node} node
 * @param {Quote} quote
 */
export function applyQuote(node, { applies, max_n }) {
  for (const [name, applies_here] of Object.entries(applies)) {
    const widget = find(node, name);
    if (!widget) continue;
    if (OPTIONAL.includes(name)) {
      hide(widget, !applies_here);
      continue;
    }
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
 * @param {Comfy.Widget} widget
 * @param {boolean} off
 */
function hide(widget, off) {
  widget.hidden = off;
  if (widget.widgetId) widget.options.hidden = off; // the first Vue rendering would hide it for good
}

/**
 * @param {Comfy.Node} node
 * @param {number} max_n
 * @returns {boolean} whether n was too many
 */
export function limitN(node, max_n) {
  const n = find(node, "n");
  if (!n || n.value <= max_n) return false;
  n.value = max_n;
  return true;
}
