// @ts-check
/** Runs some nodes of the graph and no other: nothing else is bought, and no seed moves on. */

import { app } from "../../../../scripts/app.js";
import { api } from "../../../../scripts/api.js";

/**
 * @param {Comfy.Node[]} nodes which need no others. Throws an Error with the server's words where it refuses them.
 */
export async function runOnly(nodes) {
  // Not the page's own way to run a part of the graph: that one moves the seeds of all nodes on.
  for (const { widgets = [] } of nodes) for (const widget of widgets) widget.beforeQueued?.();
  const { output, workflow } = await app.graphToPrompt();
  const parts = Object.entries(output).filter(([id, { class_type }]) =>
    // Inside a subgraph ids come after those of the nodes that stand for it.
    nodes.some((node) => String(node.id) === id.split(":").at(-1) && node.type === class_type),
  );
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
