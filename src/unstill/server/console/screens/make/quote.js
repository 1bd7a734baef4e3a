/** What the server says that the draft will be: asked for a moment after each change. */

import { ApiError, call } from "../../data/api.js";
import { computed, effect, signal } from "../../parts/html.js";
import { fields, lastFrame, model, shownPhoto } from "./draft.js";
import { hasLastFrame, unfilled } from "./fields.js";

/**
 * @typedef {object} Quote
 * @property {string} model
 * @property {import("../../data/models.js").EngineInfo & {label: string}} engine
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

/** What is asked; "" while there is no photo whose sides are known: there is no quote without. */
const asked = computed(() => {
  const of = model.value;
  const first = sidesOf(shownPhoto.value);
  if (!of || !first) return "";
  const last = hasLastFrame(of) ? sidesOf(lastFrame.value) : undefined;
  // No quote depends on a text: what is still to be written is no reason for none.
  const unwritten = unfilled(of, fields.value).map((name) => [name, "…"]);
  const given = { ...fields.value, ...Object.fromEntries(unwritten) };
  return JSON.stringify({ model: of.id, fields: given, frames: { first, last } });
});

/** @param {import("./pictures.js").Picture | null} picture */
const sidesOf = (picture) =>
  picture?.width && picture.height ? { width: picture.width, height: picture.height } : undefined;

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
    if (!body) {
      quote.value = null;
      quoteRefusal.value = null;
      return;
    }
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
