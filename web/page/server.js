// @ts-check
/** Asks the pack's routes on ComfyUI's server. */

import { api } from "../../../scripts/api.js";

/**
 * The JSON of an answer. Throws an Error with the server's words.
 * @param {string} path below /model_studio, such as "/keys"
 * @param {{method?: string, body?: unknown}} [options]
 * @returns {Promise<any>}
 */
export async function ask(path, { method = "GET", body } = {}) {
  const answer = await api.fetchApi(`/model_studio${path}`, {
    method,
    ...(body === undefined ? {} : { headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) }),
  });
  const told = await answer.json().catch(() => ({ error: `HTTP ${answer.status}` }));
  if (!answer.ok) throw new Error(told.error ?? `HTTP ${answer.status}`);
  return told;
}
