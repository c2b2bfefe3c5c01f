// @ts-check
// Review desk: one item after the other, or a family at once, without leaving the document.
import { bind, bindings, keysOf, written } from "./keys.js";
import { LeaseClock } from "./lease_clock.js";
import { inspect } from "./inspection.js";
import { insert, send } from "./markup.js";
import { membersOf } from "./members.js";
import { Outbox } from "./outbox.js";
import { keyOf } from "./review_keys.js";
import { askForBank, release } from "./review_requests.js";
import { toast } from "./toasts.js";
import { countDay } from "./workday.js";

const AHEAD = 4; // items that are ready behind the one that is shown
const MOST = 24; // items that a person has
const UNDO = 10; // decisions that can be taken back
const NEXT = "next item"; // measure of the time from a key to the next item on the screen

/**
 * @typedef {object} Card items that are decided together: one, or a family
 * @property {number[]} ids
 * @property {HTMLElement} element
 *
 * @typedef {object} Undoable what can be taken back
 * @property {Card} card
 * @property {number[]} ids
 * @property {string} words
 * @property {boolean} skipped
 */

const desk = /** @type {HTMLElement} */ (document.querySelector("[data-island='review']"));
const { queue = "", bank = "", severity = "" } = desk.dataset;
/** @param {string} name */
const part = (name) => /** @type {HTMLElement} */ (desk.querySelector(`[data-${name}]`));
const stage = part("stage");
const note = /** @type {HTMLTextAreaElement} */ (desk.querySelector("[data-note]"));
const reasons = /** @type {HTMLInputElement[]} */ ([...desk.querySelectorAll("[data-reasons] input")]);

/** @type {Card[]} */
let held = [];
let at = 0;
/** @type {Undoable[]} */
const undoable = [];
/** @type {string | null} */
let waiting = null; // outcome that waits for its reason
let open = 0; // items in the queue, as the server said last
let loading = false;
let isFamily = desk.dataset.family === "true";
const today = countDay(desk);
const clock = new LeaseClock(desk, renew);

const current = () => held[at];
const isFamilyCard = (/** @type {Card | undefined} */ card) => card?.element.dataset.family !== undefined;
const members = membersOf(() => current()?.element);
const inspection = inspect(() => current()?.element);

// --- what the server keeps -----------------------------------------------------------------------

const outbox = new Outbox({
  changed(unsaved, failing) {
    part("saved").classList.toggle("failing", failing);
    const words = failing ? `${unsaved} not yet saved: sent again when the server answers` : `${unsaved} being saved`;
    part("saved-words").textContent = unsaved ? words : "All saved";
  },
  saved(_, answer) {
    for (const each of answer.left_out ?? []) refuse([each.id], each.brief);
  },
  refused: (request, words) => refuse(request.ids, words, request.path.endsWith("/undo")),
});

/** Say why something was not saved, and forget the items. @param {number[]} ids @param {string} words @param {boolean} [undone] */
function refuse(ids, words, undone = false) {
  const place = undoable.findIndex((each) => each.ids.join() === ids.join());
  if (place >= 0) undoable.splice(place, 1);
  today.decided(undone ? ids.length : -ids.length);
  toast(`Not ${undone ? "taken back" : "saved"}: ${words}`, { wrong: true });
  drop(ids);
}

/** @param {number[]} ids */
function drop(ids) {
  const shown = current();
  held = held.filter((card) => !card.ids.every((id) => ids.includes(id)));
  at = Math.max(0, held.indexOf(shown));
  draw();
  refill();
}

/** @param {object} wanted */
async function lease(wanted) {
  if (loading) return;
  loading = true;
  try {
    const body = new URLSearchParams({ bank, severity, ...wanted });
    for (const [name, value] of [...body]) if (value === "") body.delete(name);
    const { ok, html } = await send(`/console/review/${queue}/cards`, body);
    const ahead = part("ahead");
    await insert(html, ahead);
    if (!ok) throw new Error("refused");
    open = Number(ahead.querySelector("[data-open]")?.getAttribute("data-open") ?? open);
    if (!held.length) clock.begin();
    const cards = [...ahead.querySelectorAll("[data-card]")].map((element) => cardOf(/** @type {HTMLElement} */ (element)));
    const known = new Set([...held, ...outbox.pending].flatMap(({ ids }) => ids));
    held.push(...cards.filter((card) => !card.ids.some((id) => known.has(id))));
    if (!held.length) stage.replaceChildren(...ahead.querySelectorAll("[data-none]"));
    ahead.replaceChildren();
  } catch {
    setTimeout(refill, 3000);
  } finally {
    loading = false;
  }
}

