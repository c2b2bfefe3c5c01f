// The points of the map: unpacked, fitted into a square, and painted for paper.

export const PALETTE = [
  "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9",
  "#8c564b", "#7a5cc7", "#a3a800", "#17a2a2", "#c0392b", "#5f8f2a",
  "#004267", "#7c3700", "#005c43", "#764661", "#855c00", "#326887",
  "#51322c", "#473573", "#5f6100", "#0d5e5e", "#6f2119", "#375318",
  "#73b1d5", "#e8a673", "#73cab2", "#e3b5cf", "#f1ca73", "#a2d6f3",
  "#c0a29c", "#b6a5e0", "#cccf73", "#7fcccc", "#dc928a", "#a7c18a",
];

function bytes(text) {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0)).buffer;
}

// Little-endian arrays in base64: x and y (float32), places of clusters (uint32; 0 for none) and ids
// of images (float64).
export function decode(data) {
  const [x, y] = [new Float32Array(bytes(data.x)), new Float32Array(bytes(data.y))];
  const cluster = new Uint32Array(bytes(data.cluster));
  const id = new Float64Array(bytes(data.id));
  fit(x, y);
  const colour = Float32Array.from(cluster, (place) =>
    place ? 1 + (data.clusters[place - 1].id % PALETTE.length) : 0,
  );
  const rowOf = new Map();
  id.forEach((number, row) => rowOf.set(number, row));
  return { x, y, cluster, id, colour, rowOf, count: x.length };
}

function fit(x, y) {
  const [[left, right], [low, high]] = [range(x), range(y)];
  const scale = Math.max(right - left, high - low) / 1.9 || 1;
  for (let row = 0; row < x.length; row += 1) {
    x[row] = (x[row] - (left + right) / 2) / scale;
    y[row] = (y[row] - (low + high) / 2) / scale;
  }
}

function range(values) {
  let [least, most] = [Infinity, -Infinity];
  for (const value of values) {
    if (value < least) least = value;
    if (value > most) most = value;
  }
  return values.length ? [least, most] : [0, 0];
}

// Paint the whole map on white, with the names of the largest clusters; returns a PNG's data URI.
export function paint(points, clusters, width, height) {
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width, height });
  const plane = canvas.getContext("2d");
  plane.fillStyle = "#fff";
  plane.fillRect(0, 0, width, height);
  const half = Math.min(width, height) / 2;
  const at = (row) => [width / 2 + half * points.x[row], height / 2 - half * points.y[row]];
  const side = points.count > 20_000 ? 2 : points.count > 2_000 ? 3 : 6;
  for (const noise of [true, false]) {
    for (let row = 0; row < points.count; row += 1) {
      const colour = points.colour[row];
      if ((colour === 0) !== noise) continue;
      plane.fillStyle = colour ? PALETTE[colour - 1] : "#c4c8ce";
      const [x, y] = at(row);
      plane.fillRect(x - side / 2, y - side / 2, side, side);
    }
  }
  plane.font = "600 20px system-ui, sans-serif";
  plane.textAlign = "center";
  plane.lineWidth = 5;
  plane.strokeStyle = "#fff";
  plane.fillStyle = "#111";
  const taken = [];
  for (const { name, medoid } of clusters.slice(0, 12)) {
    const row = points.rowOf.get(medoid);
    if (row === undefined) continue;
    const [x, y] = at(row);
    const reach = plane.measureText(name).width / 2;
    if (taken.some(([a, b, c]) => Math.abs(a - x) < reach + c && Math.abs(b - y) < 24)) continue;
    plane.strokeText(name, x, y - 10);
    plane.fillText(name, x, y - 10);
    taken.push([x, y, reach]);
  }
  return canvas.toDataURL("image/png");
}
