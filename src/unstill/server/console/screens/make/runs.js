/** The videos that this tab has asked for: each from the press of the button to its end. */

import { ApiError, key, passOver } from "../../data/api.js";
import { isFinal, listJobs, onJobs, readJob } from "../../data/jobs.js";
import { route } from "../../data/route.js";
import { signal } from "../../parts/html.js";
import { notify } from "../../parts/notices.js";
import { t } from "../../texts/make.js";
import { hold, release } from "./pictures.js";

/**
 * @typedef {import("../../data/jobs.js").Job} Job
 * @typedef {import("./pictures.js").Picture} Picture
 * @typedef {{model: string, fields: import("./fields.js").Values, hasLast: boolean}} Request
 *
 * @typedef {object} Run
 * @property {string} key its Idempotency-Key, made once: however often it is sent, it is made once
 * @property {Request | null} request null of a job that another program asked for
 * @property {Picture | null} first null after a reload
 * @property {Picture | null} last
 * @property {{width: number, height: number} | null} size as it was quoted
 * @property {"waits" | "sent" | "rests" | "unsent" | "refused" | "made"} phase
 *   rests: it is sent again soon by itself; unsent: nobody answers, and it is left to the user
 * @property {number} tries
 * @property {string} trouble
 * @property {string | null} jobId
 * @property {Job | null} job
 */

const UNDER_WAY = "queued,ready,submitting,running,saving";
const MOST_SHOWN = 60;
const MOST_REMEMBERED = 20;
const MOST_FOUND = 12;
const KEPT_AS = "unstill.make";
const ORDER = ["queued", "ready", "submitting", "running", "saving"];

/** Newest first, those of one press in their order. */
export const runs = signal(/** @type {Run[]} */ ([]));

/** @param {string} key @param {Partial<Run>} changed */
export function change(key, changed) {
  runs.value = runs.value.map((each) => (each.key === key ? { ...each, ...changed } : each));
}

/** @param {string} key */
export const runNamed = (key) => runs.value.find((each) => each.key === key);

/** @param {Run[]} added */
export function add(added) {
  for (const each of added) for (const one of [each.first, each.last]) if (one) hold(one);
  const room = Math.max(0, MOST_SHOWN - added.length);
  const before = runs.value;
  runs.value = [...added, ...before.slice(0, room)];
  for (const each of before.slice(room)) letGo(each);
}

/** @param {string} key */
export function remove(key) {
  const run = runNamed(key);
  if (!run) return;
  runs.value = runs.value.filter((each) => each !== run);
  letGo(run);
  remember();
}

/** @param {Run} run */
function letGo(run) {
  release(run.first);
  release(run.last);
}

/** @param {Run} run */
export const isEnded = (run) => run.phase === "refused" || (run.job !== null && isFinal(run.job));

/** Hear what the server says of a job, unless more is known already. @param {Job} job */
export function hear(job) {
  const run = runs.value.find((each) => each.jobId === job.id);
  if (!run || isOlder(job, run.job)) return;
  change(run.key, { job });
  const isElsewhere = route.value.screen !== "make";
  if (isElsewhere && isFinal(job) && runs.value.every(isEnded)) notify(t("allEnded"));
}

/** @param {Job} job @param {Job | null} known */
function isOlder(job, known) {
  if (known === null || isFinal(job)) return false;
  if (isFinal(known)) return true;
  return ORDER.indexOf(job.state) < ORDER.indexOf(known.state) && known.state !== "ready";
}

onJobs((event) => {
  if ("job" in event) hear(event.job);
  else if ("gone" in event) {
    const run = runs.value.find((each) => each.jobId === event.gone);
    if (run) remove(run.key);
  } else askAgain().catch(passOver);
});

/** What became of those that have not ended, as far as it is known. */
async function askAgain() {
  for (const run of runs.value) {
    if (run.jobId === null || isEnded(run)) continue;
    try {
      hear(await readJob(run.jobId));
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (error.status === 404) remove(run.key);
      else return;
    }
  }
}

let isFound = false;

/**
 * Show again what this tab has asked for, and what else of the owner's is under way. Raises ApiError.
 */
export async function findAgain() {
  if (isFound) return askAgain();
  const remembered = kept();
  const underWay = (await listJobs({ state: UNDER_WAY, limit: MOST_FOUND })).data;
  const found = await Promise.all(remembered.map(({ id }) => readJob(id).catch(() => null)));
  isFound = true;
  const jobs = [...underWay, ...found.filter((each) => each !== null)];
  const shown = new Map(jobs.map((job) => [job.id, /** @type {Job} */ (job)]));
  for (const run of runs.value) if (run.jobId) shown.delete(run.jobId);
  const again = [...shown.values()].sort((one, other) => other.created_ms - one.created_ms);
  add(again.map((job) => runOf(job, remembered.find(({ id }) => id === job.id)?.request ?? null)));
}

/** @param {Job} job @param {Request | null} request @returns {Run} */
const runOf = (job, request) => ({
  key: job.id,
  request,
  first: null,
  last: null,
  size: null,
  phase: "made",
  tries: 1,
  trouble: "",
  jobId: job.id,
  job,
});

/** @returns {{id: string, request: Request | null}[]} */
function kept() {
  try {
    return JSON.parse(sessionStorage.getItem(KEPT_AS) ?? "[]");
  } catch {
    return [];
  }
}

/** For the tab, as long as it is open: the jobs' ids and what was asked for. */
export function remember() {
  const told = runs.value
    .filter((each) => each.jobId !== null)
    .slice(0, MOST_REMEMBERED)
    .map((each) => ({ id: each.jobId, request: each.request }));
  try {
    sessionStorage.setItem(KEPT_AS, JSON.stringify(told));
  } catch {
    // Then a reload shows what is under way alone.
  }
}

// Another key is another owner, maybe: these are not theirs.
let known = key.value;
key.subscribe((now) => {
  if (now === known) return;
  known = now;
  isFound = false;
  for (const run of runs.value) letGo(run);
  runs.value = [];
  remember();
});
