// @ts-check
// Inspection of an item: its picture without the veil while a key is held, both pictures large, further evidence.
import { openComparison } from "./comparison.js";
import { get } from "./markup.js";
import { askReason, focused, reason, reveal } from "./reveals.js";

/** @param {() => HTMLElement | undefined} shown returns the card that is shown */
export function inspect(shown) {
  /** @type {() => void} */
  let cover = () => undefined;
  const member = () => document.activeElement?.closest("[data-member]")?.querySelector("img");
  /** The picture in focus, else that of the item. */
  const picture = () => /** @type {HTMLImageElement | null} */ (member() ?? focused() ?? shown()?.querySelector("[data-members] [tabindex='0'] img, .pair img, .shelf img") ?? null);

  function hold() {
    const [veiled, why] = [picture(), reason()];
    if (!veiled) return;
    if (why) cover = reveal(veiled, why);
    else askReason();
  }

  return {
    picture,
    hold,
    cover: () => cover(),
    compare() {
      const card = shown();
      if (card?.dataset.match) openComparison(() => get(`/console/review/items/${JSON.parse(card.dataset.ids ?? "[]")[0]}/compare`));
    },
    evidence() {
      const box = /** @type {HTMLDetailsElement | null | undefined} */ (shown()?.querySelector("[data-evidence]"));
      if (!box) return;
      box.open = !box.open;
      box.querySelector("summary")?.focus();
    },
    /** A button that reveals while it is held. @param {HTMLElement | null} button */
    bindButton(button) {
      button?.addEventListener("pointerdown", (event) => { button.setPointerCapture(event.pointerId); hold(); });
      button?.addEventListener("keydown", (event) => {
        if ((event.key === " " || event.key === "Enter") && !event.repeat) { event.preventDefault(); hold(); }
      });
      for (const over of ["pointerup", "pointercancel", "keyup", "blur"]) button?.addEventListener(over, () => cover());
    },
  };
}
