/** The jobs that the gallery shows, newest first: loaded page by page, and kept up to date by events. */

import { ApiError, key } from "../../data/api.js";
import { listJobs, onJobs } from "../../data/jobs.js";
import { batch, signal } from "../../parts/html.js";
import { asked, matches } from "./filter.js";

/** @typedef {import("../../data/jobs.js").Job} Job */
/** @typedef {import("./filter.js").Filter} Filter */

const FIRST_PAGE = 60; // soon there, and more than a screen
const PAGE = 500;
const MOST_AHEAD = 10_000; // loaded without being looked at
const PAUSE_MS = 3_000; // after a call without an answer

/** Ids of the jobs shown, newest first. */
export const order = signal(/** @type {string[]} */ ([]));
/** Ids of those that came in above while one looks further down. */
export const held = signal(/** @type {string[]} */ ([]));
/** Whether there may be more than `order` has. */
export const isLoading = signal(true);
/** Why no more are loaded; empty while all is well. */
export const trouble = signal("");

/** @type {Map<string, import("../../vendor/signals.js").Signal<Job>>} */
const jobs = new Map();
/** @type {Filter | null} */
let filter = null;
let loading = new AbortController();
let isAtTop = true;
/** @type {(() => void) | null} */
let goOn = null;

/** The job as it is now. @param {string} id */
export const jobOf = (id) => jobs.get(id)?.value;

/** Show the jobs of this filter; what is there of the same one stays. @param {Filter} wanted */
export function show(wanted) {
  if (filter !== null && JSON.stringify(filter) === JSON.stringify(wanted)) return false;
  filter = wanted;
  begin({ anew: true });
  return true;
}

/** Ask once more for what could not be loaded. */
export const tryAgain = () => begin({ anew: true });

/** Whether one looks at the newest: jobs that are made then come in at once. @param {boolean} now */
export function lookAtTop(now) {
  isAtTop = now;
  if (now && held.value.length > 0) letIn();
}

/** Let those in that came meanwhile. */
export function letIn() {
  const ids = held.value;
  batch(() => {
    held.value = [];
    order.value = sorted([...ids, ...order.value]);
  });
}

/** Load on, if it waits for that: one has come near to the end. */
export const wantMore = () => goOn?.();

/** @param {{anew: boolean}} how anew: nothing of before is shown meanwhile */
function begin({ anew }) {
  loading.abort();
  loading = new AbortController();
  const { signal: abort } = loading;
  if (anew) {
    batch(() => {
      order.value = [];
      held.value = [];
      jobs.clear();
    });
  }
  isLoading.value = true;
  trouble.value = "";
  load(abort, { anew }).catch((error) => {
    if (abort.aborted) return;
    isLoading.value = false;
    trouble.value = error instanceof ApiError ? error.message : String(error);
  });
}

/** @param {AbortSignal} abort @param {{anew: boolean}} how */
async function load(abort, how) {
  let { anew } = how;
  if (filter === null) return;
  /** @type {string[]} */
  const found = [];
  const before = order.value.length;
  /** @type {string | null} */
  let after = null;
  do {
    const limit = after === null && anew ? FIRST_PAGE : PAGE;
    const page = await patiently({ ...asked(filter), limit, after }, abort);
    if (page === null) return;
    const ids = page.data.map((job) => keep(job));
    found.push(...ids);
    after = page.next;
    if (anew) append(ids);
    else if (found.length >= before || after === null) {
      // All that was shown is there again: it changes places in one go.
      const there = new Set(found);
      batch(() => {
        for (const id of jobs.keys()) if (!there.has(id)) jobs.delete(id);
        order.value = sorted(found);
        held.value = [];
      });
      anew = true;
    }
    if (after !== null && order.value.length >= MOST_AHEAD) await untilWanted(abort);
  } while (after !== null && !abort.aborted);
  if (!abort.aborted) isLoading.value = false;
}

/** A page, however often it takes; null: nobody wants it any more. @param {Parameters<typeof listJobs>[0]} query @param {AbortSignal} abort */
async function patiently(query, abort) {
  while (!abort.aborted) {
    try {
      return await listJobs(query, abort);
    } catch (error) {
      if (abort.aborted) return null;
      if (!(error instanceof ApiError)) throw error;
      if (!error.isUnreachable && error.status !== 429 && error.status !== 503) throw error;
      await new Promise((resolve) =>
        setTimeout(resolve, (error.retryAfterS ?? 0) * 1000 || PAUSE_MS),
      );
    }
  }
  return null;
}

/** @param {AbortSignal} abort @returns {Promise<void>} */
function untilWanted(abort) {
  return new Promise((resolve) => {
    goOn = () => {
      goOn = null;
      resolve();
    };
    abort.addEventListener("abort", () => goOn?.(), { once: true });
  });
}

/** @param {Job} job */
function keep(job) {
  const known = jobs.get(job.id);
  if (known) known.value = job;
  else jobs.set(job.id, signal(job));
  return job.id;
}

/** @param {string[]} ids */
function append(ids) {
  const there = new Set(order.value);
  const fresh = ids.filter((id) => !there.has(id) && !held.value.includes(id));
  if (fresh.length > 0) order.value = [...order.value, ...fresh];
}

/** @param {string[]} ids newest first */
function sorted(ids) {
  const made = (/** @type {string} */ id) => jobs.get(id)?.peek().created_ms ?? 0;
  return [...new Set(ids)].sort((a, b) => made(b) - made(a) || (a < b ? 1 : -1));
}

/** @param {Job} job */
function hear(job) {
  if (jobs.has(job.id)) {
    keep(job);
    return;
  }
  if (filter === null || !matches(filter, job)) return;
  const last = jobs.get(order.value.at(-1) ?? "")?.peek();
  // An older one comes with its page.
  if (isLoading.value && (!last || job.created_ms <= last.created_ms)) return;
  keep(job);
  if (isAtTop) order.value = sorted([job.id, ...order.value]);
  else held.value = [job.id, ...held.value];
}

/** @param {string} id */
function forget(id) {
  if (!jobs.delete(id)) return;
  batch(() => {
    order.value = order.value.filter((each) => each !== id);
    held.value = held.value.filter((each) => each !== id);
  });
}

onJobs((event) => {
  if ("job" in event) hear(event.job);
  else if ("gone" in event) forget(event.gone);
  else if (filter !== null) begin({ anew: false });
});

// Another key is another owner, maybe.
key.subscribe(() => {
  loading.abort();
  filter = null;
  batch(() => {
    order.value = [];
    held.value = [];
    jobs.clear();
  });
});
