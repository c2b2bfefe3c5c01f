// @ts-check
// Preferences: kept by the server for the person, and in this browser for pages to begin with.
import { csrf } from "./markup.js";

/**
 * @typedef {object} Preferences
 * @property {"blur" | "grey" | "lines"} veil
 * @property {number} strength
 * @property {boolean} keys_enabled
 * @property {Record<string, string | null>} keys
 * @property {number | null} break_minutes
 * @property {"auto" | "light" | "dark"} theme
 */

const PATH = "/v1/me/settings";
/** @type {Preferences | undefined} */
let last;

/** @param {Preferences} settings */
function remember(settings) {
  last = settings;
  const put = (/** @type {string} */ name, /** @type {string} */ value) => localStorage.setItem(`lookalike.${name}`, value);
  put("theme", settings.theme);
  put("veil", `veil=${settings.veil}&strength=${settings.strength}`);
  put("break", String(settings.break_minutes ?? ""));
  const keys = Object.fromEntries(Object.entries(settings.keys).filter(([, key]) => key));
  put("keys", JSON.stringify({ off: !settings.keys_enabled, keys }));
  if (settings.theme === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = settings.theme;
  return settings;
}

/** What the server keeps for this person. @returns {Promise<Preferences>} */
export async function pull() {
  const response = await fetch(PATH);
  if (!response.ok) throw new Error(response.statusText);
  return remember(await response.json());
}

/** Change some of them. @param {Partial<Preferences>} changes */
export async function push(changes) {
  const wanted = { ...(last ?? (await pull())), ...changes };
  const response = await fetch(PATH, {
    method: "PUT",
    headers: { "Content-Type": "application/json", "X-CSRF-Token": csrf() },
    body: JSON.stringify(wanted),
  });
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.detail ?? response.statusText);
  return remember(answer);
}
