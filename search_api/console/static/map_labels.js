// @ts-check
// Labels of a map: names of clusters as the zoom has room for them, and veiled exemplars where points are densest.
import { rowOf } from "./map_data.js";

/** @typedef {import("./map_data.js").Columns} Columns */
/** @typedef {import("./map_view.js").View} View */
/** @typedef {{cluster: number, pictured: boolean, element: HTMLElement}} Label */

const CELL = 84; // px of the grid that peaks are looked for in
const LINE = 24; // px, height of a name
const GAP = 6; // px between a place and its label
const BUTTONS = { width: 56, height: 124 }; // px of the corner that names leave free
const PICTURE = 60; // px, height of an exemplar with its gap

/** How many fit on a stage. @param {number} width */
const room = (width) => (width < 500 ? { pictures: 3, names: 6 } : { pictures: 7, names: 14 });

/** Where each cluster's name belongs: at its medoid, or else in the middle of its points. @param {Columns} map */
function middles(map) {
  const [x, y] = [new Float32Array(map.sizes.length), new Float32Array(map.sizes.length)];
  for (let row = 0; row < map.count; row += 1) {
    const place = map.cluster[row];
    x[place] += map.x[row] / map.sizes[place];
    y[place] += map.y[row] / map.sizes[place];
  }
  map.clusters.forEach(([, , medoid], place) => {
    const row = rowOf(map, medoid);
    if (row >= 0) { x[place + 1] = map.x[row]; y[place + 1] = map.y[row]; }
  });
  return { x, y };
}

/**
 * Keep the labels of a stage.
 * @param {HTMLElement} box @param {Columns} map @param {number} run
 */
