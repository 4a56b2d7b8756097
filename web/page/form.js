// @ts-check
/**
 * App mode, which shows some inputs of a workflow as a form: the nodes' lines stay in it.
 *
 * A workflow that is opened while another one's form is on the screen loses them to the hidden canvas
 * (frontend 1.58, classic nodes); back in the graph, the page puts them on the nodes again.
 */

import { rootGraph } from "./graphs.js";
import { LABEL } from "./label.js";
import { find } from "./question.js";

const EVERY = 300; // milliseconds between two looks at the form

/** To be called once. */
export function followForm() {
  setInterval(() => document.querySelectorAll(`[data-widget-key$=":${LABEL}"]`).forEach(bring), EVERY);
}

/** @param {Element} field of the form; its key has the ids of graph and node, and the widget's name */
function bring(field) {
  const place = field.querySelector("[node-type]:empty");
  if (!place) return;
  const [, id] = /** @type {HTMLElement} */ (field).dataset.widgetKey?.split(":") ?? [];
  const node = rootGraph().getNodeById(id);
  const line = node && find(node, LABEL)?.element;
  if (line) place.append(line);
}
