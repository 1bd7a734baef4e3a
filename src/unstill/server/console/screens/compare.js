/** Two videos beside each other, in step, and what they differ in. */

import { ApiError } from "../data/api.js";
import { hasVideo, readJob } from "../data/jobs.js";
import { address } from "../data/route.js";
import { html, useEffect, useState } from "../parts/html.js";
import { Title } from "../parts/title.js";
import { t } from "../texts/compare.js";
import { Differences } from "./compare/differences.js";
import { Stage } from "./compare/stage.js";

/** @typedef {import("../data/answers.js").Details} Details */
/** @typedef {{jobs: Details[], trouble: string}} Found */

const RETRY_MS = 3_000;

/** @param {string[]} ids @param {AbortSignal} abort @returns {Promise<Found>} */
async function find(ids, abort) {
  for (;;) {
    try {
      return { jobs: await Promise.all(ids.map((id) => readJob(id, abort))), trouble: "" };
    } catch (error) {
      if (abort.aborted || !(error instanceof ApiError)) throw error;
      if (!error.isUnreachable) return { jobs: [], trouble: error.message };
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }
}

/** @param {string} a @param {string} b */
function useJobs(a, b) {
  const [found, setFound] = useState(/** @type {Found | null} */ (null));
  useEffect(() => {
    setFound(null);
    if (!a || !b) return;
    const ending = new AbortController();
    find([a, b], ending.signal).then(
      (told) => !ending.signal.aborted && setFound(told),
      (error) => {
        if (!ending.signal.aborted) throw error;
      },
    );
    return () => ending.abort();
  }, [a, b]);
  return found;
}

/** @param {{found: Found}} props */
function Compared({ found: { jobs, trouble } }) {
  const [isSwapped, setSwapped] = useState(false);
  const [one, other] = jobs;
  if (!one || !other) return html`<p class="error" role="alert">${trouble}</p>`;
  if (!hasVideo(one) || !hasVideo(other))
    return html`<p class="error" role="alert">${t("noVideo")}</p>`;
  const [a, b] = isSwapped ? [other, one] : [one, other];
  return html`<${Stage} one=${one} other=${other} isSwapped=${isSwapped} onSwap=${() => setSwapped(!isSwapped)} />
    <${Differences} a=${a} b=${b} />`;
}

/** @param {{args: string[], query: URLSearchParams}} props */
export function Compare({ args: [a = "", b = ""] }) {
  const found = useJobs(a, b);
  return html`<p class="back"><a href=${address("gallery")}>← ${t("toGallery")}</a></p>
    <${Title}>${t("title")}<//>
    ${!(a && b) && html`<p>${t("pickTwo")}</p>`}
    ${a && b && !found && html`<p class="loading">${t("loading")}</p>`}
    ${found && html`<${Compared} key=${`${a} ${b}`} found=${found} />`}`;
}
