// Plots, drawn by Observable Plot from what the figures carry.
import { lineY, dot, plot, rectY, ruleY } from "@observablehq/plot";

export function drawPlots() {
  for (const figure of document.querySelectorAll("[data-growth]")) drawGrowth(figure);
  for (const figure of document.querySelectorAll("[data-within]")) drawWithin(figure);
}

function drawGrowth(figure) {
  const days = JSON.parse(figure.dataset.growth).map(([day, added]) => ({
    day: new Date(`${day}T00:00:00Z`),
    added,
  }));
  if (!days.length) return;
  const spark = figure.classList.contains("spark");
  const [from, to] = JSON.parse(figure.dataset.days).map((day) => new Date(`${day}T00:00:00Z`));
  const end = new Date(to.getTime() + 86_400_000);
  const start = new Date(Math.min(from.getTime(), end.getTime() - 14 * 86_400_000));
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
        rectY(days, {
          x: "day",
          y: "added",
          interval: "day",
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
