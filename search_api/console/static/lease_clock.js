// @ts-check
// Clock of the leases: how long items are still this person's, prolonged while the person works.
import { renewLeases } from "./review_requests.js";

const RENEW = 45; // s between renewals while a person works
const SOON = 60; // s before the end at which it is said

export class LeaseClock {
  /** @param {HTMLElement} desk @param {() => void} due called when it is time to renew */
  constructor(desk, due) {
    this.seconds = Number(desk.dataset.lease);
    this.words = /** @type {HTMLElement} */ (desk.querySelector("[data-lease-left]"));
    this.button = /** @type {HTMLButtonElement} */ (desk.querySelector("[data-extend]"));
    this.count = 0;
    this.until = 0; // ms of this page's clock
    this.worked = performance.now(); // when the person last did something
    this.renewed = this.worked;
    for (const kind of ["pointerdown", "keydown"]) document.addEventListener(kind, () => { this.worked = performance.now(); });
    this.button.addEventListener("click", due);
    setInterval(() => {
      this.draw(this.count);
      const passed = performance.now() - this.renewed;
      if (this.worked > this.renewed && passed > 1000 * Math.min(RENEW, this.seconds / 3) && !document.hidden) due();
    }, 1000);
  }

  /** Begin anew: the items were leased now. */
  begin() {
    this.renewed = performance.now();
    this.until = this.renewed + 1000 * this.seconds;
  }

  /** Prolong; returns the items that are still this person's, or null. @param {number[]} ids */
  async renew(ids) {
    this.renewed = performance.now();
    const kept = ids.length ? await renewLeases(ids) : null;
    if (kept) this.begin();
    return kept;
  }

  /** Write how long is left. @param {number} count how many items there are */
  draw(count) {
    this.count = count;
    const left = Math.round((this.until - performance.now()) / 1000);
    const clock = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
    this.words.textContent = !count ? "" : left > 0 ? `${count} yours for ${clock}` : "Your lease has ended: others may take these";
    this.words.classList.toggle("alarm", count > 0 && left <= SOON);
    this.button.hidden = !count || left > SOON;
  }
}
