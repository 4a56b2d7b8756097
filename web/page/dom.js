// @ts-check
/** Small helpers for the page's elements. Text goes in as text, never as HTML. */

/**
 * An element with these properties and children; strings become text.
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Partial<HTMLElementTagNameMap[Tag]>} [properties]
 * @param {...(Node | string)} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

/**
 * Puts a style sheet into the page, once.
 * @param {URL} address
 */
export function useStyle({ href }) {
  if ([...document.styleSheets].some((sheet) => sheet.href === href)) return;
  document.head.append(make("link", { rel: "stylesheet", href }));
}

/**
 * Puts a text into the clipboard. Throws where the browser does not let it.
 * @param {string} text
 */
export async function copy(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  // Browsers hide the clipboard from pages of plain http addresses, such as another machine of the network.
  const focused = document.activeElement;
  const field = make("textarea", { value: text });
  document.body.append(field);
  field.select();
  const copied = document.execCommand("copy");
  field.remove();
  if (focused instanceof HTMLElement) focused.focus();
  if (!copied) throw new Error("execCommand");
}
