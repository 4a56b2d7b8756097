// @ts-check
/** Copies an id, and says so. */

import { app } from "../../../scripts/app.js";
import { copy } from "./dom.js";

/**
 * @param {string} id
 * @param {{summary: string, detail?: string}} copied what is said then
 * @param {string} failed what is said, with the id, where the browser does not let it
 */
export async function copyId(id, copied, failed) {
  const { toast } = app.extensionManager;
  try {
    await copy(id);
    toast.add({ severity: "success", life: 3000, ...copied });
  } catch {
    toast.add({ severity: "warn", summary: failed, detail: id });
  }
}
