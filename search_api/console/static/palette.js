// @ts-check
// Palette: go anywhere, do anything that the page offers, or look something up.

/** @typedef {{name: string, hint: string, run: () => void}} Choice */

const dialog = () => /** @type {HTMLDialogElement} */ (document.getElementById("palette"));

/** @returns {Choice[]} */
function choices() {
  /** @type {Choice[]} */
  const found = [];
  for (const link of document.querySelectorAll("a[data-go]")) {
    const name = link.querySelector(".label")?.textContent ?? "";
    found.push({ name: `Go to ${name}`, hint: `g ${link.getAttribute("data-go")}`, run: () => /** @type {HTMLElement} */ (link).click() });
  }
  for (const each of document.querySelectorAll("main :is(button, a)[data-command]")) {
    if (each instanceof HTMLButtonElement && each.disabled) continue;
    found.push({ name: each.getAttribute("data-command") ?? "", hint: each.getAttribute("data-key") ?? "", run: () => /** @type {HTMLElement} */ (each).click() });
  }
  return found;
}

/** @param {string} text @returns {Choice[]} */
function matching(text) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const found = choices().filter((each) => words.every((word) => each.name.toLowerCase().includes(word)));
  if (text.trim()) {
    const query = encodeURIComponent(text.trim());
    found.push({ name: `Search for “${text.trim()}”`, hint: "id, hash or URL", run: () => { location.href = `/console/search?q=${query}`; } });
  }
  return found;
}

function draw(/** @type {HTMLInputElement} */ field, /** @type {HTMLUListElement} */ list, /** @type {number} */ at) {
  const found = matching(field.value);
  const chosen = Math.min(Math.max(at, 0), found.length - 1);
  list.replaceChildren(...found.map((each, place) => {
    const row = document.createElement("li");
    row.id = `choice-${place}`;
    row.setAttribute("role", "option");
    row.setAttribute("aria-selected", String(place === chosen));
    const name = document.createElement("span");
    name.textContent = each.name;
    const hint = document.createElement("span");
    hint.className = "dim small";
    hint.textContent = each.hint;
    row.append(name, hint);
    row.addEventListener("click", () => { dialog().close(); each.run(); });
    return row;
  }));
  field.setAttribute("aria-activedescendant", chosen < 0 ? "" : `choice-${chosen}`);
  list.children[chosen]?.scrollIntoView({ block: "nearest" });
  return chosen;
}

/** Open it. */
export function openPalette() {
  const field = document.createElement("input");
  const list = document.createElement("ul");
  list.id = "palette-list";
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-label", "Choices");
  for (const [name, value] of Object.entries({ type: "text", role: "combobox", "aria-label": "Go to or do", "aria-expanded": "true", "aria-controls": "palette-list", placeholder: "Go to, do, or look up an id, hash or URL", autocomplete: "off", spellcheck: "false" })) field.setAttribute(name, value);
  let at = 0;
  field.addEventListener("input", () => { at = draw(field, list, 0); });
  field.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) { event.preventDefault(); at = draw(field, list, at + step); }
    if (event.key === "Enter") { event.preventDefault(); /** @type {HTMLElement | undefined} */ (list.children[at])?.click(); }
  });
  dialog().replaceChildren(field, list);
  at = draw(field, list, 0);
  dialog().showModal();
  field.focus();
}
