// @ts-check
// Breaks: a word after so many minutes of work, for the person alone.
import { toast } from "./toasts.js";

const SINCE = "lookalike.working-since";
const REST = 5 * 60_000; // ms away from the page that count as a break

/** @param {number} minutes */
export function remind(minutes) {
  const begun = () => Number(sessionStorage.getItem(SINCE)) || Date.now();
  sessionStorage.setItem(SINCE, String(begun()));
  let left = 0;
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) left = Date.now();
    else if (left && Date.now() - left > REST) sessionStorage.setItem(SINCE, String(Date.now()));
  });
  setInterval(() => {
    if (Date.now() - begun() < minutes * 60_000) return;
    sessionStorage.setItem(SINCE, String(Date.now()));
    toast(`You have worked for ${minutes} minutes. Look away for a while: what waits, waits.`);
  }, 15_000);
}
