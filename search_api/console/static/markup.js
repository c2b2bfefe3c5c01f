// @ts-check
// HTML of this server, under Trusted Types: the only policy that the header allows.

/** @type {any} */ const page = window;

const policy = page.trustedTypes?.createPolicy("lookalike", {
  createHTML: (/** @type {string} */ html) => html,
  createScript: () => { throw new TypeError("No script comes as text."); },
}) ?? { createHTML: (/** @type {string} */ html) => html };

page.htmx?.registerExtension("lookalike", {
  init: (/** @type {any} */ api) => api.initSecurity(policy),
});

/** The token that a session's requests must send. */
export const csrf = () =>
  document.querySelector('meta[name="csrf-token"]')?.getAttribute("content") ?? "";

document.addEventListener("htmx:config:request", (event) => {
  /** @type {any} */ (event).detail.ctx.request.headers["X-CSRF-Token"] = csrf();
});

/**
 * Put a fragment of this server into an element, its toasts where they belong.
 * @param {string} html @param {Element} target @param {string} [swap]
 */
export const insert = (html, target, swap = "innerHTML") =>
  page.htmx.swap({ text: html, target, swap, sourceElement: target });

/**
 * Send a form to this server and return the fragment that it answers.
 * @param {string} path @param {FormData | URLSearchParams} body
 */
export async function send(path, body) {
  const response = await fetch(path, {
    method: "POST",
    body,
    headers: { "X-CSRF-Token": csrf(), "HX-Request": "true", Accept: "text/html" },
  });
  return { ok: response.ok, html: await response.text() };
}

/** Return a fragment of this server. @param {string} path */
export async function get(path) {
  const response = await fetch(path, { headers: { "HX-Request": "true", Accept: "text/html" } });
  return response.text();
}

/**
 * Send JSON to this server, and outlive the page; returns its answer.
 * @param {string} path @param {object} body @param {Record<string, string>} [headers]
 */
export const post = (path, body, headers = {}) => fetch(path, {
  method: "POST",
  keepalive: true,
  headers: { "Content-Type": "application/json", "X-CSRF-Token": csrf(), ...headers },
  body: JSON.stringify(body),
});
