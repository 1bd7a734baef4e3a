/** Figures that are asked anew for as long as somebody sees them. */

import { ApiError, call, key } from "../data/api.js";
import { signal, useEffect, useRef, useState } from "./html.js";

const EVERY_MS = 5_000;

/** Whether the user wants figures to stay as they are. */
export const isPaused = signal(false);

/**
 * What was told last, by the asker's names, and what the last try of each met; `atMs`: when all of
 * it was told last, 0 before.
 *
 * @typedef {object} Figures
 * @property {Record<string, any>} told
 * @property {Record<string, ApiError>} troubles
 * @property {number} atMs
 * @property {() => Promise<void>} again
 */

/**
 * Ask these addresses now and every few seconds, not while the page is hidden or the user has
 * paused it. What was told stays while another try fails.
 *
 * @param {Record<string, string>} paths
 * @param {number} [everyMs]
 * @returns {Figures}
 */
export function useFigures(paths, everyMs = EVERY_MS) {
  const [figures, setFigures] = useState(
    /** @type {Omit<Figures, "again">} */ ({ told: {}, troubles: {}, atMs: 0 }),
  );
  const again = useRef(async () => {});
  const asked = JSON.stringify(paths);
  const isStill = isPaused.value;
  const asKey = key.value;
  // biome-ignore lint/correctness/useExhaustiveDependencies: what signals had at this rendering.
  useEffect(() => {
    const abort = new AbortController();
    let timer = 0;
    const ask = async () => {
      clearTimeout(timer);
      const answers = await answersOf(JSON.parse(asked), abort.signal);
      if (abort.signal.aborted) return;
      setFigures((before) => joined(before, answers));
      clearTimeout(timer);
      if (!isStill && !document.hidden) timer = setTimeout(ask, pauseAfter(answers, everyMs));
    };
    const look = () => {
      clearTimeout(timer);
      if (!document.hidden && !isStill) ask();
    };
    again.current = ask;
    ask();
    document.addEventListener("visibilitychange", look);
    return () => {
      abort.abort();
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", look);
    };
  }, [asked, everyMs, isStill, asKey]);
  return { ...figures, again: () => again.current() };
}

/** @typedef {{name: string, value?: any, trouble?: ApiError}} Answered */

/**
 * @param {Record<string, string>} paths
 * @param {AbortSignal} abort
 * @returns {Promise<Answered[]>}
 */
function answersOf(paths, abort) {
  return Promise.all(
    Object.entries(paths).map(async ([name, path]) => {
      try {
        return { name, value: await call("GET", path, { signal: abort }) };
      } catch (error) {
        if (error instanceof ApiError) return { name, trouble: error };
        if (abort.aborted) return { name };
        throw error;
      }
    }),
  );
}

/** @param {Omit<Figures, "again">} before @param {Answered[]} answers */
function joined(before, answers) {
  const told = { ...before.told };
  /** @type {Record<string, ApiError>} */
  const troubles = {};
  for (const { name, value, trouble } of answers) {
    if (trouble) troubles[name] = trouble;
    else told[name] = value;
  }
  const isWhole = Object.keys(troubles).length === 0;
  return { told, troubles, atMs: isWhole ? Date.now() : before.atMs };
}

/** @param {Answered[]} answers @param {number} everyMs */
function pauseAfter(answers, everyMs) {
  const waits = answers.map(({ trouble }) => (trouble?.retryAfterS ?? 0) * 1000);
  return Math.max(everyMs, ...waits);
}
