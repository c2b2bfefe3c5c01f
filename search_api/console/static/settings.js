// @ts-check
// Settings of one person, kept in this browser.
import { bindings, keep, keysOf, preferences, written } from "./keys.js";
import { toast } from "./toasts.js";

/** @param {string} box @param {string} store @param {(value: string) => void} apply */
function choice(box, store, apply) {
  const fields = /** @type {NodeListOf<HTMLInputElement>} */ (document.querySelectorAll(`[${box}] input`));
  const kept = localStorage.getItem(store) ?? "";
  for (const field of fields) {
    if (kept) field.checked = field.value === kept;
    field.addEventListener("change", () => { localStorage.setItem(store, field.value); apply(field.value); });
  }
}

choice("data-theme-choice", "lookalike.theme", (value) => {
  if (value) document.documentElement.dataset.theme = value;
  else delete document.documentElement.dataset.theme;
});
choice("data-veil-choice", "lookalike.veil", () => toast("Pages that you open from now on have this veil."));

const single = /** @type {HTMLInputElement} */ (document.querySelector("[data-keys-on]"));
single.checked = !preferences().off;
single.addEventListener("change", () => keep({ ...preferences(), off: !single.checked }));

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
  keep({ ...preferences(), keys });
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
  keep({ ...before, keys: {} });
  draw();
  toast("All keys are as they were.", { undo: () => { keep(before); draw(); } });
});
draw();
