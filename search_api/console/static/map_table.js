// @ts-check
// Table of a map: what is selected, or else in view, as rows that can be sorted.
import { describe } from "./map_data.js";

/** @typedef {import("./map_data.js").Columns} Columns */

const MOST = 200; // rows that are drawn

/** What rows are sorted by: numbers, for words come in the order of their legend. @type {Record<string, (map: Columns, row: number) => number>} */
const SORTS = {
  image: (map, row) => map.ids[row],
  cluster: (map, row) => map.cluster[row] || Infinity,
  class: (map, row) => map.class[row] || Infinity,
  bank: (map, row) => map.bank[row] || Infinity,
  added: (map, row) => map.age[row],
};

/** @param {HTMLElement} section @param {Columns} map @param {number} run */
export function tableIn(section, map, run) {
  const table = /** @type {HTMLTableElement} */ (section.querySelector("table"));
  const caption = /** @type {HTMLElement} */ (section.querySelector("[data-caption]"));
  /** @type {number[]} */
  let rows = [];
  let words = "";
  let by = "cluster";
  let descending = false;

  /** @param {string} href @param {string} text */
  function link(href, text) {
    const element = document.createElement("a");
    element.href = href;
    element.textContent = text;
    return element;
  }

  /** @param {number} row */
  function make(row) {
    const said = describe(map, row);
    const line = document.createElement("tr");
    const [head, cluster, label, bank, added] = ["th", "td", "td", "td", "td"].map((tag) => document.createElement(tag));
    head.setAttribute("scope", "row");
    head.append(link(`/console/images/${said.id}`, `Image ${said.id}`));
    if (said.clusterId) cluster.append(link(`/console/clusters/${said.clusterId}?run=${run}`, said.cluster));
    else cluster.textContent = "none";
    label.textContent = said.class;
    if (said.bank) bank.append(link(`/console/banks/${encodeURIComponent(said.bank)}`, said.bank));
    added.textContent = said.added.toISOString().slice(0, 16).replace("T", " ");
    added.className = "number";
    line.append(head, cluster, label, bank, added);
    return line;
  }

  function draw() {
    const value = SORTS[by];
    const sign = descending ? -1 : 1;
    const sorted = rows.slice().sort((one, other) => {
      const [a, b] = [value(map, one), value(map, other)];
      return a === b ? one - other : (a < b ? -1 : 1) * sign;
    });
    for (const head of table.querySelectorAll("th[data-sort]")) {
      if (head.getAttribute("data-sort") === by) head.setAttribute("aria-sort", descending ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    }
    table.tBodies[0].replaceChildren(...sorted.slice(0, MOST).map(make));
    const rest = rows.length > MOST ? `, the first ${MOST} are listed` : "";
    caption.textContent = `${words}${rest}`;
  }

  table.tHead?.addEventListener("click", (event) => {
    const head = event.target instanceof Element ? event.target.closest("th[data-sort]") : null;
    if (!head) return;
    const next = head.getAttribute("data-sort") ?? by;
    descending = next === by && !descending;
    by = next;
    draw();
  });

  return {
    /** Show rows, and say which these are. @param {number[]} next @param {string} caption */
    show(next, caption) {
      [rows, words] = [next, caption];
      if (!section.hidden) draw();
    },
    /** @param {boolean} open */
    toggle(open) {
      section.hidden = !open;
      if (open) { draw(); section.scrollIntoView({ block: "nearest" }); }
    },
    get isOpen() { return !section.hidden; },
  };
}
