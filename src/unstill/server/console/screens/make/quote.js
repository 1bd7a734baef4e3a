/** What the server says that the draft will be: asked for a moment after each change. */

import { ApiError, call } from "../../data/api.js";
import { computed, effect, signal } from "../../parts/html.js";
import { fields, lastFrame, model, shownPhoto } from "./draft.js";
import { hasLastFrame } from "./fields.js";

/**
 * @typedef {object} Quote
 * @property {string} model
 * @property {import("../../data/models.js").EngineInfo & {label?: string}} engine
 * @property {{width: number, height: number} | null} size
 * @property {{x: number, y: number, width: number, height: number} | null} crop
 * @property {number} duration_s
 * @property {number} frame_rate
 * @property {{basis: string, currency: string, amount: string} | null} charge
 * @property {import("../../data/session.js").Budget[] | null} budgets
 * @property {number | null} waiting
 * @property {number | null} expected_end_ms
 * @property {string[]} ignored
 */

const PAUSE_MS = 250;

/** The newest one, until the next; null while there is none of this model. */
export const quote = signal(/** @type {Quote | null} */ (null));
/** Why there is none. */
export const quoteRefusal = signal(/** @type {ApiError | null} */ (null));

const asked = computed(() => {
  const of = model.value;
  if (!of) return "";
  const sizeOf = (/** @type {import("./pictures.js").Picture | null} */ each) =>
    each?.width && each.height ? { width: each.width, height: each.height } : undefined;
  const first = sizeOf(shownPhoto.value);
  const last = hasLastFrame(of) ? sizeOf(lastFrame.value) : undefined;
  return JSON.stringify({ model: of.id, fields: fields.value, frames: { first, last } });
});

/** Changed when the same question has another answer: a job was made, or has ended. */
export const askedAnew = signal(0);

/** Keep the quote for as long as the screen is there. @returns {() => void} ends it */
export function keepQuoted() {
  let asking = new AbortController();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  const end = effect(() => {
    const body = asked.value;
    void askedAnew.value;
    clearTimeout(timer);
    asking.abort();
    if (!body) return;
    asking = new AbortController();
    const { signal } = asking;
    timer = setTimeout(() => ask(body, signal), PAUSE_MS);
  });
  return () => {
    end();
    clearTimeout(timer);
    asking.abort();
  };
}

/** @param {string} body @param {AbortSignal} abort */
async function ask(body, abort) {
  const json = JSON.parse(body);
  if (quote.peek()?.model !== json.model) quote.value = null;
  try {
    quote.value = await call("POST", "v1/quotes", { json, signal: abort });
    quoteRefusal.value = null;
  } catch (error) {
    if (abort.aborted) return;
    if (!(error instanceof ApiError)) throw error;
    quote.value = null;
    quoteRefusal.value = error;
  }
}
