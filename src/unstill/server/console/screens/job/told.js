/** What is known of a job, kept up to date: by its owner's events, and for an operator besides. */

import { ApiError } from "../../data/api.js";
import { isFinal, onJobs, readJob } from "../../data/jobs.js";
import { readAsOperator } from "../../data/operating.js";
import { account, isOperator } from "../../data/session.js";
import { useEffect, useRef, useState } from "../../parts/html.js";

/**
 * @typedef {import("../../data/answers.js").Details} Details
 * @typedef {import("../../data/answers.js").AdminTold} AdminTold
 * @typedef {object} Told
 * @property {Details | null} job null: not known yet, or of another owner
 * @property {AdminTold | null} admin null: not known yet, or the user is no operator
 * @property {"" | "missing" | "gone"} absent
 * @property {ApiError | null} refusal
 */

const RETRY_MS = 3_000;
const OTHERS_MS = 2_000; // jobs of other owners have no events here
const LINK_EARLY_MS = 60_000;

/** @type {Told} */
const NOTHING = { job: null, admin: null, absent: "", refusal: null };

/** @param {string} id @param {AbortSignal} abort @returns {Promise<Told>} */
async function read(id, abort) {
  const admin = isOperator.peek() ? await readAsOperator(id, abort).catch(missing) : null;
  // Of another owner's job the answer would be a 404, which is no news.
  const isOwn = admin === null || (admin.owner === account.peek()?.owner && !admin.is_deleted);
  const job = isOwn ? await readJob(id, abort).catch(missing) : null;
  return { ...NOTHING, job, admin, absent: job || admin ? "" : "missing" };
}

/** @param {unknown} error */
function missing(error) {
  if (error instanceof ApiError && error.status === 404) return null;
  throw error;
}

/** @param {string} id @returns {[told: Told, readAgain: () => void]} */
export function useTold(id) {
  const [told, setTold] = useState(NOTHING);
  const again = useRef(() => {});
  const state = useRef("");
  useEffect(() => {
    const ending = new AbortController();
    const { signal } = ending;
    let timer = 0;
    const look = async () => {
      clearTimeout(timer);
      try {
        const found = await read(id, signal);
        if (signal.aborted) return;
        state.current = found.job?.state ?? "";
        setTold(found);
        const waitMs = nextLook(found);
        if (waitMs !== null) timer = setTimeout(look, waitMs);
      } catch (error) {
        if (signal.aborted) return;
        if (!(error instanceof ApiError)) throw error;
        if (error.isUnreachable || error.status === 503 || error.status === 429)
          timer = setTimeout(look, (error.retryAfterS ?? 0) * 1000 || RETRY_MS);
        else setTold((before) => ({ ...before, refusal: error }));
      }
    };
    again.current = look;
    look();
    const end = onJobs((event) => {
      if ("job" in event && event.job.id === id) {
        const { job } = event;
        setTold((before) => ({ ...before, job: before.job && { ...before.job, ...job } }));
        if (job.state !== state.current) look();
      } else if ("gone" in event && event.gone === id) {
        setTold((before) => ({ ...before, absent: "gone" }));
      } else if ("reload" in event) look();
    });
    return () => {
      end();
      ending.abort();
      clearTimeout(timer);
    };
  }, [id]);
  return [told, () => again.current()];
}

/** After how long to look again without being told to: ms, or null. @param {Told} told */
function nextLook({ job, admin }) {
  if (!job) return admin && !isFinal(admin) ? OTHERS_MS : null;
  // A link that is about to run out is replaced by a new one.
  if (job.link && job.link_until_ms)
    return Math.min(
      2 ** 31 - 1,
      Math.max(RETRY_MS, job.link_until_ms - Date.now() - LINK_EARLY_MS),
    );
  return null;
}
