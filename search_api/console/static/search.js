// @ts-check
// Search: drop, paste and pick pictures; decide by keys; compare; move the bound.
import { openComparison } from "./comparison.js";
import { bind } from "./keys.js";
import { get, insert, send } from "./markup.js";
import { toast } from "./toasts.js";

const results = /** @type {HTMLElement} */ (document.getElementById("results"));
const form = /** @type {HTMLFormElement} */ (document.querySelector("[data-ask]"));
const drop = /** @type {HTMLElement} */ (document.querySelector("[data-drop]"));
const files = /** @type {HTMLInputElement} */ (document.querySelector("[data-files]"));
/** @type {WeakMap<Element, File>} what a verdict is on: kept in this page's memory, never shown */
const asked = new WeakMap();

/** @param {File} file @param {string} [name] */
function bodyOf(file, name = file.name) {
  const body = new FormData();
  body.append("image", file, name || "pasted");
  return body;
}

/** @param {File} file */
async function ask(file) {
  document.querySelector("[data-empty]")?.remove();
  const waiting = document.createElement("div");
  waiting.className = "card skeleton";
  waiting.setAttribute("aria-label", `Searching with ${file.name}`);
  waiting.textContent = `Searching with ${file.name || "the pasted picture"}…`;
  results.prepend(waiting);
  const bank = String(new FormData(form).get("bank") ?? "");
  try {
    const { ok, html } = await send(`/console/search${bank ? `?bank=${encodeURIComponent(bank)}` : ""}`, bodyOf(file));
    const place = document.createElement("div");
    waiting.replaceWith(place);
    await insert(html, place);
    const verdict = place.querySelector("[data-verdict]");
    if (!ok || !verdict) { place.remove(); return; }
    asked.set(verdict, file);
    place.replaceWith(verdict);
    /** @type {HTMLElement} */ (verdict).focus({ preventScroll: results.children.length > 1 });
  } catch {
    waiting.remove();
    toast(`The server did not answer about ${file.name}. Try again.`, { wrong: true });
  }
}

/** One after the other: the server takes turns anyway. @param {Iterable<File>} list */
async function askAll(list) {
  const pictures = [...list].filter((file) => file.type.startsWith("image/"));
  if (!pictures.length) toast("There is no picture among these files.", { wrong: true });
  for (const file of pictures) await ask(file);
}

document.querySelector("[data-pick]")?.addEventListener("click", () => files.click());
files.addEventListener("change", () => { askAll([...(files.files ?? [])]); files.value = ""; });
document.addEventListener("dragover", (event) => { event.preventDefault(); drop.classList.add("over"); });
document.addEventListener("dragleave", (event) => { if (!event.relatedTarget) drop.classList.remove("over"); });
document.addEventListener("drop", (event) => {
  event.preventDefault();
  drop.classList.remove("over");
  if (event.dataTransfer?.files.length) askAll(event.dataTransfer.files);
});
document.addEventListener("paste", (event) => {
  const pasted = event.clipboardData?.files;
  if (pasted?.length) { event.preventDefault(); askAll(pasted); }
});
form.addEventListener("htmx:after:swap", () => document.querySelector("[data-empty]")?.remove());

/** Where a second person must sign, they are to see the upload, too. */
document.addEventListener("htmx:after:swap", () => {
  for (const waiting of document.querySelectorAll("[data-verdict] [data-awaits]:not([data-sent])")) {
    const file = asked.get(/** @type {Element} */ (waiting.closest("[data-verdict]")));
    waiting.setAttribute("data-sent", "");
    if (file) send(`/console/signatures/${waiting.getAttribute("data-awaits")}/picture`, bodyOf(file)).catch(() => toast("The second person will see the evidence without the picture: it could not be sent.", { wrong: true }));
  }
});

// --- deciding by keys ------------------------------------------------------------------------

/** The verdict that keys act on: the one with the focus, else the first. */
const current = () => document.activeElement?.closest("[data-verdict]") ?? results.querySelector("[data-verdict]");

/** @param {string} key */
const control = (key) => /** @type {HTMLElement | null | undefined} */ (current()?.querySelector(`[data-key="${key}"]`));

/** @param {string} key */
const press = (key) => () => { const found = control(key); if (found?.matches("input, select")) found.focus(); else found?.click(); };

/** @param {number} step */
function move(step) {
  const all = [...results.querySelectorAll("[data-verdict]")];
  const at = all.indexOf(/** @type {Element} */ (current()));
  /** @type {HTMLElement | undefined} */ (all[Math.min(all.length - 1, Math.max(0, at + step))])?.focus();
}

const some = () => current() !== null;
for (const [key, id, name] of [["1", "confirm", "Confirm the match"], ["2", "reject", "Reject the match"], ["3", "escalate", "Escalate"], ["c", "compare", "Compare large"], ["n", "note", "Reason"], ["b", "bank", "Choose a bank"]]) {
  bind({ id, keys: key, name, group: "Verdict", layer: "page", when: some, run: press(id) });
}
bind(
  { id: "next", keys: "j", name: "Next verdict", group: "Verdict", layer: "page", when: some, run: () => move(1) },
  { id: "previous", keys: "k", name: "Previous verdict", group: "Verdict", layer: "page", when: some, run: () => move(-1) },
);

/** @param {Element} verdict */
function compare(verdict) {
  const image = verdict.getAttribute("data-image");
  const file = asked.get(verdict);
  const stored = verdict.querySelector("[data-veiled]")?.getAttribute("data-veiled");
  if (file) openComparison(async () => (await send(`/console/search/compare?image_id=${image}`, bodyOf(file))).html);
  else if (stored) openComparison(() => get(`/console/search/compare?query_image=${stored}&image_id=${image}`));
}

document.addEventListener("click", (event) => {
  const from = event.target instanceof Element ? event.target.closest("[data-do]") : null;
  const verdict = from?.closest("[data-verdict]");
  if (!verdict) return;
  if (from?.getAttribute("data-do") === "compare") compare(verdict);
  if (from?.getAttribute("data-do") === "drop-verdict") verdict.remove();
});

// --- what another bound would change -------------------------------------------------------------

document.addEventListener("input", (event) => {
  const field = event.target;
  const box = field instanceof HTMLInputElement ? field.closest("[data-island-threshold]") : null;
  if (!(box instanceof HTMLElement) || !(field instanceof HTMLInputElement)) return;
  /** @type {number[]} */
  const scores = JSON.parse(box.dataset.scores ?? "[]");
  const [now, then] = [Number(box.dataset.bound), Number(field.value)];
  const count = (/** @type {number} */ bound) => scores.filter((score) => score >= bound).length;
  const [before, after] = [count(now), count(then)];
  const change = after === before ? "as many as now" : `${Math.abs(after - before)} ${after > before ? "more" : "fewer"} than now`;
  /** @type {HTMLOutputElement} */ (box.querySelector("output")).textContent = `${then.toFixed(2)} nats: ${after} of ${scores.length} compared would match, ${change}. Exact and PDQ matches stay.`;
});
