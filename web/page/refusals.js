// @ts-check
/** What the server refuses before a run, on the nodes: pages tell it in a list of their own, far from them. */

import { app } from "../../../scripts/app.js";
import { textOf as toldText } from "./label/outcome.js";
import { forget, take } from "./runs.js";

/** Those that the page shows now. @type {string} */
let known = "null";

/** Those of the next run are told even if they are the same. */
export function expectRefusals() {
  known = "";
}

/** Pages tell nobody of a refusal; they keep it until the next try. */
export function lookForRefusals() {
  const errors = app.lastNodeErrors ?? null;
  const now = JSON.stringify(errors);
  if (now === known) return;
  known = now;
  forget((_, told) => Boolean(told.refused));
  for (const [id, { errors: reasons }] of Object.entries(errors ?? {})) {
    const lines = [...new Set(reasons.map(textOf))].map((text) => /** @type {[string, string]} */ (["error", text]));
    if (lines.length) take(id, { lines, ids: [], refused: true });
  }
}

/**
 * @param {Comfy.Node} node that has changed since, or whose price line says the same
 * @param {string} [text] only this one
 */
export function forgetRefusal(node, text) {
  forget(
    (id, told) =>
      Boolean(told.refused) && id.split(":").at(-1) === String(node.id) && (!text || toldText(told) === text),
  );
}

/**
 * Ours is a sentence, for which ComfyUI has an introduction: "Exception when validating node".
 * @param {{type: string, message: string, details: string}} error
 */
function textOf({ type, message, details }) {
  return type.startsWith("exception_") ? details : [message, details].filter(Boolean).join(": ");
}
