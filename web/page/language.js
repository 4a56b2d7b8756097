// @ts-check
/** Tells the server in which language the page is read: its errors, notes and progress come in that language. */

import { app } from "../../../scripts/app.js";
import { api } from "../../../scripts/api.js";
import { ask } from "./server.js";
import { language } from "./words.js";

/** Now, whenever the setting changes, and to a server that was restarted. */
export async function reportLanguage() {
  api.addEventListener("reconnected", () => tell(language()));
  // Older pages tell of it before the setting holds it.
  app.ui.settings.addEventListener("Comfy.Locale.change", (/** @type {CustomEvent} */ event) => {
    tell(event.detail.value);
  });
  await tell(language());
}

/** @param {string} locale */
async function tell(locale) {
  try {
    await ask("/language", { method: "PUT", body: { locale } });
  } catch (error) {
    console.warn("Model Studio: the server did not take the page's language.", error);
  }
}
