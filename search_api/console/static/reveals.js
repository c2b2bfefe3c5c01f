// @ts-check
// Reveals: a stored picture without its veil, for as long as a key or the pointer is held, and logged.
import { csrf } from "./markup.js";
import { toast } from "./toasts.js";

const REASON = "lookalike.reason"; // of this session: asked once, sent with every reveal

/** @param {string} path @param {object} body */
async function post(path, body) {
  const response = await fetch(path, {
    method: "POST",
    keepalive: true,
    headers: { "Content-Type": "application/json", "X-CSRF-Token": csrf() },
    body: JSON.stringify(body),
  });
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.detail ?? response.statusText);
  return answer;
}

/**
 * Show the clear picture over its veil; returns what covers it again.
 * @param {HTMLImageElement} image @param {string} reason
 */
export function reveal(image, reason) {
  const veil = image.src;
  const began = performance.now();
  let covered = false;
  const opened = post("/v1/reveals", { image_id: Number(image.dataset.veiled), reason });
  opened.then((answer) => { if (!covered) image.src = answer.picture; }, (error) => toast(String(error.message), { wrong: true }));
  return () => {
    if (covered) return;
    covered = true;
    image.src = veil;
    const seconds = (performance.now() - began) / 1000;
    opened.then((answer) => post(`/v1/reveals/${answer.reveal.id}/end`, { seconds }), () => undefined);
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
