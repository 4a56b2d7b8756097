// @ts-check
/** The pack's examples in the language of the page: titles, the note, and the words of the form. Prompts stay. */

import { app } from "../../../scripts/app.js";
import { exampleWords } from "./words.js";

const MARK = "model_studio_example"; // in the `extra` of an example as it ships

/**
 * Before a workflow is loaded. The mark goes at the first time, so that it is in nothing that is saved: whatever
 * somebody saved is left as it is.
 * @param {any} workflow
 */
export function translateExample(workflow) {
  if (!workflow.extra?.[MARK]) return;
  delete workflow.extra[MARK];
  const { activeWorkflow } = app.extensionManager.workflow;
  // The form of older pages shows all inputs over each other, and is left as it is when another tab is opened.
  if (activeWorkflow && !("activeMode" in activeWorkflow)) workflow.extra.linearMode = false;
  const words = exampleWords();
  /** @param {string} text */
  const own = (text) => words.get(text) ?? text;
  for (const group of workflow.groups) group.title = own(group.title);
  for (const node of workflow.nodes) {
    if (node.title) node.title = own(node.title);
    for (const input of node.inputs) if (input.label) input.label = own(input.label);
    if (node.type === "MarkdownNote") node.widgets_values[0] = node.widgets_values[0].split("\n\n").map(own).join("\n\n");
  }
  for (const [, , shown] of workflow.extra.linearData.inputs) if (shown?.description) shown.description = own(shown.description);
}
