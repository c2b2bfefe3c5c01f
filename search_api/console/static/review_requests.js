// @ts-check
// Requests of the review desk beside decisions: leases, and banks.
import { csrf, post } from "./markup.js";
import { toast } from "./toasts.js";

/**
 * Prolong leases; returns the items that are still this person's, or null where nothing is known.
 * @param {number[]} ids
 */
export async function renewLeases(ids) {
  const response = await post("/v1/reviews/leases/renew", { ids }).catch(() => null);
  if (!response?.ok) return null;
  /** @type {{items: {id: number}[]}} */
  const { items } = await response.json();
  return new Set(items.map((item) => item.id));
}

/** Give items back. @param {number[]} ids */
export const release = (ids) => ids.length ? post("/v1/reviews/leases/release", { ids }).catch(() => undefined) : undefined;

const dialog = /** @type {HTMLDialogElement | null} */ (document.getElementById("to-bank"));
/** @type {() => DOMStringMap} */
let subject = () => ({});

/** Ask which bank a picture is to join. @param {() => DOMStringMap} what returns the data of the card */
export function askForBank(what) {
  subject = what;
  dialog?.showModal();
}

/** @param {number} id @param {string} bank */
async function leave(id, bank) {
  const response = await fetch(`/v1/entries/${id}`, { method: "DELETE", headers: { "X-CSRF-Token": csrf() } });
  if (response.ok) toast(`Out of ${bank} again.`);
  else toast((await response.json()).detail, { wrong: true });
}

dialog?.querySelector("form")?.addEventListener("submit", async (event) => {
  const bank = String(new FormData(/** @type {HTMLFormElement} */ (event.target)).get("bank"));
  const { image, sha256 } = subject();
  const what = image ? { image_id: Number(image) } : { fingerprint: { kind: "sha256", value: sha256 } };
  const response = await post(`/v1/banks/${encodeURIComponent(bank)}/entries`, what);
  const answer = await response.json();
  if (response.ok) toast(`It is entry ${answer.id} of ${bank} now.`, { undo: () => leave(answer.id, bank) });
  else toast(answer.detail, { wrong: true });
});
