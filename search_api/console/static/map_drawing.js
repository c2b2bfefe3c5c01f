// @ts-check
// Drawing of a map: points by WebGL with regl-scatterplot, on a plain canvas where that cannot be.
import { Motion } from "./map_motion.js";

/** @typedef {import("./map_data.js").Columns} Columns */
/** @typedef {import("./map_data.js").Grouping} Grouping */
/** @typedef {import("./map_view.js").View} View */
/** @typedef {{ground: string, ink: string, groups: string[]}} Colours */
/**
 * @typedef {object} Drawing
 * @property {string} kind how it draws
 * @property {(grouping: Grouping, shown: boolean[], colours: Colours) => Promise<void>} paint
 * @property {(rows: number[]) => void} select
 * @property {(view: View) => void} look
 */

const FAINT = 0.25; // of what is not selected
const sizeOf = (/** @type {number} */ count) => (count > 300_000 ? 2 : count > 20_000 ? 2.5 : count > 2_000 ? 4.5 : 8);
const grown = (/** @type {number} */ zoom) => Math.round(2 * Math.min(2.5, 1 + Math.max(Math.log2(zoom), 0) / 4)) / 2; // of points, as one zooms in
const opacityOf = (/** @type {number} */ count) => (count > 300_000 ? 0.45 : count > 20_000 ? 0.6 : 0.85);

/** Draw by WebGL if it is there. @param {HTMLCanvasElement} canvas @param {Columns} map @returns {Drawing} */
export function drawingOn(canvas, map) {
  const { scatterplot } = /** @type {any} */ (window);
  if (scatterplot && document.createElement("canvas").getContext("webgl")) {
    try {
      return new PointsByWebGL(canvas, map, scatterplot.createScatterplot);
    } catch (error) {
      // a command that this browser needs was not compiled ahead, and the policy lets none be now
      if (!(error instanceof EvalError || error instanceof TypeError)) throw error;
      const fresh = /** @type {HTMLCanvasElement} */ (canvas.cloneNode());
      canvas.replaceWith(fresh);
      return new PointsOnCanvas(fresh, map);
    }
  }
  return new PointsOnCanvas(canvas, map);
}

/** @implements {Drawing} */
class PointsByWebGL {
  kind = "webgl";

  /** @param {HTMLCanvasElement} canvas @param {Columns} map @param {any} createScatterplot */
  constructor(canvas, map, createScatterplot) {
    this.map = map;
    /** @type {Uint8Array | null} */
    this.drawn = null;
    this.isDrawn = false;
    this.size = "";
    this.painted = Promise.resolve();
    this.motion = new Motion(canvas, (seen) => this.draw(seen));
    const { width, height } = canvas.getBoundingClientRect();
    this.plot = createScatterplot({
      canvas,
      width,
      height,
      aspectRatio: 1,
      pointSize: sizeOf(map.count),
      pointSizeSelected: 1,
      pointScaleMode: "constant",
      pointOutlineWidth: 1.5,
      opacityInactiveMax: FAINT,
      colorBy: "valueA",
      opacityBy: "valueA",
      showReticle: false,
      cameraIsFixed: true,
      lassoInitiator: false,
      lassoOnLongPress: false,
      spatialIndexUseWorker: false,
      renderPointsAsSquares: map.count > 300_000,
    });
  }

  /** @param {Grouping} grouping @param {boolean[]} shown @param {Colours} colours */
  paint({ of }, shown, { ground, groups }) {
    this.painted = this.painted.then(async () => { // one after another: it draws once at a time
      this.plot.set({
        backgroundColor: ground,
        pointColor: groups,
        pointColorActive: groups,
        pointColorHover: groups,
        opacity: shown.map((each) => (each ? opacityOf(this.map.count) : 0)),
      });
      if (this.drawn === of) return;
      this.drawn = of;
      const { x, y } = this.map;
      const spatialIndex = this.plot.get("spatialIndex");
      await this.plot.draw({ x, y, valueA: Float32Array.from(of) }, { zDataType: "categorical", ...(spatialIndex ? { spatialIndex } : {}) });
      this.isDrawn = true;
    });
    return this.painted;
  }

  /** @param {number[]} rows */
  select(rows) {
    if (!this.isDrawn) return;
    if (rows.length) this.plot.select(rows, { preventEvent: true });
    else this.plot.deselect({ preventEvent: true });
  }

  /** @param {View} view */
  look(view) { this.motion.look(view); }

  /** @param {import("./map_motion.js").Seen} seen */
  async draw({ x, y, zoom, scale, width, height }) {
    const size = `${width} ${height} ${grown(zoom)}`;
    if (size !== this.size) this.plot.set({ width, height, pointSize: sizeOf(this.map.count) * grown(zoom) });
    this.size = size;
    await this.plot.zoomToLocation([x, y], height / 2 / scale);
  }
}

/** @implements {Drawing} */
class PointsOnCanvas {
  kind = "canvas";

  /** @param {HTMLCanvasElement} canvas @param {Columns} map */
  constructor(canvas, map) {
    this.canvas = canvas;
    this.map = map;
    this.plane = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d", { alpha: false }));
    /** @type {Set<number> | null} */
    this.selected = null;
    this.motion = new Motion(canvas, (seen) => this.draw(seen));
  }

  /** @param {Grouping} grouping @param {boolean[]} shown @param {Colours} colours */
  async paint({ of }, shown, colours) {
    Object.assign(this, { of, shown, colours });
    if (this.motion.seen) await this.draw(this.motion.seen);
  }

  /** @param {number[]} rows */
  select(rows) {
    this.selected = rows.length ? new Set(rows) : null;
    if (this.motion.seen) this.draw(this.motion.seen);
  }

  /** @param {View} view */
  look(view) { this.motion.look(view); }

  /** @param {import("./map_motion.js").Seen} seen */
  async draw({ x, y, zoom, scale, width, height }) {
    const { map, plane, selected } = this;
    const { of, shown, colours } = /** @type {any} */ (this);
    if (!colours) return;
    const ratio = devicePixelRatio;
    [this.canvas.width, this.canvas.height] = [width * ratio, height * ratio];
    plane.setTransform(ratio, 0, 0, ratio, 0, 0);
    plane.fillStyle = colours.ground;
    plane.fillRect(0, 0, width, height);
    const side = sizeOf(map.count) * grown(zoom);
    for (const only of selected ? [false, true] : [false]) {
      for (let group = shown.length - 1; group >= 0; group -= 1) {
        if (!shown[group]) continue;
        plane.fillStyle = colours.groups[group];
        plane.globalAlpha = selected && !only ? FAINT : 0.85;
        for (let row = 0; row < map.count; row += 1) {
          if (of[row] !== group || (only && !selected?.has(row))) continue;
          const left = width / 2 + (map.x[row] - x) * scale;
          const top = height / 2 - (map.y[row] - y) * scale;
          if (left < -side || top < -side || left > width + side || top > height + side) continue;
          plane.fillRect(left - side / 2, top - side / 2, side, side);
        }
      }
    }
    plane.globalAlpha = 1;
  }
}
