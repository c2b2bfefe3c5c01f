// @ts-check
// Lasso of a map: a line drawn around points selects them.

/** @typedef {import("./map_view.js").View} View */
/** @typedef {[number, number][]} Outline corners on the map */

const STEP = 5; // px between two corners
const MOST = 60; // corners that are kept

/** The points inside an outline. @param {Outline} outline @param {{count: number, x: Float32Array, y: Float32Array}} map @param {(row: number) => boolean} isShown */
export function inside(outline, map, isShown) {
  const [xs, ys] = [outline.map(([x]) => x), outline.map(([, y]) => y)];
  const [left, right, low, high] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
  const found = [];
  for (let row = 0; row < map.count; row += 1) {
    const [x, y] = [map.x[row], map.y[row]];
    if (x < left || x > right || y < low || y > high || !isShown(row)) continue;
    let within = false;
    for (let one = 0, other = xs.length - 1; one < xs.length; other = one, one += 1) {
      if (ys[one] > y !== ys[other] > y && x < ((xs[other] - xs[one]) * (y - ys[one])) / (ys[other] - ys[one]) + xs[one]) within = !within;
    }
    if (within) found.push(row);
  }
  return found;
}

/**
 * Draw outlines with the pointer.
 * @param {HTMLElement} stage @param {View} view @param {(outline: Outline) => void} done
 */
export function lassoOn(stage, view, done) {
  const line = /** @type {SVGPolylineElement} */ (stage.querySelector("[data-outline]"));
  /** @type {Outline | null} */
  let drawn = null;
  const draw = () => {
    line.setAttribute("points", (drawn ?? []).map(([x, y]) => view.toScreen(x, y).map(Math.round).join(",")).join(" "));
  };
  const at = (/** @type {PointerEvent} */ event) => {
    const { left, top } = stage.getBoundingClientRect();
    return view.toMap(event.clientX - left, event.clientY - top);
  };
  stage.addEventListener("pointermove", (event) => {
    if (!drawn) return;
    const [now, last] = [at(event), drawn[drawn.length - 1]];
    if (Math.hypot(now[0] - last[0], now[1] - last[1]) * view.scale < STEP) return;
    drawn.push(now);
    draw();
  });
  for (const end of /** @type {const} */ (["pointerup", "pointercancel"])) {
    stage.addEventListener(end, () => {
      const outline = drawn;
      drawn = null;
      draw();
      if (!outline || outline.length < 3 || end === "pointercancel") return;
      const every = Math.ceil(outline.length / MOST);
      done(outline.filter((_, place) => place % every === 0));
    });
  }
  return {
    /** @param {PointerEvent} event */
    begin(event) {
      stage.setPointerCapture(event.pointerId);
      drawn = [at(event)];
    },
  };
}
