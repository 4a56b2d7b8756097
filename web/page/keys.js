// @ts-check
/**
 * Settings > Model Studio > API keys: a field per region whose content goes to the pack's own route, and never into
 * ComfyUI's settings, which anybody can read.
 */

import { app } from "../../../scripts/app.js";
import { ask } from "./server.js";
import { say } from "./words.js";

/**
 * What the server tells of a region; see routes/keys.py.
 * @typedef {{region: string, stored: boolean, ending: string, overruled: boolean,
 *   place: {kind: "variable" | "named_file" | "file" | "page", name: string} | null}} KeyState
 */

const REGIONS = ["cn-beijing", "ap-southeast-1", "us-east-1"];

/**
 * Entries of `settings` for app.registerExtension. Their words are looked up when they are shown: the page of ComfyUI
 * 0.3.75 loses what locales/zh-TW/settings.json would say, and shows that of zh.
 */
export const keySettings = REGIONS.map((region, number) => ({
  id: `ModelStudio.Keys.${region}`,
  get category() {
    return [say("keys.category"), say("keys.section"), region];
  },
  get name() {
    return say(`keys.names.${region}`);
  },
  get tooltip() {
    return say("keys.tooltip");
  },
  type: () => keyField(region),
  defaultValue: null,
  sortOrder: -number,
}));

/**
 * @param {string} region
 * @returns {HTMLElement}
 */
function keyField(region) {
  const form = document.createElement("form");
  const input = document.createElement("input");
  const status = document.createElement("div");
  const [save, test, remove] = ["save", "test", "remove"].map((name) => button(say(`keys.${name}`)));
  form.className = "model-studio-key";
  Object.assign(input, { type: "password", autocomplete: "new-password", spellcheck: false });
  input.placeholder = say("keys.placeholder");
  input.setAttribute("aria-label", say("keys.label", { region }));
  save.type = "submit";
  status.setAttribute("role", "status");
  form.append(input, save, test, remove, status);

  /** @type {KeyState | undefined} */
  let known;

  /**
   * Does one thing at a time, and tells what came of it.
   * @param {string} before
   * @param {() => Promise<KeyState>} work
   * @param {(state: any) => string} after
   */
  async function act(before, work, after) {
    status.textContent = before;
    for (const each of [save, test, remove]) each.disabled = true;
    try {
      known = await work();
      status.textContent = [describe(known), after(known)].filter(Boolean).join("\n");
    } catch (error) {
      status.textContent = error instanceof Error ? error.message : String(error);
    }
    save.disabled = false;
    test.disabled = !known?.place;
    remove.disabled = !known?.stored;
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (!input.value.trim() || save.disabled) return input.focus();
    const body = { key: input.value };
    const store = () => ask(`/keys/${region}`, { method: "PUT", body });
    act(say("keys.saving"), store, () => {
      input.value = "";
      return say("keys.saved");
    });
  });
  test.addEventListener("click", () => {
    const check = () => ask(`/keys/${region}/test`, { method: "POST" });
    act(say("keys.testing"), check, ({ result, why }) => [say(`keys.${result}`), why].filter(Boolean).join("\n"));
  });
  remove.addEventListener("click", async () => {
    const sure = await app.extensionManager.dialog.confirm({
      title: say("keys.remove"),
      message: say("keys.sure", { region }),
      type: "delete",
    });
    if (sure) act("", () => ask(`/keys/${region}`, { method: "DELETE" }), () => say("keys.removed"));
  });

  style();
  act("", async () => (await ask("/keys")).keys.find((/** @type {KeyState} */ key) => key.region === region), () => "");
  return form;
}

/**
 * Whether a key is stored, and which one is used instead.
 * @param {KeyState} state
 */
function describe({ stored, ending, overruled, place }) {
  const here = stored ? (ending ? say("keys.set", { ending }) : say("keys.setShort")) : say("keys.notSet");
  if (!place || place.kind === "page") return here;
  return `${here}\n${say(`keys.${overruled ? "wins" : "used"}.${place.kind}`, { name: place.name })}`;
}

/** @param {string} text */
function button(text) {
  const made = document.createElement("button");
  made.type = "button";
  made.textContent = text;
  return made;
}

/** Puts the style sheet into the page, once. */
function style() {
  const href = new URL("./keys.css", import.meta.url).href;
  if ([...document.styleSheets].some((sheet) => sheet.href === href)) return;
  const link = document.createElement("link");
  Object.assign(link, { rel: "stylesheet", href });
  document.head.append(link);
}
