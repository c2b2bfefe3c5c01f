// @ts-check
// Keyboard: the one table that binds keys and documents them.

/**
 * @typedef {"page" | "island" | "dialog"} Layer
 * @typedef {object} Binding
 * @property {string} id stable, what a person's own key is kept under
 * @property {string} keys such as "g t", "/", "Ctrl-k"
 * @property {string} name what it does, in words
 * @property {string} group heading in the overlay
 * @property {Layer} layer
 * @property {(event: KeyboardEvent) => void} run
 * @property {(event: KeyboardEvent) => void} [end] when a key that is held is let go
 * @property {() => boolean} [when] whether it applies now
 */

const STORE = "lookalike.keys";
const PAUSE = 1200; // ms between the keys of a sequence

/** @type {Binding[]} */
const table = [];
/** @type {{off?: boolean, keys?: Record<string, string>}} */
let own = read();
let typed = "";
let timer = 0;
/** @type {Map<string, Binding>} */
const held = new Map();

function read() {
  try {
    return JSON.parse(localStorage.getItem(STORE) ?? "{}");
  } catch {
    return {};
  }
}

/** Keep a person's own keys. @param {{off?: boolean, keys?: Record<string, string>}} next */
export function keep(next) {
  own = next;
  localStorage.setItem(STORE, JSON.stringify(own));
}

/** A person's own keys, and whether single keys are off. */
export const preferences = () => own;

/** The keys of a binding, a person's own first. @param {Binding} binding */
export const keysOf = (binding) => own.keys?.[binding.id] ?? binding.keys;

/** Add bindings to the table; a later one replaces one of the same id. @param {Binding[]} bindings */
export function bind(...bindings) {
  for (const binding of bindings) {
    const place = table.findIndex((each) => each.id === binding.id);
    if (place < 0) table.push(binding);
    else table[place] = binding;
  }
}

/** The whole table, in the order it was bound. */
export const bindings = () => [...table];

/** Who owns the keyboard now: a dialog, else an island that is there, else the page. @returns {Layer[]} */
function layers() {
  if (document.querySelector("dialog[open]")) return ["dialog"];
  return document.querySelector("[data-island]") ? ["island", "page"] : ["page"];
}

/** @param {EventTarget | null} target */
function isField(target) {
  if (!(target instanceof HTMLElement)) return false;
  if (target.isContentEditable || target.matches("textarea, select")) return true;
  return target instanceof HTMLInputElement && !target.matches("[type=checkbox], [type=radio], [type=button], [type=submit], [type=file]");
}

/** @param {KeyboardEvent} event */
function spelled(event) {
  const key = event.key === " " ? "Space" : event.key;
  if (event.ctrlKey || event.metaKey) return `Ctrl-${key.toLowerCase()}`;
  if (event.altKey) return "";
  return event.shiftKey && key.length > 1 ? `Shift-${key}` : key;
}

/** @param {KeyboardEvent} event @param {string} keys @returns {Binding | "begun" | undefined} */
function find(event, keys) {
  const inField = isField(event.target);
  let begun = false;
  for (const layer of layers()) {
    for (const binding of table) {
      if (binding.layer !== layer || (binding.when && !binding.when())) continue;
      const wanted = keysOf(binding);
      const plain = !wanted.startsWith("Ctrl-") && wanted !== "Escape";
      if (plain && (inField || own.off)) continue;
      if (wanted === keys) return binding;
      begun ||= wanted.startsWith(`${keys} `);
    }
  }
  return begun ? "begun" : undefined;
}

/** @param {KeyboardEvent} event */
function press(event) {
  if (event.isComposing || event.defaultPrevented) return;
  const key = spelled(event);
  if (!key || ["Shift", "Control", "Meta", "Alt"].includes(event.key)) return;
  if (held.has(event.key)) { event.preventDefault(); return; }
  clearTimeout(timer);
  const found = (typed && find(event, `${typed} ${key}`)) || find(event, key);
  const sequence = found === "begun" ? (typed && find(event, `${typed} ${key}`) ? `${typed} ${key}` : key) : "";
  typed = sequence;
  if (typed) timer = setTimeout(() => { typed = ""; }, PAUSE);
  if (!found || found === "begun") return;
  if (event.repeat && found.end) return;
  event.preventDefault();
  if (found.end) held.set(event.key, found);
  found.run(event);
}

/** @param {KeyboardEvent} event */
function release(event) {
  const binding = held.get(event.key);
  held.delete(event.key);
  binding?.end?.(event);
}

/** Listen; called once. */
export function listen() {
  document.addEventListener("keydown", press);
  document.addEventListener("keyup", release);
  window.addEventListener("blur", () => {
    for (const [key, binding] of held) { held.delete(key); binding.end?.(new KeyboardEvent("keyup", { key })); }
  });
}

/** Write keys as people read them. @param {string} keys */
export const written = (keys) => keys.replace("Escape", "Esc").replace("Arrow", "").replace(/Ctrl-(.)/, (_, key) => `Ctrl-${key.toUpperCase()}`);

/** Draw the table. @param {Element} into */
export function describe(into) {
  /** @type {Map<string, HTMLDListElement>} */
  const lists = new Map();
  for (const binding of table) {
    let list = lists.get(binding.group);
    if (!list) {
      const section = document.createElement("section");
      const title = document.createElement("h3");
      title.textContent = binding.group;
      list = document.createElement("dl");
      section.append(title, list);
      into.append(section);
      lists.set(binding.group, list);
    }
    const [term, words] = [document.createElement("dt"), document.createElement("dd")];
    for (const key of written(keysOf(binding)).split(" ")) {
      const cap = document.createElement("kbd");
      cap.textContent = key;
      term.append(cap, " ");
    }
    words.textContent = binding.name;
    list.append(term, words);
  }
}
