// @ts-check
// Legend of a map: what the colours mean, how many points have each, and which are shown.

/** @typedef {import("./map_data.js").Group} Group */

/**
 * Keep the legend.
 * @param {HTMLElement} list @param {(hidden: Set<string>) => void} changed
 */
export function legendIn(list, changed) {
  /** @type {Group[]} */
  let groups = [];
  /** @type {Set<string>} */
  let hidden = new Set();
  const isSolo = (/** @type {string} */ key) => !hidden.has(key) && groups.filter((each) => each.count).every((each) => each.key === key || hidden.has(each.key));

  function mark() {
    for (const row of /** @type {NodeListOf<HTMLElement>} */ (list.querySelectorAll("li"))) {
      const key = row.dataset.key ?? "";
      row.classList.toggle("off", hidden.has(key));
      row.querySelector("[data-shows]")?.setAttribute("aria-pressed", String(!hidden.has(key)));
      row.querySelector("[data-solo]")?.setAttribute("aria-pressed", String(isSolo(key)));
    }
  }

  /** @param {Group} group */
  function make({ key, name, swatch, count }) {
    const row = document.createElement("li");
    row.dataset.key = key;
    const shows = document.createElement("button");
    shows.type = "button";
    shows.className = "quiet";
    shows.dataset.shows = "";
    shows.title = name;
    const [dot, words, number] = ["span", "span", "span"].map((tag) => document.createElement(tag));
    dot.className = `swatch ${swatch}`;
    words.className = "name";
    words.textContent = name;
    number.className = "number";
    number.textContent = count.toLocaleString("en");
    shows.append(dot, words, number);
    const solo = document.createElement("button");
    solo.type = "button";
    solo.className = "quiet small";
    solo.dataset.solo = "";
    solo.textContent = "Only";
    solo.setAttribute("aria-label", `Only ${name}`);
    row.append(shows, solo);
    return row;
  }

  list.addEventListener("click", (event) => {
    const button = event.target instanceof Element ? event.target.closest("button") : null;
    const key = button?.closest("li")?.dataset.key;
    if (!button || key === undefined) return;
    if (button.dataset.solo !== undefined) {
      hidden = isSolo(key) ? new Set() : new Set(groups.filter((each) => each.key !== key).map((each) => each.key));
    } else if (!hidden.delete(key)) hidden.add(key);
    mark();
    changed(new Set(hidden));
  });

  return {
    /** @param {Group[]} next @param {Set<string>} without */
    show(next, without) {
      [groups, hidden] = [next, new Set(without)];
      list.replaceChildren(...groups.filter((each) => each.count).map(make));
      mark();
    },
  };
}
