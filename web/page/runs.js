// @ts-check
/**
 * What nodes tell of their runs: kept for the workflow that queued them, and shown while that one is on the screen.
 *
 * A workflow's id does not tell which one it was: a copy has the same, and so has a file that was opened twice.
 */

import { app } from "../../../scripts/app.js";
import { api } from "../../../scripts/api.js";
import { beginPreview, followPreviews } from "./previews.js";
import { say } from "./words.js";

const MARK = "model_studio_tab"; // in the `extra` of a queued workflow: which tab of this page it was

const AGAIN = 100; // milliseconds between two looks whether a workflow is active by now

/** @type {Map<string, Comfy.Workflow>} */
const tabs = new Map();
/** Texts by node. @type {WeakMap<Comfy.Workflow, Map<string, string>>} */
const told = new WeakMap();
let loads = 0; // how many have begun
let isLoading = false; // the graph on the screen is not yet that of the active workflow

/** Before a prompt is made of the graph on the screen: what runs can be known by the tab's mark in it. */
export function markPrompt() {
  const { extra } = app.rootGraph ?? app.graph;
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

/** @param {(id: string, text: string) => void} show puts a text on a node of the graph on the screen */
export function endLoading(show) {
  const load = loads;
  const restore = () => {
    if (load !== loads) return; // another has begun
    // ComfyUI makes the workflow the active one after the hooks of all packs, of which some take their time.
    if (active().activeState?.id !== (app.rootGraph ?? app.graph).id) {
      setTimeout(restore, AGAIN);
      return;
    }
    isLoading = false;
    told.get(active())?.forEach((text, id) => show(id, text));
  };
  setTimeout(restore);
}

/**
 * Listens to the server. To be called once.
 * @param {(id: string, text: string) => void} show
 */
export function followRuns(show) {
  /**
   * @param {Comfy.Workflow | undefined} tab
   * @param {string} id
   * @param {string} text
   */
  function take(tab, id, text) {
    if (!tab) return;
    if (!told.has(tab)) told.set(tab, new Map());
    told.get(tab)?.set(id, text);
    if (tab === active() && !isLoading) show(id, text);
  }
  /** Whose the last prompt is. @type {{prompt?: string, tab?: Comfy.Workflow}} */
  let last = {};
  followPreviews((prompt) => (prompt === last.prompt ? last.tab : undefined));
  api.addEventListener("model_studio.told", ({ detail: { prompt_id, tab, workflow, node, text } }) => {
    last = { prompt: prompt_id, tab: tabOf(tab, workflow) };
    if (last.tab) beginPreview(last.tab, node, prompt_id);
    take(last.tab, node, text);
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
    for (const node of nodes) {
      if (tab) beginPreview(tab, node, prompt_id);
      take(tab, node, say("label.unchanged"));
    }
  });
  api.addEventListener("graphCleared", () => told.delete(active()));
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
