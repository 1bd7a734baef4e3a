/** Many videos as one zip, and a word in it on those that could not be had. */

import { ApiError, answer } from "../../data/api.js";
import { downloadZip } from "../../vendor/client-zip.js";

/** @typedef {import("../../data/jobs.js").Job} Job */

const MOST_NAME_CHARS = 60;

/** A file's name that says which video it is: the day, the prompt, the id. @param {Job} job */
export function fileName(job) {
  const made = new Date(job.created_ms);
  const day = [made.getFullYear(), made.getMonth() + 1, made.getDate()]
    .map((each) => String(each).padStart(2, "0"))
    .join("-");
  // Letters and figures of any script alone: no path, no name that a system has for itself.
  const words = job.prompt
    .normalize("NFC")
    .replace(/[^\p{L}\p{M}\p{N}]+/gu, "-")
    .replace(/^-+|-+$/g, "");
  const prompt = [...words].slice(0, MOST_NAME_CHARS).join("").replace(/-+$/, "");
  return `${[day, prompt, job.id].filter(Boolean).join("_")}.mp4`;
}

/**
 * The zip of these jobs' videos; those that could not be had are told of in `failed`.
 *
 * Raises AbortError when stopped, ApiError when the server is gone.
 *
 * @param {Job[]} jobs
 * @param {{signal: AbortSignal, onDone: (count: number) => void, missing: string}} how
 *   missing: the name of the file that says what is not there
 */
export async function zipped(jobs, { signal, onDone, missing }) {
  /** @type {{job: Job, why: string}[]} */
  const failed = [];
  async function* files() {
    let count = 0;
    for (const job of jobs) {
      signal.throwIfAborted();
      try {
        const input = await answer("GET", `v1/videos/${encodeURIComponent(job.id)}/content`, {
          signal,
        });
        yield { name: fileName(job), lastModified: job.ended_ms ?? job.created_ms, input };
      } catch (error) {
        if (!(error instanceof ApiError) || error.isUnreachable) throw error;
        failed.push({ job, why: error.message });
      }
      count += 1;
      onDone(count);
    }
    if (failed.length > 0) {
      const lines = failed.map(({ job, why }) => `${fileName(job)}: ${why}\n`);
      yield { name: missing, lastModified: Date.now(), input: lines.join("") };
    }
  }
  const blob = await downloadZip(files()).blob();
  signal.throwIfAborted();
  return { blob, failed };
}

/** Hand it to the browser as a download. @param {Blob} blob @param {string} name */
export function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
