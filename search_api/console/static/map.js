// @ts-check
// Map of a run: every image a point, to look around in, to colour, to select from and to read as a table.
import { bind } from "./keys.js";
import { describe, groupBy, load, rowOf } from "./map_data.js";
import { drawingOn } from "./map_drawing.js";
import { labelsIn } from "./map_labels.js";
import { inside, lassoOn } from "./map_lasso.js";
import { legendIn } from "./map_legend.js";
import { tableIn } from "./map_table.js";
import { follow, View, WHOLE } from "./map_view.js";

/** @typedef {import("./map_data.js").By} By */
/** @typedef {import("./map_data.js").Columns} Columns */
/** @typedef {{kind: "none"} | {kind: "cluster", id: number} | {kind: "image", id: number} | {kind: "lasso", outline: [number, number][]}} Selection */

const root = /** @type {HTMLElement} */ (document.querySelector("[data-map]"));
const find = (/** @type {string} */ query) => /** @type {HTMLElement} */ (root.querySelector(query));
const [stage, status, said] = [find("[data-stage]"), find("[role=status]"), find("[data-said]")];
const choice = /** @type {HTMLSelectElement} */ (find("[data-by]"));
const [lassoButton, tableButton] = [find("[data-lasso]"), find("[data-as-table]")];
const run = Number(root.dataset.run);
const SETTLE = 140; // ms after the last move
const NEAR = 12; // px of a click
const STEP = 0.18; // of the stage, by an arrow

