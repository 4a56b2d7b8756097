// @ts-check
/** One record of the ledger as a row of the panel. */

import { app } from "../../../../scripts/app.js";
import { api } from "../../../../scripts/api.js";
import { copyId } from "../copying.js";
import { make } from "../dom.js";
import { language, money, say } from "../words.js";
import { showInGraph } from "./graph.js";
import { runOnly } from "./run.js";

/**
 * What /model_studio/records tells of a record; see model_studio/page/overview.py.
 * @typedef {object} TaskRecord
 * @property {number} id
 * @property {number} when seconds since 1970
 * @property {string | null} model
 * @property {string} region
 * @property {string} prompt
 * @property {string | null} size
 * @property {number} n
 * @property {number | null} seed
 * @property {string} state
 * @property {string} why the reason for it; empty where there is nothing to tell
 * @property {{amount: number, currency: string} | null} cost
 * @property {string | null} task_id
 * @property {number} pictures how many were drawn
 * @property {number[]} thumbnails numbers of those in the store
 * @property {"poller" | "node" | null} again how the pictures can be fetched again
 */

const THUMBNAIL_DELAY = 120; // milliseconds in which a row that is scrolled past is gone again

/**
 * @param {TaskRecord} record
 * @returns {HTMLElement}
 */
export function taskRow(record) {
  const prompt = record.prompt || say("tasks.elsewhere");
  const details = [record.model ?? say("tasks.model_unknown"), record.size, record.n > 1 ? `×${record.n}` : ""]
    .filter(Boolean)
    .join(" · ");
  return make(
    "div",
    { className: "model-studio-row" },
    thumbnail(record),
    make("div", { className: "model-studio-head" }, stateWord(record), time(record.when)),
    make("div", { className: record.prompt ? "model-studio-prompt" : "model-studio-prompt muted", title: prompt }, prompt),
    make("div", { className: "model-studio-details", title: `${details} · ${record.region}` }, details),
    foot(record),
  );
}

/** A hidden row with the longest feet that a row can have, one over the other. */
export function ruler() {
  const longest = { task_id: "0", region: "", why: "", seed: 2147483647, cost: { amount: 9999.99, currency: "CNY" } };
  return make(
    "div",
    { className: "model-studio-row model-studio-ruler", ariaHidden: "true" },
    foot({ ...longest, again: "poller" }),
    foot({ ...longest, again: "node" }),
  );
}

/** @param {Pick<TaskRecord, "task_id" | "region" | "again" | "seed" | "cost" | "why">} record */
function foot({ task_id, region, again, seed, cost, why }) {
  const made = make("div", { className: "model-studio-foot" });
  if (again === "poller") {
    const fetch = () => intoGraph({ task_id, region });
    made.append(button("pi-sign-in", say("tasks.into_graph"), say("tasks.into_graph_hint"), fetch));
  }
  if (again === "node") {
    const [words, title] = ["tasks.run_again", "tasks.run_again_hint"].map((key) => say(key, { seed: String(seed) }));
    made.append(make("span", { className: "muted", title }, words));
  }
  if (why && !again) made.append(make("span", { className: "model-studio-why", title: why }, why));
  if (task_id) made.append(button("pi-copy", "", `${say("tasks.copy_id")}: ${task_id}`, () => copyId(task_id, { summary: say("tasks.copied"), detail: task_id }, say("tasks.not_copied"))));
  made.append(make("span", { className: "model-studio-cost" }, cost ? money(cost.amount, cost.currency) : ""));
  return made;
}

/** @param {TaskRecord} record */
function thumbnail({ id, when, thumbnails, pictures }) {
  const frame = make("div", { className: "model-studio-thumbnail" });
  if (thumbnails.length) {
    const image = make("img", { alt: "" });
    // The time tells apart records of equal ids, should a new ledger be begun.
    const address = api.apiURL(`/model_studio/records/${id}/thumbnail/${thumbnails[0]}?of=${when}`);
    image.addEventListener("error", () => image.replaceWith(noPicture()));
    setTimeout(() => image.isConnected && (image.src = address), THUMBNAIL_DELAY);
    frame.append(image);
  } else {
    frame.append(noPicture());
  }
  if (pictures > 1) frame.append(make("span", { title: say("tasks.pictures", { count: pictures }) }, `×${pictures}`));
  return frame;
}

function noPicture() {
  return make("i", { className: "pi pi-image", ariaHidden: "true" });
}

/** @param {TaskRecord} record */
function stateWord({ state, why }) {
  return make("span", { className: `model-studio-state ${state}`, title: why }, say(`tasks.states.${state}`));
}

/** @param {number} when */
function time(when) {
  const date = new Date(when * 1000);
  const isToday = date.toDateString() === new Date().toDateString();
  /** @type {Intl.DateTimeFormatOptions} */
  const clock = { hour: "numeric", minute: "2-digit" };
  /** @type {Intl.DateTimeFormatOptions} */
  const short = isToday ? clock : { month: "short", day: "numeric", ...clock };
  const full = date.toLocaleString(language(), { dateStyle: "full", timeStyle: "medium" });
  return make("time", { dateTime: date.toISOString(), title: full }, date.toLocaleString(language(), short));
}

/**
 * @param {string} icon
 * @param {string} label empty where the icon says it
 * @param {string} title
 * @param {() => Promise<void>} act
 */
function button(icon, label, title, act) {
  const made = make("button", { type: "button", title }, make("i", { className: `pi ${icon}`, ariaHidden: "true" }), label);
  if (!label) made.ariaLabel = title;
  let isBusy = false;
  made.addEventListener("click", async () => {
    if (isBusy) return; // not disabled instead, which would take the keyboard's focus away
    isBusy = true;
    await act();
    isBusy = false;
  });
  return made;
}

/** @param {import("./graph.js").Task} task */
async function intoGraph(task) {
  try {
    const { poller, preview } = await showInGraph(task);
    await runOnly([poller, preview]);
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    app.extensionManager.toast.add({ severity: "error", summary: say("tasks.not_fetched"), detail });
  }
}
