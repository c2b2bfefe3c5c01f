// @ts-check
// Every page of the console: keys, toasts, dialogs.
import "./markup.js";
import { bind, describe, listen } from "./keys.js";
import { openPalette } from "./palette.js";
import { askReason, focused, reason, reveal } from "./reveals.js";
import { canUndo, undoLast, watch } from "./toasts.js";

/** @param {string} id */
const dialogOf = (id) => /** @type {HTMLDialogElement | null} */ (document.getElementById(id));

function openHelp() {
  const help = dialogOf("help");
  if (!help) return;
  const head = document.createElement("div");
  head.className = "dialog-head";
  const title = document.createElement("h2");
  title.id = "help-title";
  title.textContent = "Keys";
  const close = document.createElement("button");
  close.type = "button";
  close.textContent = "Close";
  close.dataset.close = "";
  head.append(title, close);
  const body = document.createElement("div");
  body.className = "keys";
  describe(body);
  const hint = document.createElement("p");
  hint.className = "dim small";
  hint.textContent = "Single keys are off in fields. Settings switches them off, or gives them others.";
  help.replaceChildren(head, body, hint);
  help.showModal();
}

/** Up one level: the last link of the path. */
function up() {
  const links = document.querySelectorAll(".crumbs a");
  const active = document.activeElement;
  if (active instanceof HTMLElement && active.matches("input, select, textarea")) { active.blur(); return; }
  /** @type {HTMLElement | undefined} */ (links[links.length - 1])?.click();
}

function toSearch() {
  const field = /** @type {HTMLInputElement | null} */ (document.querySelector("main [data-search]"));
  if (field) { field.focus(); field.select(); } else location.href = "/console/search#q";
}

for (const link of document.querySelectorAll("a[data-go]")) {
  const key = link.getAttribute("data-go") ?? "";
  const name = link.querySelector(".label")?.textContent ?? "";
  bind({ id: `go-${name.toLowerCase()}`, keys: `g ${key}`, name, group: "Go to", layer: "page", run: () => /** @type {HTMLElement} */ (link).click() });
}
/** @type {() => void} */
let cover = () => undefined;

function hold() {
  const image = focused();
  const why = reason();
  if (!image) return;
  if (why) cover = reveal(image, why);
  else askReason();
}

bind(
  { id: "reveal", keys: "Space", name: "Hold: reveal the picture in focus (logged)", group: "Anywhere", layer: "page", when: () => focused() !== null, run: hold, end: () => cover() },
  { id: "search", keys: "/", name: "Search", group: "Anywhere", layer: "page", run: toSearch },
  { id: "palette", keys: "Ctrl-k", name: "Go to or do anything", group: "Anywhere", layer: "page", run: openPalette },
  { id: "help", keys: "?", name: "These keys", group: "Anywhere", layer: "page", run: openHelp },
  { id: "undo", keys: "u", name: "Undo the last action", group: "Anywhere", layer: "page", when: canUndo, run: undoLast },
  { id: "up", keys: "Escape", name: "Out of a field, or up one level", group: "Anywhere", layer: "page", run: up },
);

/** @type {Record<string, (from: HTMLElement) => void>} */
const actions = {
  help: openHelp,
  palette: openPalette,
  print: () => window.print(),
  "close-toast": (from) => from.closest(".toast")?.remove(),
};

document.addEventListener("click", (event) => {
  const from = event.target instanceof Element ? event.target.closest("[data-do], [data-open], [data-close]") : null;
  if (!(from instanceof HTMLElement)) return;
  if (from.dataset.do) actions[from.dataset.do]?.(from);
  if (from.dataset.open) dialogOf(from.dataset.open)?.showModal();
  if (from.dataset.close !== undefined) from.closest("dialog")?.close();
});

// A picture that does not come is said so in words, not by a broken icon.
document.addEventListener("error", (event) => {
  const image = event.target;
  if (!(image instanceof HTMLImageElement) || !image.closest(".picture")) return;
  const words = document.createElement("span");
  words.className = "lacking";
  words.textContent = "no picture kept";
  image.replaceWith(words);
}, true);

// A dialog whose form was carried out closes by itself, and so does a toast whose undo was; not
// before the answer is in its place, which htmx refuses to what is no longer in the page.
document.addEventListener("htmx:finally:request", (event) => {
  const { ctx } = /** @type {any} */ (event).detail;
  if (!ctx.response?.raw.ok) return;
  if (!ctx.sourceElement?.matches?.("[data-keep-open]")) ctx.sourceElement?.closest?.("dialog")?.close();
  if (ctx.sourceElement?.matches?.('[data-key="undo"]')) ctx.sourceElement.closest(".toast")?.remove();
});
document.addEventListener("change", (event) => {
  const field = event.target;
  if (field instanceof HTMLElement && field.closest("form[data-live]")) field.closest("form")?.requestSubmit();
});

// The veil that a person chose, instead of the usual one.
const veil = localStorage.getItem("lookalike.veil") ?? "";
/** @param {ParentNode} root */
function veilAgain(root) {
  if (!veil || veil === "veil=blur&strength=3") return;
  for (const image of /** @type {NodeListOf<HTMLImageElement>} */ (root.querySelectorAll("img[data-veiled]"))) {
    if (image.src.endsWith("veil=blur")) image.src = image.src.replace("veil=blur", veil);
  }
}
document.addEventListener("htmx:after:swap", () => veilAgain(document));
veilAgain(document);

// What the server keeps for this person, once a session.
if (!sessionStorage.getItem("lookalike.synced")) {
  import("./preferences.js").then(({ pull }) => pull()).then(() => sessionStorage.setItem("lookalike.synced", "yes"), () => undefined);
}
const minutes = Number(localStorage.getItem("lookalike.break"));
if (minutes) import("./breaks.js").then(({ remind }) => remind(minutes));

watch();
listen();
if (location.hash === "#q") toSearch();