/** Everything, once the columns are there. @param {Columns} map */
async function begin(map) {
  const asked = new URLSearchParams(location.hash.slice(1)); // the fragment: the server need not know
  const view = new View(moved);
  const drawing = drawingOn(/** @type {HTMLCanvasElement} */ (find("canvas")), map);
  const labels = labelsIn(find("[data-labels]"), map, run);
  const table = tableIn(find("[data-table]"), map, run);
  const legend = legendIn(find("[data-legend]"), (keys) => { hidden = keys; repaint(); });
  const lasso = lassoOn(stage, view, (outline) => { setLasso(false); choose({ kind: "lasso", outline }); });
  let by = /** @type {By} */ (["cluster", "class", "bank", "age"].find((each) => each === asked.get("by")) ?? "cluster");
  let grouping = groupBy(map, by);
  let hidden = new Set(asked.getAll("hide"));
  /** @type {boolean[]} */
  let shown = [];
  /** @type {Selection} */
  let selection = { kind: "none" };
  /** @type {number[]} */
  let rows = [];
  let draws = false;
  let settling = 0;
  let isReady = false;

  const isShown = (/** @type {number} */ row) => shown[grouping.of[row]];
  const isNamed = (/** @type {number} */ place) => by !== "cluster" || shown[Math.min(place - 1, grouping.groups.length - 2)];

  function moved() {
    drawing.look(view);
    labels.place(view);
    clearTimeout(settling);
    settling = setTimeout(settled, SETTLE);
  }

  function settled() {
    if (!isReady) return;
    labels.choose(view, isShown, isNamed);
    if (selection.kind === "none") tell();
    remember();
    root.dataset.settled = String(Number(root.dataset.settled ?? 0) + 1);
  }

  /** The colours of the legend, as the theme has them now. */
  function colours() {
    const style = getComputedStyle(stage);
    const probe = document.createElement("span");
    stage.append(probe);
    const groups = grouping.groups.map(({ swatch }) => {
      probe.className = `swatch ${swatch}`;
      return hex(getComputedStyle(probe).backgroundColor);
    });
    probe.remove();
    return { ground: hex(style.backgroundColor), ink: hex(style.color), groups };
  }

  function repaint() {
    shown = grouping.groups.map(({ key }) => !hidden.has(key));
    const painted = drawing.paint(grouping, shown, colours());
    select(selection);
    return painted.then(() => { drawing.select(rows); moved(); root.dataset.drawn = `${drawing.kind} ${map.count}`; });
  }

  function regroup(/** @type {By} */ next, /** @type {Set<string>} */ without) {
    [by, grouping, hidden] = [next, groupBy(map, next), without];
    choice.value = by;
    legend.show(grouping.groups, hidden);
    return repaint();
  }

  /** @param {Selection} next */
  function select(next) {
    selection = next;
    rows = rowsOf(next);
    drawing.select(rows);
    tell();
    remember();
  }

  /** Select, and say so. @param {Selection} next */
  const choose = (next) => { select(next); status.textContent = said.textContent; };

  /** @param {Selection} of */
  function rowsOf(of) {
    if (of.kind === "lasso") return inside(of.outline, map, isShown);
    if (of.kind === "image") return [rowOf(map, of.id)].filter((row) => row >= 0 && isShown(row));
    const place = of.kind === "cluster" ? map.clusters.findIndex(([id]) => id === of.id) + 1 : 0;
    const found = [];
    if (place) for (let row = 0; row < map.count; row += 1) if (map.cluster[row] === place && isShown(row)) found.push(row);
    return found;
  }

  function inView() {
    const [[left, high], [right, low]] = [view.toMap(0, 0), view.toMap(view.width, view.height)];
    const found = [];
    for (let row = 0; row < map.count; row += 1) {
      const [x, y] = [map.x[row], map.y[row]];
      if (x >= left && x <= right && y >= low && y <= high && isShown(row)) found.push(row);
    }
    return found;
  }

  /** Write what is selected, or what can be, and list it. */
  function tell() {
    const images = (/** @type {number} */ count) => `${count.toLocaleString("en")} ${count === 1 ? "image" : "images"}`;
    const clear = find("[data-clear]");
    clear.hidden = selection.kind === "none";
    said.replaceChildren();
    if (selection.kind === "none") {
      const seen = inView();
      said.append(`${images(seen.length)} in view. Nothing is selected.`);
      table.show(seen, `${images(seen.length)} in view`);
      return;
    }
    const link = document.createElement("a");
    if (selection.kind === "cluster") {
      const { id } = selection;
      link.href = `/console/clusters/${id}?run=${run}`;
      link.textContent = map.clusters.find((each) => each[0] === id)?.[1] ?? `Cluster ${id}`;
    } else if (selection.kind === "image") {
      link.href = `/console/images/${selection.id}`;
      link.textContent = `Image ${selection.id}`;
    }
    const clusters = new Set(rows.map((row) => map.cluster[row]).filter(Boolean)).size;
    const more = selection.kind === "image" && rows.length ? `, ${describe(map, rows[0]).cluster || "in no cluster"}` : `${link.href ? ": " : ""}${images(rows.length)}`;
    const of = selection.kind === "lasso" ? ` of ${clusters.toLocaleString("en")} ${clusters === 1 ? "cluster" : "clusters"}` : "";
    said.append(...(link.href ? [link] : []), `${more}${of} selected.`);
    table.show(rows, said.textContent ?? "");
  }

  function remember() {
    if (!isReady) return;
    const { x, y, zoom } = view.place;
    const query = new URLSearchParams();
    if (by !== "cluster") query.set("by", by);
    for (const key of hidden) query.append("hide", key);
    if (zoom !== WHOLE || x || y) query.set("view", [x, y, zoom].map((each) => Number(each.toPrecision(4))).join(","));
    if (selection.kind === "cluster" || selection.kind === "image") query.set(selection.kind, String(selection.id));
    if (selection.kind === "lasso") query.set("lasso", selection.outline.flat().map((each) => each.toFixed(3)).join(","));
    if (table.isOpen) query.set("table", "1");
    history.replaceState(null, "", `${location.pathname}?run=${run}#${query}`);
  }

  /** The nearest point that is shown. @param {number} left @param {number} top */
  function nearest(left, top) {
    const [x, y] = view.toMap(left, top);
    let [best, least] = [-1, (NEAR / view.scale) ** 2];
    for (let row = 0; row < map.count; row += 1) {
      const away = (map.x[row] - x) ** 2 + (map.y[row] - y) ** 2;
      if (away < least && isShown(row)) [best, least] = [row, away];
    }
    return best;
  }

  /** @param {number} left @param {number} top */
  function click(left, top) {
    const row = nearest(left, top);
    if (row < 0) { if (selection.kind !== "none") choose({ kind: "none" }); return; }
    const { id, clusterId } = describe(map, row);
    const again = selection.kind === "cluster" && selection.id === clusterId; // a second click is for the image
    choose(clusterId && !again ? { kind: "cluster", id: clusterId } : { kind: "image", id });
  }

  function next() {
    const { kind, id } = /** @type {{kind: string, id: number}} */ (selection);
    const from = kind === "cluster" ? map.clusters.findIndex((each) => each[0] === id) + 1 : 0;
    for (let step = 0; step < map.clusters.length; step += 1) {
      const place = (from + step) % map.clusters.length;
      if (!isNamed(place + 1)) continue;
      choose({ kind: "cluster", id: map.clusters[place][0] });
      view.fit(rows, map);
      return;
    }
  }

  function setLasso(/** @type {boolean} */ on) {
    draws = on;
    lassoButton.setAttribute("aria-pressed", String(on));
    stage.classList.toggle("drawing", on);
    if (on) status.textContent = "Draw around points. Escape ends.";
  }

  function toggleTable() {
    const open = !table.isOpen;
    tableButton.setAttribute("aria-expanded", String(open));
    tell();
    table.toggle(open);
    remember();
  }

  function selectView() {
    const [left, high] = view.toMap(0, 0);
    const [right, low] = view.toMap(view.width, view.height);
    choose({ kind: "lasso", outline: [[left, low], [right, low], [right, high], [left, high]] });
  }

  /** Whether the arrows are the map's: not in the table, nor in the legend. */
  const isMine = () => !document.activeElement || document.activeElement === document.body || document.activeElement.matches("main, .map-bar button") || stage.contains(document.activeElement);
  /** @param {string} id @param {string} keys @param {string} name @param {() => void} run */
  const key = (id, keys, name, run, when = () => true) => bind({ id: `map-${id}`, keys, name, group: "Map", layer: "island", run, when });
  for (const [arrow, right, down] of /** @type {[string, number, number][]} */ ([["Left", -1, 0], ["Right", 1, 0], ["Up", 0, -1], ["Down", 0, 1]])) {
    key(arrow.toLowerCase(), `Arrow${arrow}`, `Move ${arrow.toLowerCase()}`, () => view.pan(right * STEP * view.width, down * STEP * view.height, true), isMine);
  }
  key("in", "+", "Zoom in", () => view.zoom(1.6, undefined, undefined, true));
  key("in-too", "=", "Zoom in", () => view.zoom(1.6, undefined, undefined, true));
  key("out", "-", "Zoom out", () => view.zoom(1 / 1.6, undefined, undefined, true));
  key("whole", "0", "The whole map", () => view.home());
  key("lasso", "l", "Draw a lasso", () => setLasso(!draws));
  key("all", "a", "Select what is in view", selectView);
  key("next", ".", "Next cluster, by size", next);
  key("table", "t", "The same as a table", toggleTable);
  key("clear", "Escape", "End the lasso, or select nothing", () => (draws ? setLasso(false) : choose({ kind: "none" })), () => draws || selection.kind !== "none");

  /** @type {Record<string, () => void>} */
  const actions = {
    in: () => view.zoom(1.6, undefined, undefined, true),
    out: () => view.zoom(1 / 1.6, undefined, undefined, true),
    whole: () => view.home(),
    lasso: () => setLasso(!draws),
    all: selectView,
    next,
    table: toggleTable,
    clear: () => { choose({ kind: "none" }); stage.focus(); },
  };
  root.addEventListener("click", (event) => {
    const action = event.target instanceof Element ? event.target.closest("[data-action]")?.getAttribute("data-action") : null;
    if (action) actions[action]?.();
  });
  choice.addEventListener("change", () => regroup(/** @type {By} */ (choice.value), new Set()));
  follow(stage, view, { click, draws: (event) => { if (draws || event.shiftKey) lasso.begin(event); return draws || event.shiftKey; } });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaint);
  new MutationObserver(() => repaint()).observe(document.documentElement, { attributeFilter: ["data-theme"] });

  const place = (asked.get("view") ?? "").split(",").map(Number);
  if (place.length === 3 && place.every(Number.isFinite)) view.place = { x: place[0], y: place[1], zoom: place[2] };
  const { width, height } = stage.getBoundingClientRect();
  [view.width, view.height] = [width, height];
  await regroup(by, hidden);
  const outline = (asked.get("lasso") ?? "").split(",").map(Number);
  const wanted = Number(asked.get("cluster"));
  if (wanted) choose({ kind: "cluster", id: wanted });
  else if (asked.get("image")) choose({ kind: "image", id: Number(asked.get("image")) });
  else if (outline.length > 5 && outline.every(Number.isFinite)) choose({ kind: "lasso", outline: outline.flatMap((each, at) => (at % 2 ? [] : [[each, outline[at + 1]]])) });
  if (wanted && rows.length && !asked.get("view")) view.fit(rows, map);
  isReady = true;
  if (asked.get("table")) toggleTable();
  new ResizeObserver(([{ contentRect }]) => {
    if (contentRect.width && contentRect.height) view.resize(contentRect.width, contentRect.height);
  }).observe(stage);
  moved();
}

/** @param {string} colour as a browser computes it */
function hex(colour) {
  const numbers = (colour.match(/[\d.]+/g) ?? []).slice(0, 3).map(Number);
  return `#${numbers.map((each) => Math.round(each).toString(16).padStart(2, "0")).join("")}`;
}

load(root.dataset.map ?? "").then(begin).then(() => root.classList.add("ready"), (error) => {
  root.classList.add("failed");
  find("[data-waits]").textContent = `The map cannot be shown: ${error.message}`;
});
