// @ts-check
// Workday of one person: what they decided, and saw without a veil.

/** Count from what the server knew when the page was made. @param {HTMLElement} desk */
export function countDay(desk) {
  let [decided, reveals, seconds] = [desk.dataset.decided, desk.dataset.reveals, desk.dataset.seconds].map(Number);
  const words = /** @type {HTMLElement} */ (desk.querySelector("[data-exposure]"));
  function write() {
    const seen = reveals === 1 ? "1 picture revealed" : `${reveals || "No"} pictures revealed`;
    const long = reveals ? `, for ${Math.round(seconds)} s in all; ${(decided / reveals).toFixed(1)} decisions for each` : "";
    words.textContent = `${decided} decided. ${seen}${long}.`;
  }
  document.addEventListener("lookalike:reveal", (event) => {
    reveals += 1;
    seconds += /** @type {CustomEvent<number>} */ (event).detail;
    write();
  });
  write();
  return {
    /** @param {number} change */
    decided(change) { decided += change; write(); },
    count: () => decided,
  };
}
