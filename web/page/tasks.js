// @ts-check
/** The sidebar's tab of recent tasks: what the ledger knows, newest first, and what was spent today. */

import { app } from "../../../scripts/app.js";
import { api } from "../../../scripts/api.js";
import { make, useStyle } from "./dom.js";
import { ask } from "./server.js";
import { LongList } from "./tasks/list.js";
import { ruler, taskRow } from "./tasks/row.js";
import { money, say } from "./words.js";

const SEARCH_DELAY = 250; // milliseconds without a key before the ledger is searched
const ENDS = ["execution_success", "execution_error", "execution_interrupted"];

/** To be called once, when there are words. */
export function addTasksTab() {
  useStyle(new URL("./tasks/style.css", import.meta.url));
  /** @type {TasksPanel | undefined} */
  let panel;
  app.extensionManager.registerSidebarTab({
    id: "model-studio-tasks",
    icon: "pi pi-receipt",
    title: say("tasks.title"),
    tooltip: say("tasks.tooltip"),
    type: "custom",
    render(/** @type {HTMLElement} */ place) {
      panel = new TasksPanel();
      place.replaceChildren(panel.element); // ComfyUI hands over the place of the tab before with what it held
      panel.open();
    },
    destroy() {
      panel?.element.remove();
    },
  });
  for (const end of ENDS) {
    api.addEventListener(end, () => panel?.element.isConnected && panel.update());
  }
}

class TasksPanel {
  constructor() {
    /** @type {import("./tasks/row.js").TaskRecord[]} */
    this.records = [];
    this.searched = ""; // what these records were found by
    this.hasMore = false;
    this.asked = 0; // counts what was asked, so that only the last answer counts
    this.isLoading = false;
    this.hasFailed = false;
    this.isLooking = false;
    /** What the service said of open tasks, by id. @type {Map<number, {state: string, why: string}>} */
    this.found = new Map();
    this.list = new LongList({ ruler: ruler(), row: taskRow, nearEnd: () => this.loadMore() });
    this.spent = make("div", { className: "model-studio-spent", title: say("tasks.today_hint") });
    this.note = make("div", { className: "model-studio-note" });
    this.note.setAttribute("aria-live", "polite");
    this.search = make("input", {
      type: "search",
      placeholder: say("tasks.search"),
      ariaLabel: say("tasks.search"),
      maxLength: 1000,
    });
    let timer = 0;
    this.search.addEventListener("input", () => {
      clearTimeout(timer);
      timer = setTimeout(() => this.reload(), SEARCH_DELAY);
    });
    const refresh = make("button", { type: "button", title: say("tasks.refresh"), ariaLabel: say("tasks.refresh") });
    refresh.append(make("i", { className: "pi pi-refresh", ariaHidden: "true" }));
    refresh.addEventListener("click", () => this.open());
    this.list.element.ariaLabel = say("tasks.title");
    this.element = make(
      "section",
      { className: "model-studio-tasks" },
      make("header", {}, make("h2", {}, say("tasks.title")), refresh, this.spent, this.search),
      this.note,
      this.list.element,
    );
  }

  /** Shows the list, then what the service says of open tasks by now. */
  async open() {
    await this.reload();
    await this.look();
  }

  /** Asks about open tasks, which is free. */
  async look() {
    if (this.isLooking || this.hasFailed) return;
    this.isLooking = true;
    try {
      const { found } = await ask("/records/look", { method: "POST" });
      this.found = new Map(found.map((/** @type {any} */ { id, ...told }) => [id, told]));
      await this.update();
    } catch (error) {
      this.tell(say("tasks.not_asked", { error: error instanceof Error ? error.message : String(error) }), true);
    } finally {
      this.isLooking = false;
    }
  }

  /**
   * With what the service said of it, if that is all that is known.
   * @param {import("./tasks/row.js").TaskRecord} record
   */
  asFound(record) {
    return record.state === "submitted" ? { ...record, ...this.found.get(record.id) } : record;
  }

  /** Loads the list again, from the top. */
  async reload() {
    this.list.element.scrollTop = 0;
    await this.load(undefined, (records, hasMore) => {
      this.records = records;
      this.hasMore = hasMore;
    });
  }

  /** Brings what is new or has changed among the newest, and leaves the list where it was scrolled to. */
  async update() {
    if (this.searched !== this.search.value.trim()) return this.reload(); // these records are about to go
    await this.load(undefined, (records, hasMore) => {
      const last = records.at(-1)?.id ?? 0;
      const older = this.records.filter(({ id }) => id < last);
      const isGapless = this.records.some(({ id }) => id >= last);
      const known = new Map(this.records.map((record) => [JSON.stringify(record), record]));
      const newest = records.map((record) => known.get(JSON.stringify(record)) ?? record);
      this.records = isGapless ? [...newest, ...older] : newest;
      this.hasMore = isGapless && older.length ? this.hasMore : hasMore;
    });
  }

  async loadMore() {
    if (!this.hasMore || this.isLoading || this.hasFailed || this.searched !== this.search.value.trim()) return;
    await this.load(this.records.at(-1)?.id, (records, hasMore) => {
      this.records = [...this.records, ...records];
      this.hasMore = hasMore;
    });
  }

  /**
   * @param {number | undefined} before the id of the last record that is known
   * @param {(records: import("./tasks/row.js").TaskRecord[], hasMore: boolean) => void} take
   */
  async load(before, take) {
    const asked = ++this.asked;
    const search = this.search.value.trim();
    const query = new URLSearchParams(search ? { search } : {});
    if (before !== undefined) query.set("before", String(before));
    this.setLoading(true);
    try {
      const told = await ask(`/records?${query}`);
      if (asked !== this.asked) return;
      take(told.records.map((/** @type {any} */ record) => this.asFound(record)), told.more);
      this.searched = search;
      this.setLoading(false);
      this.hasFailed = false;
      this.tell(this.records.length ? "" : search ? say("tasks.not_found", { search }) : say("tasks.empty"));
      this.showSpent(told.spent, told.budget);
      this.list.show(this.records);
    } catch (error) {
      if (asked !== this.asked) return;
      this.setLoading(false);
      this.hasFailed = true; // scrolling asks no more until a refresh went well
      this.tell(say("tasks.failed", { error: error instanceof Error ? error.message : String(error) }), true);
    }
  }

  /** @param {boolean} isLoading */
  setLoading(isLoading) {
    this.isLoading = isLoading;
    this.list.element.ariaBusy = String(isLoading);
  }

  /**
   * @param {string} text
   * @param {boolean} [isError]
   */
  tell(text, isError = false) {
    this.note.textContent = text;
    this.note.classList.toggle("error", isError);
  }

  /**
   * @param {Record<string, number> | null} spent null: not known
   * @param {Record<string, number> | null} budget
   */
  showSpent(spent, budget) {
    if (!spent) {
      this.spent.textContent = say("tasks.today_unknown");
      return;
    }
    const currencies = Object.keys({ ...budget, ...spent }).sort();
    const lines = currencies.map((currency) => {
      const amount = money(spent[currency] ?? 0, currency);
      const most = budget?.[currency];
      return most === undefined ? amount : say("tasks.of_budget", { amount, budget: money(most, currency) });
    });
    this.spent.textContent = lines.length ? say("tasks.today", { amounts: lines.join(" · ") }) : say("tasks.today_nothing");
  }
}
