// @ts-check
// Columns of a map: the safetensors file of a run, and groups of its points.

/** @typedef {"cluster" | "class" | "bank" | "age"} By what the points are coloured by */
/**
 * @typedef {object} Columns
 * @property {number} count
 * @property {Float64Array} ids of the images, ascending
 * @property {Float32Array} x from -1 on the left to 1
 * @property {Float32Array} y from -1 below to 1
 * @property {Uint8Array | Uint16Array | Uint32Array} cluster place in `clusters` from 1; 0 for none
 * @property {Uint8Array | Uint16Array | Uint32Array} class
 * @property {Uint8Array | Uint16Array | Uint32Array} bank
 * @property {Uint8Array | Uint16Array | Uint32Array} age hours before the newest image
 * @property {[id: number, name: string, medoid: number][]} clusters the largest first
 * @property {string[]} classes
 * @property {[name: string, kind: string, severity: string | null][]} banks
 * @property {Date} newest when the newest image was added
 * @property {Uint32Array} sizes points of each cluster, by its place
 */
/**
 * @typedef {object} Group points of one colour
 * @property {string} key what the address calls it
 * @property {string} name
 * @property {string} swatch its colour: a class of map.css
 * @property {number} count
 */
/** @typedef {{groups: Group[], of: Uint8Array}} Grouping */

const KINDS = { U8: Uint8Array, U16: Uint16Array, U32: Uint32Array };
const STEPS = 65_535; // of a coordinate
const COLOURS = 12;
/** @type {[hours: number, key: string, name: string][]} */
const AGES = [
  [1, "hour", "the newest hour"], [6, "6h", "1 to 6 hours before"], [24, "day", "6 to 24 hours before"], [72, "3d", "1 to 3 days before"],
  [168, "week", "3 to 7 days before"], [720, "month", "1 to 4 weeks before"], [8760, "year", "1 to 12 months before"], [Infinity, "older", "over a year before"],
];

/** Read the map of a run. @param {string} path */
export async function load(path) {
  const response = await fetch(path);
  if (!response.ok) throw new Error((await response.json().catch(() => ({}))).detail ?? `The server answered ${response.status}.`);
  return decode(await response.arrayBuffer());
}

/** @param {ArrayBuffer} buffer @returns {Columns} */
export function decode(buffer) {
  const length = Number(new DataView(buffer).getBigUint64(0, true));
  const head = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 8, length)));
  /** @param {string} name @returns {any} */
  const column = (name) => {
    const { dtype, shape, data_offsets: [start] } = head[name];
    return new KINDS[/** @type {keyof KINDS} */ (dtype)](buffer, 8 + length + start, shape[0]);
  };
  /** @param {string} name */
  const said = (name) => JSON.parse(head.__metadata__[name]);
  const [steps, count] = [column("id"), column("id").length];
  const ids = new Float64Array(count);
  for (let row = 0, id = 0; row < count; row += 1) { id += steps[row]; ids[row] = id; }
  const place = (/** @type {Uint16Array} */ column) => Float32Array.from(column, (value) => (2 * value) / STEPS - 1);
  const [cluster, clusters] = [column("cluster"), said("clusters")];
  const sizes = new Uint32Array(clusters.length + 1);
  for (let row = 0; row < count; row += 1) sizes[cluster[row]] += 1;
  return {
    count, ids, x: place(column("x")), y: place(column("y")),
    cluster, class: column("class"), bank: column("bank"), age: column("age"),
    clusters, classes: said("classes"), banks: said("banks"), newest: new Date(said("newest")), sizes,
  };
}

/** The row of an image; -1 where it is not on the map. @param {Columns} map @param {number} id */
export function rowOf(map, id) {
  let [low, high] = [0, map.count - 1];
  while (low <= high) {
    const middle = (low + high) >> 1;
    if (map.ids[middle] === id) return middle;
    if (map.ids[middle] < id) low = middle + 1;
    else high = middle - 1;
  }
  return -1;
}

/** Group all points by one of their properties. @param {Columns} map @param {By} by @returns {Grouping} */
export function groupBy(map, by) {
  if (by === "age") return byAge(map);
  const named = {
    cluster: () => map.clusters.map(([id, name]) => ({ key: String(id), name })),
    class: () => map.classes.map((name) => ({ key: name, name: name.replaceAll("_", " ") })),
    bank: () => map.banks.map(([name, kind]) => ({ key: name, name: `${name} (${kind})` })),
  }[by]();
  const shown = named.slice(0, COLOURS);
  const nouns = { cluster: "clusters", class: "classes", bank: "banks" };
  const none = { cluster: "in no cluster", class: "without a class", bank: "in no bank" }[by];
  const groups = shown.map((each, place) => ({ ...each, swatch: `c${place + 1}`, count: 0 }));
  groups.push({ key: "~other", name: `${(named.length - shown.length).toLocaleString("en")} more ${nouns[by]}`, swatch: "other", count: 0 });
  groups.push({ key: "~none", name: none, swatch: "without", count: 0 });
  const [column, of] = [map[by], new Uint8Array(map.count)];
  for (let row = 0; row < map.count; row += 1) {
    const place = column[row];
    of[row] = place === 0 ? shown.length + 1 : place <= shown.length ? place - 1 : shown.length;
    groups[of[row]].count += 1;
  }
  return { groups, of };
}

/** @param {Columns} map @returns {Grouping} */
function byAge(map) {
  const groups = AGES.map(([, key, name], place) => ({ key, name, swatch: `a${place + 1}`, count: 0 }));
  const of = new Uint8Array(map.count);
  for (let row = 0; row < map.count; row += 1) {
    let place = 0;
    while (map.age[row] >= AGES[place][0]) place += 1;
    of[row] = place;
    groups[place].count += 1;
  }
  return { groups, of };
}

/** What is said of a point. @param {Columns} map @param {number} row */
export function describe(map, row) {
  const [cluster, bank] = [map.clusters[map.cluster[row] - 1], map.banks[map.bank[row] - 1]];
  return {
    id: map.ids[row],
    cluster: cluster?.[1] ?? "",
    clusterId: cluster?.[0] ?? 0,
    class: (map.classes[map.class[row] - 1] ?? "").replaceAll("_", " "),
    bank: bank?.[0] ?? "",
    added: new Date(map.newest.getTime() - map.age[row] * 3_600_000),
  };
}
