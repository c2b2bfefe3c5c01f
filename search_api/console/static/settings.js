// @ts-check
// Settings of one person, kept in this browser.
import { bind, bindings, keep, keysOf, preferences, written } from "./keys.js";
import { pull, push } from "./preferences.js";
import { REVIEW_KEYS } from "./review_keys.js";
import { toast } from "./toasts.js";

// Keys of the review desk can be chosen here; they work there.
for (const key of REVIEW_KEYS) {
  if (!bindings().some((each) => each.id === key.id)) bind({ ...key, layer: "island", when: () => false, run: () => undefined });
}

/** @param {Partial<import("./preferences.js").Preferences>} changes */
const save = (changes) => push(changes).catch((error) => toast(`Not kept: ${error.message}`, { wrong: true }));

for (const box of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("[data-setting]"))) {
  box.addEventListener("change", (event) => {
    const field = /** @type {HTMLInputElement} */ (event.target);
    const value = box.dataset.setting === "break_minutes" || box.dataset.setting === "strength" ? Number(field.value) || null : field.value;
    save({ [box.dataset.setting ?? ""]: value });
  });
}

/** @param {Record<string, any>} settings */
function fill(settings) {
  for (const box of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("[data-setting]"))) {
    const value = String(settings[box.dataset.setting ?? ""] ?? "");
    for (const field of /** @type {NodeListOf<HTMLInputElement>} */ (box.querySelectorAll("input"))) {
      if (field.type === "radio") field.checked = field.value === value;
      else field.value = value;
    }
  }
}

/** @param {ReturnType<typeof preferences>} next */
function keepKeys(next) {
  keep(next);
  save({ keys_enabled: !next.off, keys: next.keys ?? {} });
}

const single = /** @type {HTMLInputElement} */ (document.querySelector("[data-keys-on]"));
single.checked = !preferences().off;
single.addEventListener("change", () => keepKeys({ ...preferences(), off: !single.checked }));

const table = /** @type {HTMLElement} */ (document.querySelector("[data-remap]"));

/** @param {import("./keys.js").Binding} binding @param {HTMLInputElement} field */
function remap(binding, field) {
  const wanted = field.value.trim();
  const taken = bindings().find((each) => each !== binding && each.layer === binding.layer && keysOf(each) === wanted);
  if (wanted && taken) {
    toast(`“${wanted}” is already ${taken.name}. Choose another key.`, { wrong: true });
    field.value = keysOf(binding);
    return;
  }
  const keys = { ...preferences().keys };
  if (wanted && wanted !== binding.keys) keys[binding.id] = wanted;
  else delete keys[binding.id];
  keepKeys({ ...preferences(), keys });
  field.value = keysOf(binding);
}

function draw() {
  table.replaceChildren(...bindings().map((binding) => {
    const label = document.createElement("label");
    const name = document.createElement("span");
    name.textContent = binding.name;
    const field = document.createElement("input");
    field.value = keysOf(binding);
    field.placeholder = written(binding.keys);
    field.size = 8;
    field.addEventListener("change", () => remap(binding, field));
    label.append(name, field);
    return label;
  }));
}

document.querySelector("[data-keys-reset]")?.addEventListener("click", () => {
  const before = preferences();
  keepKeys({ ...before, keys: {} });
  draw();
  toast("All keys are as they were.", { undo: () => { keepKeys(before); draw(); } });
});
single.disabled = true;
pull().then(fill, () => undefined).then(() => {
  keep(JSON.parse(localStorage.getItem("lookalike.keys") ?? "{}"));
  single.checked = !preferences().off;
  single.disabled = false;
  draw();
});
