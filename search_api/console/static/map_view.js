// @ts-check
// View of a map: which part of the plane the stage shows, and how pointers move it.

const MOST = 400; // times as large as the whole
const LEAST = 0.5;
export const WHOLE = 0.92; // with room for names at the edge
const SLIDE = 260; // ms
const CLICK = 4; // px that a click may move
const still = matchMedia("(prefers-reduced-motion: reduce)");

/** @typedef {{x: number, y: number, zoom: number}} Place centre of the stage, and pixels a unit by those of the whole map */

export class View {
  /** @param {() => void} changed called after each change */
  constructor(changed) {
    this.changed = changed;
    this.width = 1;
    this.height = 1;
    /** @type {Place} */
    this.place = { x: 0, y: 0, zoom: WHOLE };
    this.frame = 0;
  }

  /** Pixels a unit. */
  get scale() { return (this.place.zoom * Math.min(this.width, this.height)) / 2; }

  /** @param {number} x @param {number} y @returns {[number, number]} */
  toScreen(x, y) {
    return [this.width / 2 + (x - this.place.x) * this.scale, this.height / 2 - (y - this.place.y) * this.scale];
  }

  /** @param {number} left @param {number} top @returns {[number, number]} */
  toMap(left, top) {
    return [this.place.x + (left - this.width / 2) / this.scale, this.place.y - (top - this.height / 2) / this.scale];
  }

  /** @param {number} width @param {number} height */
  resize(width, height) {
    [this.width, this.height] = [width, height];
    this.changed();
  }

  /** Move there; smoothly, unless motion is unwelcome. @param {Place} place */
  go({ x, y, zoom }, slides = true) {
    const clamp = (/** @type {number} */ value, /** @type {number} */ least, /** @type {number} */ most) => Math.min(Math.max(value, least), most);
    const to = { x: clamp(x, -1.1, 1.1), y: clamp(y, -1.1, 1.1), zoom: clamp(zoom, LEAST, MOST) };
    cancelAnimationFrame(this.frame);
    if (!slides || still.matches) { this.place = to; this.changed(); return; }
    const [from, began] = [this.place, performance.now()];
    const step = (/** @type {number} */ now) => {
      const share = Math.min((now - began) / SLIDE, 1);
      const eased = 1 - (1 - share) ** 3;
      const zoom = from.zoom * (to.zoom / from.zoom) ** eased;
      this.place = { x: from.x + (to.x - from.x) * eased, y: from.y + (to.y - from.y) * eased, zoom };
      this.changed();
      if (share < 1) this.frame = requestAnimationFrame(step);
    };
    this.frame = requestAnimationFrame(step);
  }

  /** @param {number} right px @param {number} down px */
  pan(right, down, slides = false) {
    this.go({ ...this.place, x: this.place.x + right / this.scale, y: this.place.y - down / this.scale }, slides);
  }

  /** Zoom about a place of the stage. @param {number} factor */
  zoom(factor, left = this.width / 2, top = this.height / 2, slides = false) {
    const [x, y] = this.toMap(left, top);
    const zoom = Math.min(Math.max(this.place.zoom * factor, LEAST), MOST);
    const grown = this.place.zoom / zoom;
    this.go({ x: x + (this.place.x - x) * grown, y: y + (this.place.y - y) * grown, zoom }, slides);
  }

  /** Show points as large as they fit. @param {Iterable<number>} rows @param {{x: Float32Array, y: Float32Array}} map */
  fit(rows, map) {
    let [left, right, low, high] = [Infinity, -Infinity, Infinity, -Infinity];
    for (const row of rows) {
      left = Math.min(left, map.x[row]); right = Math.max(right, map.x[row]);
      low = Math.min(low, map.y[row]); high = Math.max(high, map.y[row]);
    }
    if (left > right) return;
    const unit = Math.min(this.width, this.height) / 2;
    const zoom = Math.min(this.width / unit / Math.max(right - left, 0.02), this.height / unit / Math.max(high - low, 0.02)) * 0.55;
    this.go({ x: (left + right) / 2, y: (low + high) / 2, zoom: Math.min(zoom, 24) });
  }

  home() { this.go({ x: 0, y: 0, zoom: WHOLE }); }
}

/**
 * Let pointers move the view: drag, wheel, pinch.
 * @param {HTMLElement} stage @param {View} view
 * @param {{click: (left: number, top: number) => void, draws: (event: PointerEvent) => boolean}} owner
 */
export function follow(stage, view, { click, draws }) {
  /** @type {Map<number, [number, number]>} */
  const down = new Map();
  let moved = 0;
  const at = (/** @type {MouseEvent} */ event) => {
    const { left, top } = stage.getBoundingClientRect();
    return /** @type {[number, number]} */ ([event.clientX - left, event.clientY - top]);
  };
  const apart = () => {
    const [one, other] = [...down.values()];
    return other ? Math.hypot(one[0] - other[0], one[1] - other[1]) : 0;
  };
  stage.addEventListener("pointerdown", (event) => {
    if (event.button || (event.target instanceof Element && event.target.closest("a, button"))) return;
    stage.focus({ preventScroll: true });
    if (draws(event)) return;
    stage.setPointerCapture(event.pointerId);
    down.set(event.pointerId, at(event));
    moved = 0;
  });
  stage.addEventListener("pointermove", (event) => {
    const before = down.get(event.pointerId);
    if (!before) return;
    const [now, spread] = [at(event), apart()];
    down.set(event.pointerId, now);
    moved += Math.hypot(now[0] - before[0], now[1] - before[1]);
    if (down.size > 1 && spread) view.zoom(apart() / spread, now[0], now[1]);
    else view.pan(before[0] - now[0], before[1] - now[1]);
  });
  for (const end of /** @type {const} */ (["pointerup", "pointercancel"])) {
    stage.addEventListener(end, (event) => {
      if (!down.delete(event.pointerId) || end === "pointercancel") return;
      if (moved <= CLICK && !down.size) click(...at(event));
    });
  }
  stage.addEventListener("wheel", (event) => {
    event.preventDefault();
    view.zoom(Math.exp(-Math.max(-120, Math.min(120, event.deltaY)) / 300), ...at(event));
  }, { passive: false });
  stage.addEventListener("scroll", () => stage.scrollTo(0, 0)); // as the focus may on a name at the edge
  stage.addEventListener("dblclick", (event) => {
    if (event.target instanceof Element && event.target.closest("a, button")) return;
    view.zoom(2, ...at(event), true);
  });
}
