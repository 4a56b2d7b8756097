// @ts-check
/** The page's words in the language that ComfyUI is set to, from locales/<language>/main.json. */

import { app } from "../../../scripts/app.js";
import { api } from "../../../scripts/api.js";

/** @type {Record<string, any>} */
let languages = {};

/** To be awaited once, before the first `say`. */
export async function loadWords() {
  languages = await (await api.fetchApi("/i18n")).json();
}

/** @returns {string} ComfyUI's language, such as "zh-TW" */
export function language() {
  return app.extensionManager.setting.get("Comfy.Locale") ?? "en";
}

/**
 * A text of the section "modelStudio", in English where there is no translation.
 * @param {string} key such as "keys.save"
 * @param {Record<string, string | number>} [values] for its {names}
 * @returns {string}
 */
export function say(key, values = {}) {
  const text = find(language(), key) ?? find("en", key) ?? key;
  return text.replace(/\{(\w+)\}/g, (whole, name) => String(values[name] ?? whole));
}

/**
 * CNY 0.50, but USD 0.015.
 * @param {number} amount
 * @param {string} currency
 */
export function money(amount, currency) {
  const digits = { minimumFractionDigits: 2, maximumFractionDigits: 4 };
  return `${currency}\u00a0${amount.toLocaleString(language(), digits)}`;
}

/**
 * @typedef {{name: string, tooltip: string, placeholder?: string, options?: Record<string, string>}} InputWords
 * @typedef {{display_name: string, description: string, inputs: Record<string, InputWords>,
 *   outputs: Record<string, {name: string, tooltip: string}>}} NodeWords
 */

/**
 * The words of one of the pack's nodes. Nothing for other nodes, and in languages without a translation.
 * @param {string} id
 * @returns {NodeWords | undefined}
 */
export function nodeWords(id) {
  return id?.startsWith("ModelStudio") ? languages[language()]?.nodeDefs?.[id] : undefined;
}

/** @returns {Map<string, string>} texts of the examples by the English ones; none where there is no translation */
export function exampleWords() {
  return new Map(Object.entries(languages[language()]?.modelStudio?.examples ?? {}));
}

/**
 * @param {string} locale
 * @param {string} key
 * @returns {string | undefined}
 */
function find(locale, key) {
  return key.split(".").reduce((branch, name) => branch?.[name], languages[locale]?.modelStudio);
}
