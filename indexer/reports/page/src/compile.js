// Draws a map in every way that the page does, and leaves what regl compiled for it in the document.
import { Plane } from "./map.js";
import { created } from "./regl.js";

const count = 300;
const points = {
  x: Float32Array.from({ length: count }, (_, row) => Math.cos(row) * 0.9),
  y: Float32Array.from({ length: count }, (_, row) => Math.sin(2 * row) * 0.9),
  cluster: Uint32Array.from({ length: count }, (_, row) => row % 3),
  colour: Float32Array.from({ length: count }, (_, row) => row % 3),
  id: Float64Array.from({ length: count }, (_, row) => row),
  rowOf: new Map(),
  count,
};
const clusters = [1, 2].map((id) => ({ id, name: `cluster-${id}`, size: 100, medoid: null }));
const plane = new Plane(document.getElementById("map"), clusters, points);
await plane.draw();
plane.hover(3);
plane.plot.hover(3, { showReticleOnce: true });
plane.show(1, true);
plane.show(0);
plane.plot.set({ width: 320, height: 240 });
await new Promise((done) => setTimeout(done, 500));
const commands = Object.assign({}, ...created.map((regl) => regl.getCachedCode()));
const listed = Object.entries(commands).sort(([one], [other]) => (one < other ? -1 : 1));
document.body.dataset.commands = JSON.stringify(listed.map(([key, made]) => [key, String(made)]));
