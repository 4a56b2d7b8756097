// @ts-check
/**
 * The pictures that ComfyUI shows on a running node: it does so on the node with that number in whatever graph is on
 * the screen, and leaves them there until the node's next preview. Here each goes when it is not, or no longer, true.
 */

import { app } from "../../../scripts/app.js";
import { api } from "../../../scripts/api.js";
import { pathTo, rootGraph } from "./graphs.js";
import { find } from "./question.js";

const WIDGET = "$$canvas-image-preview"; // the page's own, in which the classic rendering shows a preview

/** The prompt that ran last of each node. @type {WeakMap<Comfy.Workflow, Map<string, string>>} */
const shown = new WeakMap();

/**
 * A node tells of its run: with its first word the preview of an earlier one goes.
 * @param {Comfy.Workflow} tab
 * @param {string} id
 * @param {string} prompt
 */
export function beginPreview(tab, id, prompt) {
  const prompts = shown.get(tab) ?? new Map();
  shown.set(tab, prompts);
  if (prompts.get(id) === prompt) return;
  prompts.set(id, prompt);
  if (tab === app.extensionManager.workflow.activeWorkflow) pathTo(id).forEach(clear);
}

/**
 * Takes off the graph on the screen what is not of its runs. To be called once.
 * @param {(prompt: string) => boolean} isElsewhere whether our nodes run in it, and not on the screen as far as is known
 */
export function followPreviews(isElsewhere) {
  // Called after the page's own listener, and before anything is drawn.
  api.addEventListener("b_preview_with_metadata", ({ detail: { displayNodeId, promptId, jobId } }) => {
    if (isElsewhere(jobId ?? promptId)) pathTo(displayNodeId).forEach(forget);
  });
}

/** @param {Comfy.Node} node whose preview shall not be drawn (again) */
function forget(node) {
  const { graph } = node;
  const locator = graph && graph !== rootGraph() ? `${graph.id}:${node.id}` : `${node.id}`;
  // The page offers packs no way to this; without it, only the classic rendering forgets.
  const store = app.extensionManager.workflow._p?._s.get("nodeOutput");
  store?.revokePreviewsByLocatorId?.(locator);
  delete store?.nodePreviewImages[locator];
  delete app.nodePreviewImages[locator];
}

/** @param {Comfy.Node} node */
function clear(node) {
  forget(node);
  if (!node.preview) return;
  node.preview = node.imgs = undefined;
  const widget = find(node, WIDGET);
  if (widget) node.removeWidget(widget);
  node.setDirtyCanvas(true, true);
}
