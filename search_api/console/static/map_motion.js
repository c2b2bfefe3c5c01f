// @ts-check
// Motion of a map: where drawing takes longer than a frame, what is drawn moves as a picture until the view rests.

/** @typedef {import("./map_view.js").View} View */
/** @typedef {{x: number, y: number, scale: number, width: number, height: number, zoom: number}} Seen */

const SLOW = 40; // ms of a drawing
const REST = 140; // ms without motion
const COARSE = 2; // times that a picture is enlarged at most

export class Motion {
  /** @param {HTMLElement} canvas @param {(seen: Seen) => Promise<void>} draw */
  constructor(canvas, draw) {
    this.canvas = canvas;
    this.draw = draw;
    /** @type {Seen | null} */
    this.seen = null;
    /** @type {Seen | null} */
    this.drawn = null;
    this.cost = 0;
    this.isDrawing = false;
    this.timer = 0;
  }

  /** @param {View} view */
  look({ place: { x, y, zoom }, scale, width, height }) {
    this.seen = { x, y, zoom, scale, width, height };
    this.shift();
    clearTimeout(this.timer);
    const enlarged = this.drawn ? scale / this.drawn.scale : 1;
    if (this.cost > SLOW && enlarged > 1 / COARSE && enlarged < COARSE) this.timer = setTimeout(() => this.follow(), REST);
    else this.follow();
  }

  /** Draw what is seen now. */
  async follow() {
    const seen = this.seen;
    if (this.isDrawing || !seen || seen === this.drawn) return;
    this.isDrawing = true;
    const began = performance.now();
    await this.draw(seen);
    this.drawn = seen;
    this.isDrawing = false;
    this.shift();
    requestAnimationFrame(() => { this.cost = performance.now() - began; });
    if (this.seen && this.seen !== seen) {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.follow(), this.cost > SLOW ? REST : 0);
    }
  }

  /** Lay what was drawn where it belongs now. */
  shift() {
    const { seen, drawn } = this;
    if (!seen || !drawn) return;
    const right = (drawn.x - seen.x) * seen.scale;
    const down = (seen.y - drawn.y) * seen.scale;
    const still = seen === drawn || drawn.width !== seen.width || drawn.height !== seen.height;
    this.canvas.style.transform = still ? "" : `translate(${right}px, ${down}px) scale(${seen.scale / drawn.scale})`;
  }
}
