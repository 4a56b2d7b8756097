// @ts-check
/** A button that leads to where a key is entered: Settings > Model Studio. */

import { app } from "../../../../scripts/app.js";
import { make } from "../dom.js";
import { say } from "../words.js";

const EVERY = 100; // milliseconds between two looks for the section
const MOST = 50; // looks

export function keyButton() {
  const button = make("button", { type: "button", className: "model-studio-key-button" }, say("label.enter_key"));
  button.addEventListener("pointerdown", (event) => event.stopPropagation()); // the page would drag the node
  button.addEventListener("click", openKeys);
  return button;
}

async function openKeys() {
  await app.extensionManager.command.execute("Comfy.ShowSettingsDialog");
  choose(say("keys.category"), MOST);
}

/**
 * Clicks at a section of the settings as soon as it is there; the page has no other way to open one of a pack.
 * @param {string} section
 * @param {number} looks that are left
 */
function choose(section, looks) {
  const all = document.querySelectorAll("[role=dialog] *");
  const entry = [...all].find((element) => !element.children.length && element.textContent?.trim() === section);
  if (entry instanceof HTMLElement) entry.click();
  else if (looks) setTimeout(() => choose(section, looks - 1), EVERY);
}
