// @ts-check
// Reveals: a stored picture without its veil, for as long as a key or the pointer is held, and logged.
import { post } from "./markup.js";
import { toast } from "./toasts.js";

const REASON = "lookalike.reason"; // of this session: asked once, sent with every reveal

/** @param {string} path @param {object} body */
async function ask(path, body) {
  const response = await post(path, body);
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.detail ?? response.statusText);
  return answer;
}

/**
 * Lay the clear picture over its veil; returns what takes it away again, and writes down for how long it was there.
 * @param {HTMLImageElement} veiled @param {string} reason
 */
export function reveal(veiled, reason) {
  const { review, veiled: image } = veiled.dataset;
  const clear = new Image();
  clear.className = "clear";
  clear.alt = "The picture without its veil";
  let began = 0;
  let covered = false;
  const opened = ask("/v1/reveals", { ...(review ? { review_id: Number(review) } : { image_id: Number(image) }), reason });
  clear.addEventListener("load", () => { began = performance.now(); });
  opened.then((answer) => {
    if (covered) return;
    clear.src = answer.picture;
    veiled.after(clear);
  }, (error) => toast(String(error.message), { wrong: true }));
  return () => {
    if (covered) return;
    covered = true;
    clear.remove();
    const seconds = began ? (performance.now() - began) / 1000 : 0;
    opened.then(async (answer) => {
      await ask(`/v1/reveals/${answer.reveal.id}/end`, { seconds });
      document.dispatchEvent(new CustomEvent("lookalike:reveal", { detail: seconds }));
    }).catch(() => undefined);
  };
}

/** The veiled picture that has the focus. */
export function focused() {
  const box = document.activeElement?.closest(".picture");
  return /** @type {HTMLImageElement | null} */ (box?.querySelector("img[data-veiled]") ?? null);
}

/** Why a person looks: what they said in this session, or nothing yet. */
export const reason = () => sessionStorage.getItem(REASON);

/** Ask why, once a session. */
export function askReason() {
  const dialog = /** @type {HTMLDialogElement} */ (document.getElementById("reason"));
  dialog.showModal();
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!(form instanceof HTMLFormElement) || !form.matches("[data-reason]")) return;
  event.preventDefault();
  sessionStorage.setItem(REASON, String(new FormData(form).get("reason")));
  form.closest("dialog")?.close();
});