/** Take a card out of the page; its pictures are decoded before it is shown. @param {HTMLElement} element @returns {Card} */
function cardOf(element) {
  element.remove();
  for (const lazy of element.querySelectorAll("img")) {
    const ready = /** @type {HTMLImageElement} */ (lazy.cloneNode());
    ready.loading = "eager";
    ready.decode().catch(() => undefined);
    lazy.replaceWith(ready);
  }
  return { ids: JSON.parse(element.dataset.ids ?? "[]"), element };
}

/** Fetch items while few are left. */
async function refill() {
  if (held.length - at > (isFamily ? 1 : AHEAD) || held.length >= MOST || loading) return;
  if (!held.length) await outbox.idle();
  const before = current();
  await lease(isFamily ? { family: "true" } : { limit: String(AHEAD + 1) });
  if (current() !== before || !before) draw();
  else state();
}

// --- what is seen --------------------------------------------------------------------------------

function draw() {
  const card = current();
  if (card && stage.firstElementChild !== card.element) {
    stage.replaceChildren(card.element);
    scrollTo({ top: 0 });
    card.element.focus({ preventScroll: true });
    if (isFamilyCard(card)) members.focus();
  } else if (!card && !stage.querySelector("[data-none]")) {
    stage.replaceChildren(Object.assign(document.createElement("div"), { className: "card skeleton item", textContent: "Getting the next items…" }));
  }
  state();
}

function state() {
  const rest = Math.max(open, held.length);
  part("progress").textContent = current() ? `${today.count()} decided today, ${rest.toLocaleString()} open here` : "";
  for (const button of /** @type {NodeListOf<HTMLButtonElement>} */ (desk.querySelectorAll(".desk-foot [data-key]"))) {
    const key = button.dataset.key ?? "";
    button.disabled = key === "undo" ? !undoable.length : key !== "end" && !current();
    if (key === "compare") button.disabled ||= !current()?.element.dataset.match || isFamilyCard(current());
    if (key === "family") button.setAttribute("aria-pressed", String(isFamilyCard(current())));
    if (key === "bank") button.disabled ||= isFamilyCard(current()) || !(current()?.element.dataset.image || current()?.element.dataset.sha256);
    if (key === "reveal") button.disabled ||= !inspection.picture();
  }
  clock.draw(held.reduce((sum, card) => sum + card.ids.length, 0));
}

// --- leases --------------------------------------------------------------------------------------

async function renew() {
  const unsaved = new Set(outbox.pending.flatMap((request) => request.ids));
  const ids = held.flatMap((card) => card.ids).filter((id) => !unsaved.has(id));
  const kept = await clock.renew(ids);
  const lost = kept ? ids.filter((id) => !kept.has(id)) : [];
  if (lost.length) {
    const which = lost.length === 1 ? `Review ${lost[0]} is` : `Reviews ${lost.join(", ")} are`;
    toast(`${which} with another person now, or settled: your lease had ended.`, { wrong: true });
    drop(lost);
  }
  state();
}

addEventListener("pagehide", () => release(held.flatMap((card) => card.ids)));
addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });

// --- deciding ------------------------------------------------------------------------------------

const chosenReason = () => reasons.find((field) => field.checked)?.value ?? null;

/** @param {string} outcome */
function decide(outcome) {
  const card = current();
  if (!card) return;
  const began = performance.now();
  if (desk.dataset.needsReason && !chosenReason()) {
    waiting = outcome;
    const missing = part("reason-missing");
    missing.hidden = false;
    missing.textContent = `Choose the reason: then it is ${outcome}.`;
    reasons[0].focus();
    return;
  }
  const ids = isFamilyCard(card) ? members.chosen() : card.ids;
  if (!ids.length) { toast("No member of the family is selected. Press x on those that you mean.", { wrong: true }); return; }
  const said = { outcome, ...(chosenReason() ? { reason: chosenReason() } : {}), ...(note.value.trim() ? { note: note.value.trim() } : {}) };
  if (isFamilyCard(card)) outbox.send("/v1/reviews/decisions", { ids, ...said }, ids);
  else outbox.send(`/v1/reviews/${ids[0]}/decision`, said, ids);
  today.decided(ids.length);
  open -= ids.length;
  advance(card, ids, { words: `${ids.length > 1 ? `${ids.length} items` : `Review ${ids[0]}`}: ${outcome}.`, skipped: false }, began);
}

