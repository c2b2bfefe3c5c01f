// @ts-check
// Saved views: the filters of a list under a name, for the person alone.
import { csrf } from "./markup.js";
import { toast } from "./toasts.js";

const PATH = "/v1/me/views";
const PLACES = ["after", "before", "item"]; // where one is in a list, which is no filter

/** @param {string} path @param {string} method @param {object} [body] */
async function ask(path, method, body) {
  const response = await fetch(path, {
    method,
    headers: { "Content-Type": "application/json", "X-CSRF-Token": csrf() },
    body: body && JSON.stringify(body),
    keepalive: true, // it is saved even if the person goes on at once
  });
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.detail ?? response.statusText);
  return answer;
}

/** @param {string} text @param {() => void} run */
function button(text, run) {
  const made = document.createElement("button");
  made.type = "button";
  made.textContent = text;
  made.addEventListener("click", run);
  return made;
}

/** @param {HTMLElement} box */
async function draw(box) {
  const screen = box.dataset.views ?? "";
  const path = location.pathname;
  const { items } = await ask(PATH, "GET");
  const mine = items.filter((/** @type {any} */ view) => view.screen === screen || view.screen.startsWith(`${screen}/`));
  const links = mine.map((/** @type {any} */ view) => {
    const item = document.createElement("span");
    const link = document.createElement("a");
    link.href = `${view.screen === screen ? path : `/console/${view.screen}`}?${view.query}`;
    link.textContent = view.name;
    if (view.screen === screen && location.search === `?${view.query}`) link.setAttribute("aria-current", "true");
    const remove = button("×", async () => {
      await ask(`${PATH}/${view.id}`, "DELETE");
      await draw(box);
      toast(`View “${view.name}” is removed.`, { undo: async () => { await ask(PATH, "POST", { name: view.name, screen: view.screen, query: view.query }); draw(box); } });
    });
    remove.className = "quiet";
    remove.setAttribute("aria-label", `Remove the view ${view.name}`);
    item.append(link, remove);
    return item;
  });
  const shown = new URLSearchParams([...new URLSearchParams(location.search)].filter(([name, value]) => value && !PLACES.includes(name)));
  box.replaceChildren(...links);
  if (!shown.size) return;
  const form = document.createElement("form");
  const name = document.createElement("input");
  name.required = true;
  name.maxLength = 64;
  name.placeholder = "Name of the view";
  name.setAttribute("aria-label", "Name of the view");
  form.append(name, Object.assign(document.createElement("button"), { textContent: "Save these filters" }));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      await ask(PATH, "POST", { name: name.value.trim(), screen, query: shown.toString() });
      await draw(box);
    } catch (error) {
      toast(/** @type {Error} */ (error).message, { wrong: true });
    }
  });
  box.append(form);
}

for (const box of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("[data-views]"))) draw(box).catch(() => undefined);
