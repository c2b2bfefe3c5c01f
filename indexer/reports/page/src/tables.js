// Tables that a click on a heading sorts, and a field filters.

export function makeSortable(table) {
  const body = table.tBodies[0];
  table.querySelectorAll("thead th button").forEach((button) => {
    button.addEventListener("click", () => sort(table, body, button.closest("th")));
  });
  const field = document.querySelector(`input[data-filters="${table.id}"]`);
  field?.addEventListener("input", () => {
    const wanted = field.value.trim().toLowerCase();
    for (const row of body.rows) row.hidden = !row.textContent.toLowerCase().includes(wanted);
  });
}

function sort(table, body, heading) {
  const ascending = heading.getAttribute("aria-sort") === "descending";
  for (const other of table.querySelectorAll("th[aria-sort]")) other.removeAttribute("aria-sort");
  heading.setAttribute("aria-sort", ascending ? "ascending" : "descending");
  const sign = ascending ? 1 : -1;
  const numeric = heading.classList.contains("number");
  const key = (row) => {
    const cell = row.cells[heading.cellIndex];
    const text = cell.dataset.value ?? cell.textContent.trim();
    return numeric ? Number(text || "NaN") : text;
  };
  const missing = (value) => value === "" || Number.isNaN(value);
  const compare = (a, b) => {
    if (missing(a) || missing(b)) return Number(missing(a)) - Number(missing(b));
    return sign * (numeric ? a - b : a.localeCompare(b));
  };
  const rows = [...body.rows].map((row) => [key(row), row]);
  rows.sort(([a], [b]) => compare(a, b));
  body.append(...rows.map(([, row]) => row));
}
