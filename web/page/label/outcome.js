// @ts-check
/** What a node tells of its run, or of a refusal before it. */

import { copyId } from "../copying.js";
import { make } from "../dom.js";
import { say } from "../words.js";

/**
 * Lines of a kind (model_studio/runs/outcomes.py) and the ids in them; `refused`: it was not run at all.
 * @typedef {{lines: [kind: string, text: string][], ids: string[], refused?: boolean}} Told
 */

/** How kinds of lines look that are not as usual. @type {Record<string, string>} */
const CLASSES = { error: "model-studio-error", left: "model-studio-warning" };

/**
 * @param {HTMLElement} element
 * @param {Told | null} told null: nothing
 */
export function fillOutcome(element, told) {
  element.replaceChildren(...(told?.lines ?? []).map(([kind, text]) => lineOf(kind, text, told?.ids ?? [])));
}

/** @param {Told} told */
export function textOf({ lines }) {
  return lines.map(([, text]) => text).join("\n");
}

/** @param {Told} told */
export function isGoing({ lines }) {
  return lines.some(([kind]) => kind === "now");
}

/**
 * @param {string} kind
 * @param {string} text
 * @param {string[]} ids
 */
function lineOf(kind, text, ids) {
  const line = make("div", { className: CLASSES[kind] ?? "" }, ...parts(text, ids));
  if (kind === "error") line.setAttribute("role", "alert");
  // To the page it would be the begin of dragging the node: the text can be selected instead.
  if (kind !== "now") line.addEventListener("pointerdown", (event) => event.stopPropagation());
  return line;
}

/**
 * The text with its ids as buttons.
 * @param {string} text
 * @param {string[]} ids
 * @returns {(string | HTMLElement)[]}
 */
function parts(text, ids) {
  const [place, id] = ids
    .map((id) => /** @type {[number, string]} */ ([text.indexOf(id), id]))
    .filter(([place]) => place >= 0)
    .reduce((one, other) => (other[0] < one[0] ? other : one), [Infinity, ""]);
  if (!id) return [text];
  return [text.slice(0, place), idButton(id), ...parts(text.slice(place + id.length), ids)];
}

/** @param {string} id */
function idButton(id) {
  const button = make("button", { type: "button", className: "model-studio-id", title: say("label.copy") }, id);
  button.addEventListener("click", () =>
    copyId(id, { summary: say("label.copied", { id }) }, say("label.not_copied")),
  );
  return button;
}
