/** Jobs as the server last told of them, kept up to date by its stream of events. */

import { signal } from "../vendor/signals.js";
import { ApiError, answer, call, isAnswering, key } from "./api.js";

/** @typedef {import("./answers.js").State} State */
/** @typedef {import("./answers.js").Job} Job */

export const FINAL = /** @type {ReadonlySet<State>} */ (
  new Set(["succeeded", "failed", "cancelled"])
);

/** @param {{state: State}} job */
export const isFinal = (job) => FINAL.has(job.state);

/** Whether there is a video to see. @param {Pick<Job, "state" | "video">} job */
export const hasVideo = (job) =>
  job.state === "succeeded" && job.video !== null && !job.video.is_removed;

/** @typedef {(event: {job: Job} | {gone: string} | {reload: true}) => void} Listener */

/** @type {Set<Listener>} */
const listeners = new Set();

/** Whether the stream of events is open. */
export const isFollowing = signal(false);

/**
 * Hear of each change of the owner's jobs. `reload`: more may have changed than is told, also
 * after the stream was cut; whoever shows jobs asks for them anew.
 *
 * @param {Listener} listener
 * @returns {() => void} ends it
 */
export function onJobs(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** @param {Parameters<Listener>[0]} event */
function tell(event) {
  for (const each of [...listeners]) each(event);
}

/**
 * @param {Record<string, string | number | null | undefined>} query
 * @param {AbortSignal} [abort]
 * @returns {Promise<{data: Job[], next: string | null}>}
 */
export function listJobs(query, abort) {
  const given = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== null && value !== undefined && value !== "") given.set(name, String(value));
  }
  return call("GET", `v1/jobs?${given}`, { signal: abort });
}

/** @param {string} id @param {AbortSignal} [abort] */
export const readJob = (id, abort) =>
  call("GET", `v1/jobs/${encodeURIComponent(id)}`, { signal: abort });

/** @param {string} id */
export const cancelJob = (id) => call("POST", `api/v1/tasks/${encodeURIComponent(id)}/cancel`);

/** @param {string} id */
export async function deleteJob(id) {
  await call("DELETE", `v1/videos/${encodeURIComponent(id)}`);
  tell({ gone: id });
}

const LEAST_PAUSE_MS = 500;
const MOST_PAUSE_MS = 10_000;

/** Follow all jobs of the owner until `abort`; opens the stream again whenever it ends. @param {AbortSignal} abort */
export async function follow(abort) {
  let pauseMs = LEAST_PAUSE_MS;
  let wasOpen = false;
  while (!abort.aborted) {
    try {
      const response = await answer("GET", "v1/events", {
        signal: abort,
        headers: { Accept: "text/event-stream" },
      });
      pauseMs = LEAST_PAUSE_MS;
      isFollowing.value = true;
      if (wasOpen) tell({ reload: true });
      wasOpen = true;
      if (response.body) await read(response.body);
    } catch (error) {
      if (abort.aborted) break;
      // Whoever has no key any more is asked for one, and begins anew with it.
      if (error instanceof ApiError && error.status === 401) break;
      pauseMs = Math.min(pauseMs * 1.6, MOST_PAUSE_MS);
    }
    isFollowing.value = false;
    await pause(pauseMs, abort);
  }
  isFollowing.value = false;
}

/** @param {ReadableStream<Uint8Array>} body */
async function read(body) {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    isAnswering.value = true;
    text += decoder.decode(value, { stream: true });
    const events = text.split("\n\n");
    text = events.pop() ?? "";
    for (const each of events) take(each);
  }
}

/** @param {string} event */
function take(event) {
  let name = "message";
  let data = "";
  for (const line of event.split("\n")) {
    if (line.startsWith("event: ")) name = line.slice(7);
    else if (line.startsWith("data: ")) data += line.slice(6);
  }
  if (name === "job") tell({ job: JSON.parse(data) });
  else if (name === "gone") tell({ gone: JSON.parse(data).id });
  else if (name === "reload") tell({ reload: true });
}

/** @param {number} ms @param {AbortSignal} abort @returns {Promise<void>} */
function pause(ms, abort) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    abort.addEventListener(
      "abort",
      () => {
        clearTimeout(timer);
        resolve();
      },
      { once: true },
    );
  });
}

// Another key is another owner, maybe: what is shown of the one before must go.
key.subscribe(() => tell({ reload: true }));
