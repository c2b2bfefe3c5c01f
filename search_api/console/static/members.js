// @ts-check
// Members of a family: a grid of veils, those that are selected are decided together.
import { bind } from "./keys.js";
import { keyOf } from "./review_keys.js";

/** @param {() => HTMLElement | undefined} shown returns the card that is shown */
export function membersOf(shown) {
  const grid = () => /** @type {HTMLElement | null | undefined} */ (shown()?.querySelector("[data-members]"));
  const all = () => /** @type {HTMLElement[]} */ ([...(grid()?.children ?? [])]);
  const active = () => all().find((each) => each.tabIndex === 0);
  const isSelected = (/** @type {Element} */ each) => each.getAttribute("aria-selected") === "true";

  /** @param {HTMLElement} member @param {boolean} selected */
  function select(member, selected) {
    member.setAttribute("aria-selected", String(selected));
    const count = shown()?.querySelector("[data-chosen]");
    if (count) count.textContent = String(all().filter(isSelected).length);
  }

  /** @param {HTMLElement | undefined} member */
  function focus(member = active()) {
    if (!member) return;
    for (const each of all()) each.tabIndex = -1;
    member.tabIndex = 0;
    member.focus();
  }

  /** Members of a row. */
  function columns() {
    const list = all();
    const top = list[0]?.offsetTop;
    const next = list.findIndex((each) => each.offsetTop !== top);
    return next < 0 ? list.length : next;
  }

  /** @param {string} key @param {boolean} extend */
  function step(key, extend) {
    const list = all();
    const from = list.indexOf(/** @type {HTMLElement} */ (active()));
    const by = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns(), ArrowDown: columns() }[key] ?? 0;
    const to = list[from + by];
    if (!to) return;
    if (extend) select(to, isSelected(list[from]));
    focus(to);
  }

  /** @param {(selected: boolean) => boolean} change */
  const changeAll = (change) => { for (const each of all()) select(each, change(isSelected(each))); };

  document.addEventListener("click", (event) => {
    const member = event.target instanceof Element ? event.target.closest("[data-member]") : null;
    if (!(member instanceof HTMLElement)) return;
    select(member, !isSelected(member));
    focus(member);
  });

  return {
    focus,
    /** The items that are selected. */
    chosen: () => all().filter(isSelected).map((each) => Number(each.dataset.member)),
    /**
     * A card of the members that were not decided.
     * @param {{ids: number[], element: HTMLElement}} card @param {number[]} decided
     */
    without(card, decided) {
      const element = /** @type {HTMLElement} */ (card.element.cloneNode(true));
      const rest = card.ids.filter((id) => !decided.includes(id));
      for (const each of element.querySelectorAll("[data-member]")) {
        if (decided.includes(Number(each.getAttribute("data-member")))) each.remove();
        else each.setAttribute("aria-selected", "true");
      }
      const first = /** @type {HTMLElement | null} */ (element.querySelector("[data-member]"));
      if (first) first.tabIndex = 0;
      for (const count of element.querySelectorAll("[data-chosen], [data-count]")) count.textContent = String(rest.length);
      element.dataset.ids = JSON.stringify(rest);
      return { ids: rest, element };
    },
    bind() {
      const group = "Family";
      const here = () => Boolean(grid());
      for (const key of ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"]) {
        for (const shift of ["", "Shift-"]) {
          const name = shift ? `Select on the way ${key.slice(5).toLowerCase()}` : `Go ${key.slice(5).toLowerCase()}`;
          bind({ id: `grid-${shift}${key}`, keys: shift + key, name, group, layer: "island", when: here, run: () => step(key, Boolean(shift)) });
        }
      }
      bind(
        { ...keyOf("grid-select"), layer: "island", when: here, run: () => { const one = active(); if (one) select(one, !isSelected(one)); } },
        { ...keyOf("grid-all"), layer: "island", when: here, run: () => changeAll(() => true) },
        { ...keyOf("grid-invert"), layer: "island", when: here, run: () => changeAll((selected) => !selected) },
      );
    },
  };
}
