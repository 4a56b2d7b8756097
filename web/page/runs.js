// @ts-check
/**
 * What nodes tell of their runs: kept for the workflow that queued them, and shown while that one is on the screen.
 *
 * A workflow's id does not tell which one it was: a copy has the same, and so has a file that was opened twice.
 */

import { app } from "../../../scripts/app.js";
import { api } from "../../../scripts/api.js";
import { rootGraph } from "./graphs.js";
import { isGoing } from "./label/outcome.js";
import { beginPreview, followPreviews } from "./previews.js";
import { say } from "./words.js";

const MARK = "model_studio_tab"; // in the `extra` of a queued workflow: which tab of this page it was

const REMEMBERED = 1000; // prompts, or workflows
const AGAIN = 100; // milliseconds between two looks whether a workflow is active by now

/** @type {Map<string, Comfy.Workflow>} */
const tabs = new Map();
/** By node. @type {WeakMap<Comfy.Workflow, Map<string, Outcome>>} */
const told = new WeakMap();
/** In the order in which they began, the last ones: an older one's end may be told after a newer one's begin. */
const prompts = /** @type {string[]} */ ([]);
/** Whose prompts they are, null where that is not known. @type {Map<string, Comfy.Workflow | null>} */
const owners = new Map();
/** Marks of tabs that were cleared: what goes on of their runs is of no node any more. @type {Set<string>} */
const cleared = new Set();
/** What nodes of a workflow tell that is not known yet, as after a reload before it is looked at; by its id. */
const unplaced = /** @type {Map<string, Map<string, Event>>} */ (new Map());
/** Whose runs may begin next. @type {Set<Comfy.Workflow>} */
const queued = new Set();
/** @type {Show} */
let show = () => {};
let loads = 0; // how many have begun
let isLoading = false; // the graph on the screen is not yet that of the active workflow

/** @typedef {import("./label/outcome.js").Told & {prompt?: string}} Outcome */
/**
 * What the server sends of a node's run (nodes/board.py).
 * @typedef {{prompt_id: string, tab?: string, workflow?: string, node: string, lines: [string, string][], ids: string[]}} Event
 */
/** @typedef {(id: string, told: Outcome | null) => void} Show puts what a node tells on that of the graph on the screen */

/** Before a prompt is made of the graph on the screen: what runs can be known by the tab's mark in it. */
export function markPrompt() {
  queued.add(active());
  forget((_, outcome) => !isGoing(outcome));
  const { extra } = rootGraph();
  extra[MARK] = markOf(active());
  // The graph becomes a prompt in this very moment; whoever looks at it later finds it unchanged.
  queueMicrotask(() => delete extra[MARK]);
}

/** @param {any} workflow that is about to be loaded: a mark in it is of another time */
export function beginLoading(workflow) {
  loads++;
  isLoading = true;
  delete workflow.extra?.[MARK];
}

export function endLoading() {
  const load = loads;
  const restore = () => {
    if (load !== loads) return; // another has begun
    // ComfyUI makes the workflow the active one after the hooks of all packs, of which some take their time.
    if (active().activeState?.id !== rootGraph().id) {
      setTimeout(restore, AGAIN);
      return;
    }
    isLoading = false;
    const { id } = rootGraph();
    const before = unplaced.get(id);
    unplaced.delete(id);
    before?.forEach(hear);
    told.get(active())?.forEach((outcome, id) => show(id, outcome));
  };
  setTimeout(restore);
}

/**
 * A node of a workflow tells this.
 * @param {string} id
 * @param {Outcome} outcome
 * @param {Comfy.Workflow} [tab]
 */
export function take(id, outcome, tab = active()) {
  const before = told.get(tab)?.get(id);
  if (before?.prompt && outcome.prompt && prompts.indexOf(outcome.prompt) < prompts.indexOf(before.prompt)) return;
  if (!told.has(tab)) told.set(tab, new Map());
  told.get(tab)?.set(id, outcome);
  if (outcome.prompt) beginPreview(tab, id, outcome.prompt);
  if (tab === active() && !isLoading) show(id, outcome);
}

/**
 * What nodes of a workflow told before.
 * @param {(id: string, outcome: Outcome) => boolean} which
 * @param {Comfy.Workflow} [tab]
 */
