/** What is done with the jobs that are picked: download, delete, compare. */

import { ApiError } from "../../data/api.js";
import { deleteJob, hasVideo, isFinal } from "../../data/jobs.js";
import { go } from "../../data/route.js";
import { Question } from "../../parts/dialog.js";
import { bytes, number } from "../../parts/format.js";
import { html, useEffect, useRef, useState } from "../../parts/html.js";
import { Icon } from "../../parts/icons.js";
import { notify } from "../../parts/notices.js";
import { Progress } from "../../parts/state.js";
import { t } from "../../texts/gallery.js";
import { picked, pickOnly } from "./picked.js";
import { jobOf, order } from "./shelf.js";
import { save, zipped } from "./zip.js";

/** @typedef {import("../../data/jobs.js").Job} Job */
/** @typedef {{what: "zip" | "delete", done: number, of: number}} Work */

const AT_ONCE = 4;

/** @returns {Job[]} in the gallery's order */
function chosen() {
  const ids = picked.value;
  return order.value.filter((id) => ids.has(id)).flatMap((id) => jobOf(id) ?? []);
}

/** @param {Job[]} jobs @param {AbortSignal} signal @param {(done: number) => void} onDone */
async function download(jobs, signal, onDone) {
  const { blob, failed } = await zipped(jobs, { signal, onDone, missing: t("missingFile") });
  save(blob, `unstill-${jobs.length}-videos.zip`);
  if (failed.length > 0)
    notify(t("zipFailed", { n: failed.length, file: t("missingFile") }), "trouble");
  else notify(t("zipDone", { n: jobs.length }));
}

/** @param {Job[]} jobs @param {AbortSignal} signal @param {(done: number) => void} onDone */
async function remove(jobs, signal, onDone) {
  const waiting = jobs.values();
  /** @type {{id: string, why: string}[]} */
  const failed = [];
  let done = 0;
  const work = async () => {
    for (const job of waiting) {
      signal.throwIfAborted();
      try {
        await deleteJob(job.id);
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
        // Deleted elsewhere: it is what was wanted.
        if (error.status !== 404) failed.push({ id: job.id, why: error.message });
      }
      done += 1;
      onDone(done);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  pickOnly(failed.map((each) => each.id));
  const [first] = failed;
  if (first) notify(t("deleteFailed", { n: failed.length, why: first.why }), "trouble");
  else notify(t("deleted", { n: jobs.length }));
}

/** One piece of work at a time, which can be stopped. */
function useWork() {
  const [work, setWork] = useState(/** @type {Work | null} */ (null));
  const stopper = useRef(new AbortController());
  useEffect(() => () => stopper.current.abort(), []);
  /** @param {"zip" | "delete"} what @param {Job[]} jobs */
  const begin = async (what, jobs) => {
    stopper.current = new AbortController();
    const { signal } = stopper.current;
    setWork({ what, done: 0, of: jobs.length });
    try {
      const run = what === "zip" ? download : remove;
      await run(jobs, signal, (done) => setWork({ what, done, of: jobs.length }));
    } catch (error) {
      if (signal.aborted) notify(t("stopped"));
      else notify(t("workFailed", { why: error instanceof Error ? error.message : "" }), "trouble");
    }
    setWork(null);
  };
  return { work, begin, stop: () => stopper.current.abort() };
}

/** @param {{work: Work, onStop: () => void}} props */
const Working = ({ work, onStop }) => {
  const label = t(work.what === "zip" ? "zipping" : "deleting", { n: work.done, of: work.of });
  return html`<span class="doing"><span>${label}</span><${Progress} fraction=${work.done / work.of} label=${label} /></span>
    <button type="button" onClick=${onStop}><${Icon} name="stop" />${t("stop")}</button>`;
};

export function Many() {
  const { work, begin, stop } = useWork();
  const [isAsking, setAsking] = useState(false);
  const jobs = chosen();
  const videos = jobs.filter(hasVideo);
  const size = videos.reduce((sum, job) => sum + (job.video?.size_bytes ?? 0), 0);
  const live = jobs.filter((job) => !isFinal(job)).length;
  const [a, b] = videos;
  return html`<section class="many" aria-label=${t("pickedJobs")} data-shown=${jobs.length > 0 || work ? "" : undefined}>
    ${work && html`<${Working} work=${work} onStop=${stop} />`}
    ${
      !work &&
      jobs.length > 0 &&
      html`
      <strong aria-live="polite">${t(jobs.length === 1 ? "pickedOne" : "pickedMany", { n: number(jobs.length) })}</strong>
      <button type="button" disabled=${videos.length !== 2 || jobs.length !== 2} title=${t("compareHelp")}
        onClick=${() => a && b && go("compare", [a.id, b.id])}><${Icon} name="sides" />${t("compare")}</button>
      <button type="button" disabled=${videos.length === 0} onClick=${() => begin("zip", videos)}>
        <${Icon} name="download" />${t("download", { size: bytes(size) })}</button>
      <button type="button" class="danger" onClick=${() => setAsking(true)}><${Icon} name="trash" />${t("delete")}</button>
      <button type="button" class="quiet" onClick=${() => pickOnly()}><${Icon} name="close" />${t("pickNone")}</button>`
    }
    ${
      isAsking &&
      html`<${Question} isDangerous title=${t(jobs.length === 1 ? "deleteOne" : "deleteMany", { n: number(jobs.length) })}
      about=${live > 0 ? `${t("deleteAbout")} ${t("deleteLive", { n: live })}` : t("deleteAbout")}
      yes=${t("delete")} onNo=${() => setAsking(false)}
      onYes=${() => {
        setAsking(false);
        begin("delete", jobs);
      }} />`
    }
  </section>`;
}
