// @ts-check
// Comparison of two veiled pictures: side by side, flickering or swiped.
import { bind } from "./keys.js";
import { insert } from "./markup.js";

const FLICKER = 600; // ms
const dialog = /** @type {HTMLDialogElement} */ (document.getElementById("compare"));
const board = /** @type {HTMLElement} */ (dialog.querySelector("[data-comparison]"));
let flicker = 0;

/** Show two pictures large. @param {() => Promise<string>} draw returns the server's fragment */
export async function openComparison(draw) {
  board.replaceChildren(Object.assign(document.createElement("div"), { className: "skeleton", textContent: "Looking for shared regions…" }));
  dialog.showModal();
  await insert(await draw(), board);
  choose("side");
}

/** @param {string} mode */
function choose(mode) {
  clearInterval(flicker);
  const box = /** @type {HTMLElement | null} */ (board.querySelector(".comparison"));
  if (!box) return;
  box.dataset.mode = mode;
  const radio = /** @type {HTMLInputElement | null} */ (box.querySelector(`[value="${mode}"]`));
  if (radio) radio.checked = true;
  if (mode === "flicker") flicker = setInterval(() => box.querySelector(".compared:nth-child(2)")?.classList.toggle("on"), FLICKER);
}

board.addEventListener("input", (event) => {
  const field = /** @type {HTMLInputElement} */ (event.target);
  if (field.name === "mode") choose(field.value);
  if (field.name === "cut") /** @type {HTMLElement} */ (board.querySelector(".comparison")).style.setProperty("--cut", `${field.value}%`);
});
dialog.addEventListener("close", () => clearInterval(flicker));
for (const [key, mode, name] of [["1", "side", "Side by side"], ["2", "flicker", "Flicker"], ["3", "swipe", "Swipe"]]) {
  bind({ id: `compare-${mode}`, keys: key, name, group: "Comparison", layer: "dialog", when: () => dialog.open, run: () => choose(mode) });
}
bind({ id: "compare-regions", keys: "x", name: "Shared regions", group: "Comparison", layer: "dialog", when: () => dialog.open, run: () => /** @type {HTMLElement | null} */ (board.querySelector('[name="regions"]'))?.click() });
