// The map: every image a point, drawn by regl-scatterplot where there is WebGL.
import { createScatterplot } from "scatterplot";
import { decode, paint, PALETTE } from "./points.js";

const LABELS = 12;
const still = matchMedia("(prefers-reduced-motion: reduce)");
const dark = matchMedia("(prefers-color-scheme: dark)");

export function drawMap(root, data) {
  const points = decode(data);
  const printed = root.querySelector("img.printed");
  printed.src = paint(points, data.clusters, 1400, 880);
  if (!document.createElement("canvas").getContext("webgl")) {
    root.classList.add("without-webgl");
    return;
  }
  try {
    new Plane(root, data.clusters, points).draw();
  } catch (error) {
    if (!(error instanceof EvalError)) throw error;
    root.classList.add("without-webgl"); // a command that this browser needs was not compiled ahead
  }
}

export class Plane {
  constructor(root, clusters, points) {
    this.root = root;
    this.clusters = clusters;
    this.points = points;
    this.stage = root.querySelector(".stage");
    this.tip = root.querySelector(".tip");
    this.said = root.querySelector("[role=status]");
    this.choice = root.querySelector("select");
    this.members = clusters.map(() => []);
    points.cluster.forEach((place, row) => place > 0 && this.members[place - 1].push(row));
    const { width, height } = this.stage.getBoundingClientRect();
    this.plot = createScatterplot({
      canvas: root.querySelector("canvas"),
      width,
      height,
      aspectRatio: 1,
      pointSize: points.count > 20_000 ? 2.5 : points.count > 2_000 ? 4 : 7,
      pointSizeSelected: 2,
      pointColor: [this.colour("--noise"), ...PALETTE],
      pointColorActive: this.colour("--text"),
      pointColorHover: this.colour("--text"),
      colorBy: "valueA",
      opacity: points.count > 20_000 ? 0.55 : 0.8,
      backgroundColor: this.colour("--stage"),
      lassoColor: this.colour("--accent"),
      showReticle: false,
      spatialIndexUseWorker: false,
      mouseMode: "panZoom",
    });
    this.labels = this.makeLabels();
  }

  colour(name) {
    return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  }

  async draw() {
    const { x, y, colour } = this.points;
    this.plot.subscribe("pointover", (row) => this.hover(row));
    this.plot.subscribe("pointout", () => (this.tip.hidden = true));
    this.plot.subscribe("select", ({ points }) => this.chosen(points));
    this.plot.subscribe("deselect", () => this.show(0));
    this.plot.subscribe("view", () => this.placeLabels());
    await this.plot.draw({ x, y, valueA: colour }, { zDataType: "categorical" });
    this.listen();
    this.placeLabels();
    this.root.dataset.drawn = String(this.points.count);
  }

  listen() {
    this.choice.addEventListener("change", () => this.show(Number(this.choice.value), true));
    this.root.querySelector("button.reset").addEventListener("click", () => {
      this.plot.reset();
      this.show(0);
    });
    for (const button of document.querySelectorAll("button[data-show]")) {
      button.addEventListener("click", () => {
        this.root.scrollIntoView({ behavior: still.matches ? "auto" : "smooth" });
        this.show(Number(button.dataset.show), true);
      });
    }
    dark.addEventListener("change", () => {
      this.plot.set({
        backgroundColor: this.colour("--stage"),
        pointColor: [this.colour("--noise"), ...PALETTE],
        pointColorActive: this.colour("--text"),
        pointColorHover: this.colour("--text"),
      });
    });
    new ResizeObserver(([entry]) => {
      const { width, height } = entry.contentRect;
      if (width && height) this.plot.set({ width, height });
      requestAnimationFrame(() => this.placeLabels());
    }).observe(this.stage);
  }

  hover(row) {
    const place = this.points.cluster[row];
    const [x, y] = this.plot.getScreenPosition(row) ?? [0, 0];
    const named = place ? this.clusters[place - 1] : null;
    const size = named ? `, ${named.size.toLocaleString("en")} images` : "";
    this.tip.textContent = `${named ? named.name : "In no cluster"}${size} · image ${this.points.id[row]}`;
    this.tip.style.transform = `translate(${Math.round(x + 12)}px, ${Math.round(y + 12)}px)`;
    this.tip.hidden = false;
  }

  chosen(rows) {
    const places = new Set(rows.map((row) => this.points.cluster[row]));
    if (places.size === 1) {
      this.show([...places][0]);
      return;
    }
    places.delete(0);
    this.say(`${rows.length.toLocaleString("en")} images of ${places.size} clusters are selected.`);
  }

  // Select all members of the cluster at a place (from 1; 0 for none).
  show(place, zoom = false) {
    this.choice.value = String(this.choice.querySelector(`option[value="${place}"]`) ? place : 0);
    const rows = place ? this.members[place - 1] : [];
    if (!rows.length) {
      this.plot.deselect({ preventEvent: true });
      this.say("");
      return;
    }
    this.plot.select(rows, { preventEvent: true });
    if (zoom) {
      this.plot.zoomToPoints(rows, { padding: 0.4, transition: !still.matches, transitionDuration: 400 });
    }
    const { id, name, size } = this.clusters[place - 1];
    this.say(`${name}: ${size.toLocaleString("en")} images. `);
    if (document.getElementById(`cluster-${id}`)) {
      const link = document.createElement("a");
      link.href = `#cluster-${id}`;
      link.textContent = "Read about it";
      this.said.append(link);
    }
  }

  say(text) {
    this.said.textContent = text;
  }

  makeLabels() {
    const box = this.root.querySelector(".labels");
    return this.clusters
      .map((cluster, place) => ({ cluster, row: this.points.rowOf.get(cluster.medoid), place }))
      .filter(({ row }) => row !== undefined)
      .slice(0, LABELS)
      .map(({ cluster, row }) => {
        const label = document.createElement("span");
        label.textContent = cluster.name;
        box.append(label);
        return { label, row };
      });
  }

  // Names stand at the medoids of the largest clusters, where no larger one's name is in the way.
  placeLabels() {
    const { width, height } = this.stage.getBoundingClientRect();
    const taken = [];
    for (const { label, row } of this.labels) {
      const [x, y] = this.plot.getScreenPosition(row) ?? [-1, -1];
      const half = label.offsetWidth / 2 + 4;
      const free = taken.every(([a, b, c]) => Math.abs(a - x) > half + c || Math.abs(b - y) > 20);
      const shown = free && x > half && x < width - half && y > 24 && y < height;
      label.style.visibility = shown ? "visible" : "hidden";
      label.style.transform = `translate(${Math.round(x - half + 4)}px, ${Math.round(y - 26)}px)`;
      if (shown) taken.push([x, y, half]);
    }
  }
}
