// @ts-check
/**
 * A long list of rows of one height, of which only those in sight and a few around them are in the page.
 * How high that is depends on fonts and words: a hidden row is measured.
 */

import { make } from "../dom.js";

const AROUND = 5; // rows above and below those in sight
const AHEAD = 30; // rows before the end at which more are asked for

/** @template Item */
export class LongList {
  /**
   * @param {object} options
   * @param {HTMLElement} options.ruler a hidden row, as high as the highest
   * @param {(item: Item) => HTMLElement} options.row makes the row of an item
   * @param {() => void} options.nearEnd called when the end of the list comes near
   */
  constructor({ ruler, row, nearEnd }) {
    this.ruler = ruler;
    this.rowHeight = 0; // pixels
    this.row = row;
    this.nearEnd = nearEnd;
    /** @type {Item[]} */
    this.items = [];
    /** @type {Map<Item, number>} */
    this.places = new Map();
    /** @type {Map<Item, HTMLElement>} */
    this.drawn = new Map();
    this.rows = make("div", { className: "model-studio-rows", role: "list" }, ruler);
    this.element = make("div", { className: "model-studio-list", tabIndex: 0 }, this.rows);
    this.element.addEventListener("scroll", () => this.draw(), { passive: true });
    const observer = new ResizeObserver(() => {
      this.measure();
      this.draw();
    });
    observer.observe(this.element);
    observer.observe(ruler);
  }

  /** Keeps in sight what is in sight. */
  measure() {
    const place = this.element.scrollTop / (this.rowHeight || 1);
    this.rowHeight = this.ruler.offsetHeight;
    this.rows.style.height = `${this.items.length * this.rowHeight}px`;
    this.element.scrollTop = place * this.rowHeight;
  }

  /**
   * Shows these items, and keeps in sight what is in sight where it is still among them.
   * @param {Item[]} items
   */
  show(items) {
    this.measure();
    const top = this.items[Math.floor(this.element.scrollTop / this.rowHeight)];
    const before = this.places.get(top) ?? 0;
    this.items = items;
    this.places = new Map(items.map((item, place) => [item, place]));
    this.rows.style.height = `${items.length * this.rowHeight}px`;
    if (this.element.scrollTop > 0) {
      this.element.scrollTop += ((this.places.get(top) ?? before) - before) * this.rowHeight;
    }
    this.draw();
  }

  draw() {
    if (!this.rowHeight) return; // not in the page
    const { scrollTop, clientHeight } = this.element;
    const first = Math.max(0, Math.floor(scrollTop / this.rowHeight) - AROUND);
    const end = Math.min(this.items.length, Math.ceil((scrollTop + clientHeight) / this.rowHeight) + AROUND);
    for (const [item, row] of this.drawn) {
      const place = this.places.get(item) ?? -1;
      const isNear = place >= first && place < end;
      if (isNear || (place >= 0 && row.contains(document.activeElement))) {
        this.put(row, place);
      } else {
        row.remove();
        this.drawn.delete(item);
      }
    }
    for (let place = first; place < end; place++) {
      const item = this.items[place];
      if (this.drawn.has(item)) continue;
      const row = this.row(item);
      row.role = "listitem";
      this.drawn.set(item, row);
      this.put(row, place);
      // In order, so that the Tab key goes from row to row.
      const next = [...this.rows.children].find((other) => Number(other.ariaPosInSet) > place + 1);
      this.rows.insertBefore(row, next ?? null);
    }
    if (clientHeight && end > this.items.length - AHEAD) this.nearEnd();
  }

  /**
   * @param {HTMLElement} row
   * @param {number} place
   */
  put(row, place) {
    row.style.top = `${place * this.rowHeight}px`;
    row.style.height = `${this.rowHeight}px`;
    row.ariaPosInSet = String(place + 1);
  }
}
