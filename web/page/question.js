// @ts-check
/** What decides the price of a node's run, and whether it will be refused, read off its graph. */

import { hostsOf, isOff } from "./graphs.js";

const LIST = "ModelStudioPromptList";
const POLLER = "ModelStudioTaskPoller";
const SAVER = "ModelStudioSaveOriginal";
const SET = "ModelStudioWanImageSet";
const LIST_SHAPE = 6; // LiteGraph's GRID_SHAPE, by which an output is a list
const OUTSIDE = -10; // where the links of a subgraph's inputs come from

/** Inputs that decide the price or what applies. */
const PRICED = [
  "model",
  "region",
  "call_mode",
  "aspect_ratio",
  "width",
  "height",
  "resolution",
  "n",
  "max_images",
  "prompt_extend",
];
/** What a run may be refused for besides, or found in the store by. */
const CHECKED = ["prompt", "negative_prompt", "seed", "watermark", "prompt_extend_mode", "thinking", "task_id"];
/** What decides how many prompts a Prompt List makes. */
const OF_LISTS = ["prompts", "split", "wildcards", "seed"];

/**
 * The body of POST /quote.
 * @typedef {{inputs: Record<string, any>, linked: boolean, prompts: Record<string, any> | null, fetches: boolean, set: boolean}} Question
 */

/** @param {Comfy.Node} node */
export function isOurs(node) {
  return [POLLER, SAVER].includes(String(node.comfyClass)) || Boolean(node.comfyClass?.startsWith("ModelStudio") && find(node, "model"));
}

/**
 * @param {Comfy.Node} node
 * @returns {Question | null} null: it does not run, or asks nothing of the service
 */
export function questionOf(node) {
  if (isOff(node) || node.comfyClass === SAVER) return null;
  /** @type {Record<string, any>} */
  const inputs = {};
  let linked = false;
  for (const name of [...PRICED, ...CHECKED]) {
    const widget = find(node, name);
    if (!widget) continue;
    const source = sourceOf(node, node.inputs.findIndex((input) => input.name === name));
    if (!source) inputs[name] = widget.value;
    else if ("value" in source) inputs[name] = source.value;
    else linked ||= PRICED.includes(name);
  }
  const prompts = promptsOf(node);
  const kind = { fetches: node.comfyClass === POLLER, set: node.comfyClass === SET };
  return { inputs, linked: linked || prompts === undefined, prompts: prompts ?? null, ...kind };
}

/**
 * Where the value of an input comes from: a node; a value that is set at the subgraph around it; "unknown" what cannot
 * be looked into: a subgraph, or what is linked outside of its own.
 * @param {Comfy.Node} node
 * @param {number} slot
 * @returns {{node: Comfy.Node} | {value: any} | {unknown: true} | null} null: from its own widget
 */
function sourceOf(node, slot) {
  if (slot < 0 || !node.isInputConnected(slot)) return null;
  const link = node.getInputLink(slot);
  if (Number(link?.origin_id) === OUTSIDE) return setAround(node, Number(link?.origin_slot));
  const source = node.getInputNode(slot);
  return source?.inputs && !source.subgraph ? { node: source } : { unknown: true };
}

/**
 * @param {Comfy.Node} node
 * @param {number} slot of the subgraph
 * @returns {{value: any} | {unknown: true}}
 */
function setAround(node, slot) {
  const [host, ...others] = hostsOf(node);
  const input = host?.inputs[slot];
  const widget = host && input?.widget && find(host, input.widget.name);
  if (!widget || others.length || host.isInputConnected(slot)) return { unknown: true };
  return { value: widget.value };
}

/**
 * The inputs of the Prompt List it is linked to, else null; undefined where they cannot be seen.
 * @param {Comfy.Node} node
 * @returns {Record<string, any> | null | undefined}
 */
function promptsOf(node) {
  const [list, ...others] = sourcesOf(node).filter((source) => !source || comesFromList(source, new Set()));
  if (list === undefined) return null;
  if (list?.comfyClass !== LIST || others.length) return undefined;
  if (list.inputs.some((_, slot) => list.isInputConnected(slot))) return undefined;
  return Object.fromEntries(OF_LISTS.map((name) => [name, find(list, name)?.value]));
}

/**
 * The nodes it is linked to; null for what cannot be looked into.
 * @param {Comfy.Node} node
 */
function sourcesOf(node) {
  const sources = node.inputs.map((_, slot) => sourceOf(node, slot)).filter((source) => source && !("value" in source));
  return sources.map((source) => (source && "node" in source ? source.node : null));
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
