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
const map = document.getElementById("map");
if (map) drawMap(map, JSON.parse(document.getElementById("points").textContent));
