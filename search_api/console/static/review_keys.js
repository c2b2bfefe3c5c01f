// @ts-check
// Keys of the review desk, for the desk that binds them and for Settings, where they can be others.

const REVIEW = "Review";
const FAMILY = "Family";

export const REVIEW_KEYS = [
  { id: "confirm", keys: "1", name: "Confirm", group: REVIEW },
  { id: "reject", keys: "2", name: "Reject", group: REVIEW },
  { id: "escalate", keys: "3", name: "Escalate: hand on to another person", group: REVIEW },
  { id: "skip", keys: "s", name: "Skip: to the end of the queue", group: REVIEW },
  { id: "undo", keys: "u", name: "Undo, up to ten decisions", group: REVIEW },
  { id: "next", keys: "j", name: "Next, without deciding", group: REVIEW },
  { id: "previous", keys: "k", name: "Previous, without deciding", group: REVIEW },
  { id: "reveal", keys: "Space", name: "Hold: reveal the picture (logged)", group: REVIEW },
  { id: "compare", keys: "c", name: "Compare large", group: REVIEW },
  { id: "evidence", keys: "e", name: "More evidence", group: REVIEW },
  { id: "note", keys: "n", name: "Write a note", group: REVIEW },
  { id: "bank", keys: "b", name: "Add the picture to a bank", group: REVIEW },
  { id: "family", keys: "f", name: "The family, or one by one", group: REVIEW },
  { id: "end", keys: "q", name: "End: give back what you have", group: REVIEW },
  { id: "grid-select", keys: "x", name: "Select, or not", group: FAMILY },
  { id: "grid-all", keys: "a", name: "Select all", group: FAMILY },
  { id: "grid-invert", keys: "i", name: "Select the others instead", group: FAMILY },
];

/** @param {string} id */
export function keyOf(id) {
  const found = REVIEW_KEYS.find((each) => each.id === id);
  if (!found) throw new Error(`No key is declared for ${id}.`);
  return found;
}