export function forget(which, tab = active()) {
  told.get(tab)?.forEach((outcome, id, outcomes) => {
    if (!which(id, outcome)) return;
    outcomes.delete(id);
    if (tab === active() && !isLoading) show(id, null);
  });
}

/**
 * Listens to the server. To be called once.
 * @param {Show} showOutcome
 */
export function followRuns(showOutcome) {
  show = showOutcome;
  followPreviews((prompt) => owners.has(prompt) && (isLoading || owners.get(prompt) !== active()));
  api.addEventListener("model_studio.told", ({ detail }) => hear(detail));
  api.addEventListener("execution_start", ({ detail: { prompt_id } }) => {
    prompts.push(prompt_id);
    prompts.splice(0, prompts.length - REMEMBERED);
    for (const tab of queued) forget((_, outcome) => !isGoing(outcome), tab);
  });
  api.addEventListener("status", ({ detail }) => {
    if (detail?.exec_info?.queue_remaining === 0) queued.clear();
  });
  /** What ComfyUI had no need to run in the current prompt. @type {{prompt_id: string, nodes: string[]}} */
  let cached = { prompt_id: "", nodes: [] };
  api.addEventListener("execution_cached", ({ detail }) => (cached = detail));
  api.addEventListener("executing", async ({ detail }) => {
    const { prompt_id, nodes } = cached;
    if (detail || !nodes.length || !tabs.size) return; // it goes on; or nothing that this page could be waiting for
    cached = { prompt_id: "", nodes: [] };
    const { extra, id } = await queuedWorkflow(prompt_id);
    const tab = tabOf(extra?.[MARK], id);
    const unchanged = { lines: /** @type {[string, string][]} */ ([["done", say("label.unchanged")]]), ids: [] };
    for (const node of tab ? nodes : []) take(node, { ...unchanged, prompt: prompt_id }, tab);
  });
  api.addEventListener("graphCleared", () => {
    const tab = active();
    told.delete(tab);
    for (const [mark, marked] of tabs) if (marked === tab && tabs.delete(mark)) cleared.add(mark);
    for (const [prompt, owner] of owners) if (owner === tab) owners.set(prompt, null);
  });
}

/** @param {Event} event */
function hear(event) {
  const { prompt_id, tab, workflow, node, lines, ids } = event;
  const owner = cleared.has(tab ?? "") ? null : tabOf(tab, workflow);
  owners.set(prompt_id, owner ?? null);
  dropOldest(owners);
  if (owner) take(node, { lines, ids, prompt: prompt_id }, owner);
  else if (owner === undefined && workflow) keep(workflow, node, event);
}

/**
 * @param {string} workflow
 * @param {string} node
 * @param {Event} event
 */
function keep(workflow, node, event) {
  const others = unplaced.get(workflow) ?? new Map();
  unplaced.set(workflow, others.set(node, event));
  dropOldest(unplaced);
}

/** @param {Map<string, any>} remembered */
function dropOldest(remembered) {
  for (const [oldest] of remembered) if (remembered.size > REMEMBERED) remembered.delete(oldest);
}

/**
 * The workflow that an ended prompt was made of; an empty one where it came without.
 * @param {string} prompt
 * @returns {Promise<{id?: string, extra?: Record<string, any>}>}
 */
async function queuedWorkflow(prompt) {
  const history = await (await api.fetchApi(`/history/${prompt}`)).json();
  return history[prompt]?.prompt[3].extra_pnginfo?.workflow ?? {};
}

/**
 * The workflow of this page that a prompt was queued from.
 * @param {string | undefined} mark
 * @param {string | undefined} id of the workflow, for what was queued before the page was reloaded
 * @returns {Comfy.Workflow | undefined}
 */
function tabOf(mark = "", id = "") {
  if (tabs.has(mark)) return tabs.get(mark);
  const alike = app.extensionManager.workflow.openWorkflows.filter((open) => id && open.activeState?.id === id);
  return alike.length === 1 ? alike[0] : undefined;
}

/** @param {Comfy.Workflow} tab */
function markOf(tab) {
  for (const [mark, marked] of tabs) if (marked === tab) return mark;
  const mark = crypto.getRandomValues(new Uint32Array(4)).join("-");
  tabs.set(mark, tab);
  return mark;
}

/** @returns {Comfy.Workflow} */
function active() {
  return app.extensionManager.workflow.activeWorkflow;
}