/** @param {Card} card @param {number[]} ids @param {{words: string, skipped: boolean}} told @param {number} began */
function advance(card, ids, told, began) {
  undoable.push({ card, ids, ...told });
  if (undoable.length > UNDO) undoable.shift();
  held.splice(at, 1);
  const rest = card.ids.filter((id) => !ids.includes(id));
  if (rest.length) held.splice(at, 0, members.without(card, ids));
  at = Math.min(at, Math.max(0, held.length - 1));
  note.value = "";
  draw();
  requestAnimationFrame(() => requestAnimationFrame(() => performance.measure(NEXT, { start: began, end: performance.now() })));
  part("announce").textContent = told.words;
  refill();
}

function skip() {
  const card = current();
  if (!card) return;
  const began = performance.now();
  for (const id of card.ids) outbox.send(`/v1/reviews/${id}/skip`, {}, [id]);
  advance(card, card.ids, { words: "Skipped, to the end of the queue.", skipped: true }, began);
}

function undo() {
  const last = undoable.pop();
  if (!last) return;
  const { card, ids, skipped } = last;
  if (!skipped) {
    today.decided(-ids.length);
    open += ids.length;
    if (!outbox.recall(ids)) for (const id of ids) outbox.send(`/v1/reviews/${id}/undo`, {}, [id]);
  } else for (const id of ids) if (!outbox.recall([id])) send(`/console/review/${queue}/cards`, new URLSearchParams({ item: String(id), limit: "1" }));
  held = held.filter((each) => !each.ids.some((id) => card.ids.includes(id)));
  at = Math.min(at, held.length);
  held.splice(at, 0, card);
  draw();
  part("announce").textContent = `Taken back: ${last.words}`;
  refill();
}

/** @param {number} step */
async function move(step) {
  if (at + step >= held.length && held.length < MOST) await lease({ limit: String(AHEAD + 1) });
  at = Math.min(Math.max(0, at + step), Math.max(0, held.length - 1));
  draw();
}

async function toggleFamily() {
  const card = current();
  if (!card) return;
  isFamily = !isFamilyCard(card);
  const [first] = card.ids;
  const before = held.flatMap((each) => each.ids);
  if (!isFamily) await release(before);
  held = [];
  at = 0;
  stage.replaceChildren();
  await lease(isFamily ? { family: "true", item: String(first) } : { item: String(first) });
  if (isFamily && !isFamilyCard(current())) { isFamily = false; toast("It has no family: no other open item is of its cluster, or matches the same entry."); }
  if (isFamily) release(before.filter((id) => !current()?.ids.includes(id)));
  draw();
  refill();
}

async function end() {
  await outbox.idle();
  await release(held.flatMap((card) => card.ids));
  held = [];
  location.href = "/console/review";
}

// --- keys and buttons ----------------------------------------------------------------------------

/** @type {Record<string, () => void>} */
const acts = {
  confirm: () => decide("confirmed"),
  reject: () => decide("rejected"),
  escalate: () => decide("escalated"),
  skip,
  undo,
  next: () => move(1),
  previous: () => move(-1),
  compare: inspection.compare,
  evidence: inspection.evidence,
  note: () => note.focus(),
  bank: () => askForBank(() => current()?.element.dataset ?? {}),
  family: toggleFamily,
  end,
};
/** @param {string} id */
const button = (id) => /** @type {HTMLButtonElement | null} */ (desk.querySelector(`.desk-foot [data-key="${id}"]`));
for (const [id, run] of Object.entries(acts)) {
  bind({ ...keyOf(id), layer: "island", when: () => !button(id)?.disabled, run });
  button(id)?.addEventListener("click", run);
}
const canReveal = () => Boolean(current()) && !document.activeElement?.matches("button, summary, input, a:not(.picture)");
bind({ ...keyOf("reveal"), layer: "island", when: canReveal, run: inspection.hold, end: inspection.cover });
inspection.bindButton(button("reveal"));

reasons.slice(0, 6).forEach((field, place) => bind({
  id: `reason-${place + 4}`, keys: String(place + 4), name: `Reason: ${field.parentElement?.querySelector("span")?.textContent}`, group: "Review", layer: "island", run: () => field.click(),
}));
for (const field of reasons) field.addEventListener("change", () => {
  part("reason-missing").hidden = true;
  for (const text of desk.querySelectorAll("[data-policy]")) text.classList.toggle("chosen", text.getAttribute("data-policy") === field.value);
  if (waiting) { const outcome = waiting; waiting = null; decide(outcome); }
});
for (const cap of desk.querySelectorAll("[data-cap]")) {
  const binding = bindings().find((each) => each.id === cap.getAttribute("data-cap"));
  if (binding) cap.textContent = written(keysOf(binding));
}
members.bind();

await lease({ ...(isFamily ? { family: "true" } : {}), ...(desk.dataset.item ? { item: desk.dataset.item } : { resume: isFamily ? "" : "true" }) });
draw();
refill();
