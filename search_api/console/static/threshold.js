// @ts-check
// Threshold card: how many innocent pictures another bound would let through.

for (const card of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("[data-card]"))) {
  const slider = /** @type {HTMLInputElement} */ (card.querySelector("input"));
  const line = /** @type {SVGLineElement} */ (card.querySelector("line"));
  const words = /** @type {HTMLOutputElement} */ (card.querySelector("output"));
  /** @type {number[]} */
  const uploads = JSON.parse(card.dataset.uploads ?? "[]");
  const [low, width, now] = [card.dataset.low, card.dataset.width, card.dataset.value].map(Number);
  const isDistance = card.dataset.signal === "pdq";
  const reaching = (/** @type {number} */ bound) => {
    const edge = Math.round((bound - low) / width);
    return (isDistance ? uploads.slice(0, edge + 1) : uploads.slice(edge)).reduce((sum, count) => sum + count, 0);
  };
  slider.addEventListener("input", () => {
    const bound = Number(slider.value);
    const place = String((bound - low) / width);
    line.setAttribute("x1", place);
    line.setAttribute("x2", place);
    const change = reaching(bound) - reaching(now);
    const told = change === 0 ? "as many as now" : `${Math.abs(change).toLocaleString()} ${change > 0 ? "more" : "fewer"} than now`;
    words.textContent = `${Number(bound.toFixed(3))}: ${reaching(bound).toLocaleString()} innocent pictures would match, ${told}. Nothing is changed: \`lookalike threshold calibrate\` does that.`;
  });
}
