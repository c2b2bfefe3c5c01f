// @ts-check
// Outbox: requests that must not be lost. They go out in order, each with a key under which the server answers it once,
// again and again until it has.
import { post } from "./markup.js";

const STORE = "lookalike.outbox"; // of this tab: a reload sends what is left
const WAITS = [1, 2, 4, 8, 15]; // s between tries
const AGAIN = new Set([401, 408, 429, 500, 502, 503, 504]); // what another try may mend

/**
 * @typedef {object} PendingRequest
 * @property {string} key
 * @property {string} path
 * @property {object} body
 * @property {number[]} ids the items that it is about
 *
 * @typedef {object} Events
 * @property {(unsaved: number, failing: boolean) => void} changed
 * @property {(request: PendingRequest, answer: any) => void} saved
 * @property {(request: PendingRequest, words: string) => void} refused
 */

export class Outbox {
  /** @param {Events} events */
  constructor(events) {
    this.events = events;
    /** @type {PendingRequest[]} */
    this.pending = JSON.parse(sessionStorage.getItem(STORE) ?? "[]");
    this.tries = 0;
    this.sending = false;
    this.timer = 0;
    addEventListener("online", () => this.flush());
    addEventListener("beforeunload", (event) => { if (this.tries) event.preventDefault(); });
    this.running = this.flush();
  }

  /** @param {string} path @param {object} body @param {number[]} ids */
  send(path, body, ids) {
    this.pending.push({ key: crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}`, path, body, ids });
    if (this.sending) this.keep();
    else this.running = this.flush();
  }

  /** Wait until all has been tried. */
  idle() {
    return this.running;
  }

  /** Take a request back that has not left yet; returns whether it could be. @param {number[]} ids */
  recall(ids) {
    const place = this.pending.findLastIndex((request) => request.ids.join() === ids.join());
    if (place < 0 || (place === 0 && (this.sending || this.tries))) return false;
    this.pending.splice(place, 1);
    this.keep();
    return true;
  }

  keep() {
    sessionStorage.setItem(STORE, JSON.stringify(this.pending));
    this.events.changed(this.pending.length, this.tries > 0);
  }

  async flush() {
    this.keep();
    if (this.sending) return;
    clearTimeout(this.timer);
    this.sending = true;
    while (this.pending.length) {
      const [request] = this.pending;
      const answer = await deliver(request);
      if (!answer) {
        this.timer = setTimeout(() => this.flush(), 1000 * WAITS[Math.min(this.tries, WAITS.length - 1)]);
        this.tries += 1;
        break;
      }
      this.pending.shift();
      this.tries = 0;
      if (answer.ok) this.events.saved(request, answer.body);
      else this.events.refused(request, String(answer.body.brief ?? answer.body.detail ?? "The server refused it."));
      this.keep();
    }
    this.sending = false;
    this.keep();
  }
}

/** @param {PendingRequest} request @returns {Promise<{ok: boolean, body: any} | null>} null where it is to be tried again */
async function deliver({ path, body, key }) {
  try {
    const response = await post(path, body, { "Idempotency-Key": key });
    return AGAIN.has(response.status) ? null : { ok: response.ok, body: await response.json() };
  } catch {
    return null;
  }
}
