// Plots, drawn by Observable Plot from what the figures carry.
import { lineY, dot, plot, rectY, ruleY } from "@observablehq/plot";

export function drawPlots() {
  for (const figure of document.querySelectorAll("[data-growth]")) drawGrowth(figure);
  for (const figure of document.querySelectorAll("[data-within]")) drawWithin(figure);
}

function drawGrowth(figure) {
  const periods = JSON.parse(figure.dataset.growth).map(([begun, added]) => ({ begun: new Date(begun), added }));
  if (!periods.length) return;
  const spark = figure.classList.contains("spark");
  const [from, to] = JSON.parse(figure.dataset.days).map((begun) => new Date(begun));
  const { unit } = figure.dataset;
  const length = unit === "hour" ? 3_600_000 : 86_400_000;
  const end = new Date(to.getTime() + length);
  const start = new Date(Math.min(from.getTime(), end.getTime() - 14 * length));
  figure.append(
    plot({
      width: spark ? 140 : 720,
      height: spark ? 28 : 160,
      marginTop: spark ? 2 : 12,
      marginBottom: spark ? 2 : 24,
      marginLeft: spark ? 2 : 40,
      marginRight: spark ? 2 : 12,
      ariaLabel: figure.dataset.label,
      style: { background: "none", overflow: "visible" },
      x: { type: "utc", domain: [start, end], axis: spark ? null : "bottom", label: null },
      y: { axis: spark ? null : "left", label: spark ? null : "added", grid: !spark, ticks: 4, tickFormat: "s" },
      marks: [
        rectY(periods, {
          x: "begun",
          y: "added",
          interval: unit,
          fill: "var(--accent)",
          insetLeft: 0,
          insetRight: spark ? 0 : 0.5,
        }),
        ruleY([0], { stroke: "currentColor", strokeOpacity: 0.35 }),
      ],
    }),
  );
}

function drawWithin(figure) {
  const rows = JSON.parse(figure.dataset.within).map(([distance, share]) => ({ distance, share }));
  if (!rows.length) return;
  figure.append(
    plot({
      width: 460,
      height: 200,
      marginLeft: 44,
      marginBottom: 36,
      ariaLabel: figure.dataset.label,
      style: { background: "none", overflow: "visible" },
      x: { label: "cosine distance from the medoid, at most" },
      y: { domain: [0, 1], percent: false, tickFormat: (value) => `${Math.round(100 * value)} %`, grid: true, label: "members kept", ticks: 5 },
      marks: [
        lineY(rows, { x: "distance", y: "share", stroke: "var(--accent)", strokeWidth: 2 }),
        dot(rows, { x: "distance", y: "share", fill: "var(--accent)", r: 3 }),
      ],
    }),
  );
}
