// @ts-check
/**
 * Settings > Model Studio > API keys: a field per region whose content goes to the pack's own route, and never into
 * ComfyUI's settings, which anybody can read.
 */

import { app } from "../../../scripts/app.js";
import { make, useStyle } from "./dom.js";
import { ask } from "./server.js";
import { say } from "./words.js";

/**
 * What the server tells of a region; see routes/keys.py.
 * @typedef {{region: string, stored: boolean, ending: string, overruled: boolean,
 *   place: {kind: "variable" | "named_file" | "file" | "page", name: string} | null}} KeyState
 */

const REGIONS = [
  "cn-beijing",
  "ap-southeast-1",
  "us-east-1",
  "token-plan-cn-beijing",
  "token-plan-ap-southeast-1",
  "qwencloud",
];
/** Shows what there is for a region in the field that was made last for it. @type {Map<string, (state: KeyState) => void>} */
const fields = new Map();

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
  const input = make("input", {
    type: "password",
    autocomplete: "new-password",
    spellcheck: false,
    placeholder: say("keys.placeholder"),
    ariaLabel: say("keys.label", { region }),
  });
  const save = make("button", { type: "submit" }, say("keys.save"));
  const test = make("button", { type: "button" }, say("keys.test"));
  const remove = make("button", { type: "button" }, say("keys.remove"));
  const auto = make("div", { className: "model-studio-auto", hidden: true }, say("keys.auto"));
  auto.dataset.region = region;
  auto.setAttribute("aria-live", "polite");
  const status = make("div", { role: "status" });
  const next = make("button", { type: "button", hidden: true }); // what can be done after what was told
  const form = make("form", { className: "model-studio-key" }, input, save, test, remove, auto, status, next);

  /** @type {KeyState | undefined} */
  let known;

  /**
   * @param {KeyState | undefined} state
   * @param {string} news
   */
  function tell(state, news) {
    known = state;
    next.hidden = true;
    status.textContent = [state && describe(state), news].filter(Boolean).join("\n");
    test.disabled = !state?.place;
    remove.disabled = !state?.stored;
  }
  fields.set(region, (state) => tell(state, ""));

  /**
   * @param {string} words
   * @param {string} hint
   * @param {() => void} work
   */
  function offer(words, hint, work) {
    Object.assign(next, { textContent: words, title: hint, onclick: work, hidden: false });
  }

  /**
   * Does one thing at a time, and tells what came of it.
   * @param {string} before
   * @param {() => Promise<KeyState>} work
   * @param {(state: any) => string} after
   * @param {(state: any) => void} [then]
   */
  async function act(before, work, after, then) {
    status.textContent = before;
    next.hidden = true;
    for (const each of [save, test, remove]) each.disabled = true;
    try {
      const state = await work();
      tell(state, after(state));
      then?.(state);
    } catch (error) {
      tell(known, "");
      status.textContent = error instanceof Error ? error.message : String(error);
    }
    save.disabled = false;
  }

  function askElsewhere() {
    const check = () => ask(`/keys/${region}/elsewhere`, { method: "POST" });
    act(say("keys.testing"), check, whereItIs, ({ known: [home], place }) => {
      if (home && place.kind === "page") offer(say("keys.move", { region: home }), "", () => moveTo(home));
    });
  }

  /** @param {string} home */
  function moveTo(home) {
    const move = () => change(`${region}/move`, { method: "POST", body: { to: home } });
    act(say("keys.saving"), move, () => say("keys.moved", { region: home }), ({ moved }) => fields.get(home)?.(moved));
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (save.disabled) return;
    if (!input.value.trim()) {
      input.focus();
      tell(known, say("keys.nothing"));
      return;
    }
    const body = { key: input.value };
    const store = () => change(region, { method: "PUT", body });
    act(say("keys.saving"), store, () => {
      input.value = "";
      return say("keys.saved");
    });
  });
  test.addEventListener("click", () => {
    const check = () => ask(`/keys/${region}/test`, { method: "POST" });
    const told = (/** @type {any} */ { result, why }) => [say(`keys.${result}`), why].filter(Boolean).join("\n");
    act(say("keys.testing"), check, told, ({ elsewhere }) => {
      if (!elsewhere.length) return;
      offer(say("keys.ask_elsewhere"), say("keys.ask_elsewhere_hint", { regions: elsewhere.join(", ") }), askElsewhere);
    });
  });
  remove.addEventListener("click", async () => {
    const sure = await app.extensionManager.dialog.confirm({
      title: say("keys.remove"),
      message: say("keys.sure", { region }),
      type: "delete",
    });
    if (sure) act("", () => change(region, { method: "DELETE" }), () => say("keys.removed"));
  });

  useStyle(new URL("./keys.css", import.meta.url));
  act("", async () => (await list()).find((key) => key.region === region), () => "");
  return form;
}

/**
 * What the other regions say of a key.
 * @param {{known: string[], unreachable: Record<string, string>, place: {kind: string}}} told
 */
function whereItIs({ known: [home], unreachable, place }) {
  const trouble = Object.entries(unreachable).map(([region, why]) => `${region}: ${why}`);
  if (!home) return [say("keys.found_nowhere"), ...trouble].join("\n");
  const found = say("keys.found", { region: say(`keys.names.${home}`) });
  return place.kind === "page" ? found : `${found} ${say("keys.use_there", { region: home })}`;
}

/** @type {Promise<any[]> | undefined} */
let listing;

/** The states of all regions, asked for once by the fields that are made together. */
function list() {
  listing ??= ask("/keys")
    .then(({ keys, auto }) => {
      showAuto(auto);
      return keys;
    })
    .finally(() => (listing = undefined));
  return listing;
}

/**
 * Stores, moves or removes a key, and tells the rest of the page: prices may be those of another region now.
 * @param {string} path below /keys
 * @param {{method: string, body?: unknown}} options
 * @returns {Promise<KeyState>}
 */
async function change(path, options) {
  const told = await ask(`/keys/${path}`, options);
  showAuto(told.auto);
  window.dispatchEvent(new Event("model-studio-keys"));
  return told;
}

/**
 * Says at the field of the region that `auto` means, and at no other, that it does.
 * @param {string | null} region
 */
function showAuto(region) {
  for (const note of document.querySelectorAll(".model-studio-auto")) {
    if (note instanceof HTMLElement) note.hidden = note.dataset.region !== region;
  }
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
