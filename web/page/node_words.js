// @ts-check
/**
 * The words of the pack's nodes in the language of the page, from locales/<language>/nodeDefs.json.
 *
 * Newer pages read most of that file by themselves. The one of ComfyUI 0.3.75 loses it when it loads its own Chinese,
 * and none reads the labels of a combo's values and the hint in an empty text.
 */

import { nodeWords } from "./words.js";

/**
 * Before a node is registered: what search, library and tooltips say of it.
 * @param {unknown} _type
 * @param {any} definition of any node, as GET /object_info has it
 */
export function translateDefinition(_type, definition) {
  const words = nodeWords(definition.name);
  if (!words) return;
  definition.display_name = words.display_name;
  definition.description = words.description;
  definition.output_tooltips = Object.values(words.outputs).map(({ tooltip }) => tooltip);
  const inputs = { ...definition.input.required, ...definition.input.optional };
  for (const [id, [, options]] of Object.entries(inputs)) options.tooltip = words.inputs[id].tooltip;
}

/**
 * After a node was made: what stands on it. The values of its widgets stay as they are.
 * @param {any} node of any type
 */
export function translateNode(node) {
  const words = nodeWords(node.comfyClass);
  if (!words) return;
  const ours = (/** @type {any} */ { name }) => name in words.inputs; // others: "control after generate", other packs'
  for (const input of node.inputs.filter(ours)) input.localized_name = words.inputs[input.name].name;
  for (const [index, { name }] of Object.entries(words.outputs)) node.outputs[index].localized_name = name;
  for (const widget of node.widgets.filter(ours)) {
    const { name, placeholder, options } = words.inputs[widget.name];
    widget.label = name;
    if (widget.element) widget.element.placeholder = placeholder ?? name;
    if (options) widget.options.getOptionLabel = (/** @type {string} */ value) => options[value] ?? value;
  }
}
