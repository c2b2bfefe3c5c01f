// Brings a report to life. Everything is readable without it, but for the map and the plots.
import { drawMap } from "./map.js";
import { drawPlots } from "./plots.js";
import { makeSortable } from "./tables.js";

drawPlots();
document.querySelectorAll("table.sortable").forEach(makeSortable);
for (const button of document.querySelectorAll("button.picture")) {
  button.addEventListener("click", () => {
    const revealed = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", String(revealed));
  });
}
const pictures = document.getElementById("pictures");
if (pictures) {
  const chosen = document.documentElement.dataset;
  const shown = [...document.querySelectorAll("button.picture")];
  for (const choice of pictures.querySelectorAll("select")) {
    choice.addEventListener("change", () => {
      chosen[choice.name] = choice.value;
      if (choice.name === "veil") shown.forEach((button) => button.setAttribute("aria-pressed", "false"));
    });
  }
}
const map = document.getElementById("map");
if (map) drawMap(map, JSON.parse(document.getElementById("points").textContent));
