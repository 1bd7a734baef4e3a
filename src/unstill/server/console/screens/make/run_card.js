/** One video from the press of the button on: its place in the queue, how far it is, and the video. */

import { ApiError } from "../../data/api.js";
import { cancelJob, isFinal } from "../../data/jobs.js";
import { address } from "../../data/route.js";
import { useAddress } from "../../parts/addresses.js";
import { number, percent } from "../../parts/format.js";
import { html, useState } from "../../parts/html.js";
import { Icon } from "../../parts/icons.js";
import { notify } from "../../parts/notices.js";
import { Progress, StateBadge } from "../../parts/state.js";
import { t } from "../../texts/make.js";
import { Countdown } from "./countdown.js";
import { MadeWays, Player } from "./made.js";
import { isEnded, remove, runs } from "./runs.js";
import { refusalText, send } from "./send.js";

/** More at once would hold up a small machine: they play when they are told to. */
const MOST_PLAYING = 4;

/** @typedef {import("./runs.js").Run} Run */
/** @typedef {import("../../data/jobs.js").Job} Job */

/** @param {Run} run */
export function shapeOf({ first, job, size }) {
  const told = job?.video ?? job?.size ?? size;
  if (told) return told.width / told.height;
  return first?.width && first.height ? first.width / first.height : 16 / 9;
}

/** What is shown until there is a video. @param {{run: Run}} props */
function Still({ run }) {
  const [isBroken, setBroken] = useState(false);
  const kept = useAddress(run.jobId ?? "", "first");
  const shown = run.first ? run.first.shown : run.jobId && kept;
  if (!shown || isBroken) return html`<${Icon} name="camera" />`;
  return html`<img src=${shown} alt="" onError=${() => setBroken(true)} />`;
}

/** The video, and in its place the photo until the video is there. @param {{run: Run}} props */
function Screen({ run }) {
  const [isLoaded, setLoaded] = useState(false);
  const { job } = run;
  const isMade = job?.state === "succeeded" && !job.video?.is_removed;
  return html`<div class="screen" style=${{ "--ratio": String(shapeOf(run)) }} data-busy=${isEnded(run) ? undefined : ""}>
    ${!isLoaded && html`<div class="picture"><${Still} run=${run} /></div>`}
    ${isMade && html`<${Player} job=${job} isAlive=${runs.value.length <= MOST_PLAYING} onLoaded=${() => setLoaded(true)} />`}
  </div>`;
}

/** Before it is the server's. @param {{run: Run}} props */
function Sending({ run }) {
  if (run.phase === "rests") {
    const text = run.trouble || t("unreachable");
    return html`<p class="warn">${t("sendsAgain", { text, tries: run.tries })}</p>`;
  }
  if (run.phase === "unsent") return html`<p class="warn">${t("unsent")}</p>`;
  if (run.phase === "refused") return html`<p class="error">${run.trouble}</p>`;
  return html`<p class="muted">${run.phase === "waits" ? t("waitsToBeSent") : t("isSent")}</p>`;
}

/** @param {{job: Job}} props */
function UnderWay({ job }) {
  const place = job.queue_position;
  return html`<div class="column tight">
    <${Progress} fraction=${job.progress} label=${t("progress")} />
    <p class="small row apart"><span>${percent(Math.floor(job.progress * 100) / 100)}${
      place ? ` · ${place === 1 ? t("isNext") : t("place", { place })}` : ""
    }</span>${
      job.expected_end_ms &&
      html`<${Countdown} until=${job.expected_end_ms} text=${t("readyIn")} />`
    }</p>
    ${job.waiting && html`<p class="warn small">${t("heldUp", { message: job.waiting.message })}</p>`}
    ${job.wants_cancel && html`<p class="small">${t("isCancelling")}</p>`}
  </div>`;
}

/** @param {{run: Run}} props */
function Ways({ run }) {
  const { job, key, phase } = run;
  const cancel = async () => {
    if (!job) return;
    try {
      await cancelJob(job.id);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      notify(refusalText(error), "trouble");
    }
  };
  const hide = () => {
    remove(key);
    /** @type {HTMLElement | null} */ (document.querySelector(".runs h2, main h1"))?.focus();
  };
  return html`<div class="row">
    ${
      (phase === "unsent" || phase === "refused") &&
      html`<button type="button" onClick=${() => send(key)}>
      <${Icon} name="again" />${t("sendAgain")}</button>`
    }
    ${
      job &&
      !isFinal(job) &&
      html`<button type="button" onClick=${cancel}
      aria-disabled=${job.wants_cancel ? "true" : undefined}><${Icon} name="stop" />${t("cancel")}</button>`
    }
    ${job && html`<a class="button" href=${address("jobs", [job.id])}>${t("openJob")}</a>`}
    ${
      (phase !== "made" || isEnded(run)) &&
      html`<button type="button" class="quiet"
      onClick=${hide}>${t("hide")}</button>`
    }
  </div>`;
}

/** @param {Run} run */
function factsOf({ job }) {
  if (!job) return "";
  const { duration_s, engine, seed, size } = job;
  return [
    engine,
    size && `${size.width} × ${size.height} px`,
    t("seconds", { count: number(duration_s) }),
    seed !== null && t("seedIs", { seed }),
  ]
    .filter(Boolean)
    .join(" · ");
}

/** @param {{run: Run}} props */
export function RunCard({ run }) {
  const { job, request } = run;
  const prompt = job?.prompt ?? String(request?.fields.prompt ?? "");
  const isMade = job?.state === "succeeded" && !job.video?.is_removed;
  return html`<article class="run" aria-label=${t("runOf", { prompt: prompt || (run.first?.name ?? "") })}>
    <${Screen} run=${run} />
    <div class="column tight run-about">
      <div class="row apart"><span role="status">${job && html`<${StateBadge} state=${job.state} />`}</span>
        <span class="name small muted">${run.first?.name}</span></div>
      ${prompt && html`<p class="run-prompt">${prompt}</p>`}
      <p class="small muted">${factsOf(run)}</p>
      ${run.phase !== "made" && html`<${Sending} run=${run} />`}
      ${job && !isFinal(job) && html`<${UnderWay} job=${job} />`}
      ${job?.error && html`<p class="error" role="alert">${job.error.message}</p>`}
      ${job?.unheard[0] && html`<p class="small muted">${t("unheard", { words: job.unheard.join(t("comma")) })}</p>`}
      ${isMade && html`<${MadeWays} run=${run} />`}
      <${Ways} run=${run} />
    </div>
  </article>`;
}