export function labelsIn(box, map, run) {
  const home = middles(map);
  const [x, y] = [home.x.slice(), home.y.slice()]; // where each name stands now
  /** @type {Label[]} */
  let labels = [];

  /** @param {number} place of a cluster, from 1 @param {boolean} pictured */
  const extent = (place, pictured) => ({ half: Math.min(map.clusters[place - 1][1].length * 3.6 + 10, 104), height: LINE + (pictured ? PICTURE : 0) });

  /** Where a label stands: above its place, within the stage. @param {View} view @param {number} place @param {boolean} pictured */
  function anchor(view, place, pictured) {
    const [left, top] = view.toScreen(x[place], y[place]);
    const { half, height } = extent(place, pictured);
    if (left < 0 || left > view.width || top < 0 || top > view.height) return { left, bottom: top - GAP };
    const bottom = top - GAP - height < 0 ? top + GAP + height : top - GAP;
    return { left: Math.min(Math.max(left, half), view.width - half), bottom };
  }

  /** @param {number} place of a cluster, from 1 @param {boolean} pictured */
  function make(place, pictured) {
    const [id, name, medoid] = map.clusters[place - 1];
    const element = document.createElement("a");
    element.href = `/console/clusters/${id}?run=${run}`;
    element.className = pictured ? "pin pictured" : "pin";
    element.dataset.cluster = String(id);
    if (pictured) {
      const [frame, image] = [document.createElement("span"), new Image(48, 48)];
      frame.className = "picture";
      image.dataset.veiled = String(medoid);
      image.alt = "";
      image.decoding = "async";
      image.src = `/v1/images/${medoid}/preview?${localStorage.getItem("lookalike.veil") || "veil=blur"}`;
      image.addEventListener("error", () => queueMicrotask(() => frame.remove())); // no picture is kept
      frame.append(image);
      element.append(frame);
    }
    const words = document.createElement("span");
    words.className = "name";
    words.textContent = name;
    element.append(words);
    return element;
  }

  /** Where a cluster is named: at home, or where its points are densest if only others are in view. @param {View} view @param {number} place @param {number | undefined} row */
  function settle(view, place, row) {
    const [left, top] = view.toScreen(home.x[place], home.y[place]);
    const isAway = row !== undefined && (left < 0 || left > view.width || top < 0 || top > view.height);
    x[place] = isAway ? map.x[row] : home.x[place];
    y[place] = isAway ? map.y[row] : home.y[place];
  }

  /** The clusters of the densest cells of the stage, the densest first, each with a row there. @param {View} view @param {(row: number) => boolean} isShown */
  function peaks(view, isShown) {
    const [across, down] = [Math.ceil(view.width / CELL), Math.ceil(view.height / CELL)];
    const counts = new Uint32Array(across * down);
    const { scale, place, width, height } = view;
    const cells = new Int32Array(map.count).fill(-1);
    for (let row = 0; row < map.count; row += 1) {
      const left = width / 2 + (map.x[row] - place.x) * scale;
      const top = height / 2 - (map.y[row] - place.y) * scale;
      if (left < 0 || top < 0 || left >= width || top >= height || !isShown(row)) continue;
      cells[row] = Math.floor(top / CELL) * across + Math.floor(left / CELL);
      counts[cells[row]] += 1;
    }
    /** @type {Map<number, Map<number, {count: number, row: number}>>} */
    const within = new Map();
    const dense = [...counts.keys()].filter((cell) => counts[cell]).sort((one, other) => counts[other] - counts[one]).slice(0, 24);
    for (const cell of dense) within.set(cell, new Map());
    for (let row = 0; row < map.count; row += 1) {
      const mix = within.get(cells[row]);
      if (mix && map.cluster[row]) mix.set(map.cluster[row], { count: (mix.get(map.cluster[row])?.count ?? 0) + 1, row });
    }
    /** @type {Map<number, number>} */
    const chosen = new Map();
    for (const mix of within.values()) {
      const [top] = [...mix].sort(([, one], [, other]) => other.count - one.count);
      if (top && !chosen.has(top[0])) chosen.set(top[0], top[1].row);
    }
    return chosen;
  }

  return {
    /** Choose what is named on this part of the map. @param {View} view @param {(row: number) => boolean} isShown @param {(place: number) => boolean} isNamed */
    choose(view, isShown, isNamed) {
      const { pictures, names } = room(view.width);
      /** @type {{left: number, top: number, right: number, bottom: number}[]} */
      const taken = [{ left: view.width - BUTTONS.width, right: view.width, top: view.height - BUTTONS.height, bottom: view.height }];
      /** @type {Map<number, boolean>} */
      const chosen = new Map();
      const dense = peaks(view, isShown);
      const fits = (/** @type {number} */ place, /** @type {boolean} */ pictured) => {
        settle(view, place, dense.get(place));
        const [left, top] = view.toScreen(x[place], y[place]);
        if (left < 0 || left > view.width || top < 0 || top > view.height) return false;
        const { half, height } = extent(place, pictured);
        const at = anchor(view, place, pictured);
        const spot = { left: at.left - half, right: at.left + half, bottom: at.bottom, top: at.bottom - height };
        if (taken.some((each) => each.left < spot.right && spot.left < each.right && each.top < spot.bottom && spot.top < each.bottom)) return false;
        taken.push(spot);
        chosen.set(place, pictured);
        return true;
      };
      let shown = 0;
      // pictures where points are densest, and of the largest where there is room; then names
      const largest = [...map.clusters.keys()].slice(0, 4 * pictures).map((place) => place + 1);
      for (const place of new Set([...dense.keys(), ...largest])) if (shown < pictures && isNamed(place) && fits(place, true)) shown += 1;
      for (let place = 1; place <= map.clusters.length && chosen.size < names + shown && place <= 2_000; place += 1) {
        if (!chosen.has(place) && isNamed(place)) fits(place, false);
      }
      const kept = new Map(labels.map((label) => [`${label.cluster} ${label.pictured}`, label]));
      labels = [...chosen].map(([cluster, pictured]) => kept.get(`${cluster} ${pictured}`) ?? { cluster, pictured, element: make(cluster, pictured) });
      const focused = document.activeElement;
      if (labels.some(({ element }, place) => box.children[place] !== element) || box.children.length !== labels.length) {
        box.replaceChildren(...labels.map(({ element }) => element));
        if (focused instanceof HTMLElement && box.contains(focused)) focused.focus({ preventScroll: true });
      }
      this.place(view);
    },
    /** Move what is named with the map. @param {View} view */
    place(view) {
      for (const { cluster, pictured, element } of labels) {
        const { left, bottom } = anchor(view, cluster, pictured);
        element.style.transform = `translate(${Math.round(left)}px, ${Math.round(bottom)}px) translate(-50%, -100%)`;
      }
    },
  };
}
