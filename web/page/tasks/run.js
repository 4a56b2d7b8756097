// @ts-check
/** Runs some nodes of the graph and no other: nothing else is bought, and no seed moves on. */

import { app } from "../../../../scripts/app.js";
import { api } from "../../../../scripts/api.js";
import { idInRun, isOff, nodeAt } from "../graphs.js";
import { say } from "../words.js";

/**
 * @param {Comfy.Node[]} nodes which need no others. Throws an Error with the server's words where it refuses them, and
 *   with ours where they do not run, or are no longer those of the workflow on the screen.
 */
export async function runOnly(nodes) {
  if (nodes.some(isOff)) throw new Error(say("tasks.off"));
  const ids = nodes.map(idInRun);
  const areThere = () => ids.every((id, place) => nodeAt(id) === nodes[place]);
  // Not the page's own way to run a part of the graph: that one moves the seeds of all nodes on.
  if (areThere()) for (const { widgets = [] } of nodes) for (const widget of widgets) widget.beforeQueued?.();
  const { output, workflow } = await app.graphToPrompt();
  if (!areThere()) throw new Error(say("tasks.gone"));
  const parts = ids.filter((id) => id in output).map((id) => /** @type {const} */ ([id, output[id]]));
  if (!parts.length) throw new Error(nodes.map(({ title }) => title).join());
  try {
    await api.queuePrompt(0, { output: Object.fromEntries(parts), workflow });
  } catch (error) {
    throw new Error(reason(error));
  }
}

/**
 * What the server says of a prompt that it refuses: of the nodes, where it does.
 * @param {any} error
 * @returns {string}
 */
function reason(error) {
  const nodes = Object.values(error?.response?.node_errors ?? {});
  const told = nodes.flatMap(({ errors }) => errors.map((/** @type {any} */ { details, message }) => details || message));
  return told.join("\n") || (error instanceof Error ? error.message : String(error));
}
