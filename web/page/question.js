// @ts-check
/** What decides the price of a node's run, read off its graph. */

const LIST = "ModelStudioPromptList";
const LIST_SHAPE = 6; // LiteGraph's GRID_SHAPE, by which an output is a list
/** Inputs that decide the price or what applies; the rest is not sent. */
const ASKED = ["model", "aspect_ratio", "width", "height", "n", "prompt_extend", "region", "call_mode"];

/** @param {Comfy.Node} node */
export function isBuyer(node) {
  return Boolean(node.comfyClass?.startsWith("ModelStudio") && find(node, "model"));
}

/**
 * The body of POST /quote, and how many prompts the node gets.
 * @param {Comfy.Node} node
 * @returns {{prompts: number, inputs: Record<string, any>, linked: boolean}}
 */
export function questionOf(node) {
  const names = node.inputs.filter((_, slot) => node.isInputConnected(slot)).map((input) => input.name);
  const asked = ASKED.filter((name) => !names.includes(name) && find(node, name));
  const prompts = promptsOf(node);
  return {
    prompts: prompts ?? 1,
    inputs: Object.fromEntries(asked.map((name) => [name, find(node, name)?.value])),
    linked: prompts === null || names.some((name) => ASKED.includes(name)),
  };
}

/**
 * Those of the Prompt List it is linked to, else 1, or null where that cannot be seen.
 * @param {Comfy.Node} node
 */
function promptsOf(node) {
  const [list, ...others] = sourcesOf(node).filter((source) => !source || comesFromList(source, new Set()));
  if (list === undefined) return 1;
  if (list?.comfyClass !== LIST || list.isInputConnected(0) || others.length) return null;
  // As model_studio/request.py, prompts_in, counts them.
  return String(find(list, "prompts")?.value).split(/\r\n|\r|\n/).filter((line) => /[^ \t\u3000]/.test(line)).length;
}

/**
 * The nodes it is linked to; null for what cannot be looked into: a subgraph, or what lies outside of its own.
 * @param {Comfy.Node} node
 */
function sourcesOf(node) {
  const linked = node.inputs.map((_, slot) => slot).filter((slot) => node.isInputConnected(slot));
  const sources = linked.map((slot) => node.getInputNode(slot));
  return sources.map((source) => (source?.inputs && !source.subgraph ? source : null));
}

/**
 * Whether a node runs once for each item of a list, or puts out one.
 * @param {Comfy.Node} node
 * @param {Set<Comfy.Node>} seen those that do not, as far as is known
 * @returns {boolean}
 */
function comesFromList(node, seen) {
  if (seen.has(node)) return false;
  seen.add(node);
  const makesOne = node.outputs.some((output) => output.shape === LIST_SHAPE);
  return makesOne || sourcesOf(node).some((source) => !source || comesFromList(source, seen));
}

/**
 * @param {Comfy.Node} node
 * @param {string} name
 */
export function find(node, name) {
  return node.widgets?.find((widget) => widget.name === name);
}
