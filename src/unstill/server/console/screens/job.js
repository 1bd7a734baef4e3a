/** A job's whole life, and what can be done with it. */

import { hasVideo, isFinal } from "../data/jobs.js";
import { address } from "../data/route.js";
import { useAddress } from "../parts/addresses.js";
import { moment, percent, span } from "../parts/format.js";
import { html, useEffect, useState } from "../parts/html.js";
import { Icon } from "../parts/icons.js";
import { Player } from "../parts/player.js";
import { Progress, StateBadge } from "../parts/state.js";
import { Title } from "../parts/title.js";
import { t } from "../texts/job.js";
import { adviceOn } from "./job/advice.js";
import { Asked, Given, Outcome } from "./job/facts.js";
import { Life } from "./job/life.js";
import { Operator } from "./job/operator.js";
import { useTold } from "./job/told.js";
import { OperatorWays, Ways } from "./job/ways.js";

/**
 * @typedef {import("../data/answers.js").Details} Details
 * @typedef {import("../data/answers.js").AdminTold} AdminTold
 */

/** The picture as long as there is no video. @param {{id: string}} props */
function Still({ id }) {
  const [isBroken, setBroken] = useState(false);
  const source = useAddress(id, "first");
  return source && !isBroken
    ? html`<img src=${source} alt="" onError=${() => setBroken(true)} />`
    : null;
}

/** @param {{job: Details}} props */
function Stage({ job }) {
  const size = job.video ?? job.size ?? { width: 16, height: 9 };
  return html`<div class="stage" style=${{ "--ratio": `${size.width} / ${size.height}`, "--shape": size.width / size.height }}>
    ${
      hasVideo(job)
        ? html`<${Player} id=${job.id} width=${size.width} height=${size.height}
            label=${t("videoOf", { prompt: job.prompt || t("noPrompt") })} />`
        : html`${job.pictures.includes("first") && html`<${Still} key=${job.id} id=${job.id} />`}
`
    }
  </div>`;
}

/** Counts down to when it is expected. @param {{untilMs: number}} props */
function Expected({ untilMs }) {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1_000);
    return () => clearInterval(timer);
  }, []);
  return html`<span>${untilMs > now ? t("expected", { span: span(untilMs - now) }) : t("soon")}</span>`;
}

/**
 * @param {{job: Pick<Details, "state" | "progress" | "queue_position" | "wants_cancel"> & {expected_end_ms: number | null},
 *   stall: {message: string, since_ms: number} | null, error: {code: string, message: string, param?: string | null} | null}} props
 */
function Standing({ job, stall, error }) {
  return html`<div class="column standing">
    <div class="row"><span role="status"><${StateBadge} state=${job.state} /></span>
      ${
        !isFinal(job) &&
        html`<span class="numbers">${percent(Math.floor(job.progress * 100) / 100)}</span>
        ${job.queue_position && html`<span class="muted">${t("place", { n: job.queue_position })}</span>`}
        ${job.expected_end_ms && html`<${Expected} untilMs=${job.expected_end_ms} />`}`
      }</div>
    ${!isFinal(job) && html`<${Progress} fraction=${job.progress} label=${t("progress")} />`}
    ${job.wants_cancel && !isFinal(job) && html`<p class="muted">${t("stopAsked")}</p>`}
    ${stall && html`<p class="warned"><${Icon} name="warning" />${t("heldUp", { message: stall.message, since: moment(stall.since_ms) })}</p>`}
    ${
      error &&
      html`<div class="failure"><h2>${t("why")}</h2>
      <p class="error"><code>${error.code}</code> ${error.message}</p>
      ${error.param && html`<p class="small">${t("atField")} <code>${error.param}</code></p>`}
      <p>${adviceOn(error.code)}</p></div>`
    }
  </div>`;
}

/** @param {{job: Details, admin: AdminTold | null, onChange: () => void}} props */
const Own = ({ job, admin, onChange }) => html`<div class="job">
  <div class="column">
    <${Standing} job=${job} stall=${job.waiting} error=${job.error} />
    ${job.video?.is_removed && html`<p>${t("removed")}</p>`}
    ${(hasVideo(job) || !isFinal(job)) && html`<${Stage} job=${job} />`}
    <${Ways} job=${job} />
    <${Life} moves=${job.moves} />
    ${admin && html`<${Operator} admin=${admin} onChange=${onChange} />`}
  </div>
  <div class="column">
    <${Asked} request=${job.request} model=${job.model}>
      ${job.pictures.map((role) => html`<${Given} key=${`${job.id} ${role}`} id=${job.id} role=${role} />`)}
    <//>
    <${Outcome} job=${job} />
  </div>
</div>`;

/** A job of another owner: no video and no pictures are shown. @param {{admin: AdminTold, onChange: () => void}} props */
const Theirs = ({ admin, onChange }) => html`<div class="job">
  <div class="column">
    <p>${t(admin.is_deleted ? "deletedOf" : "jobOf", { owner: admin.owner })}</p>
    <${OperatorWays} admin=${admin} onDone=${onChange} />
    <${Standing} job=${{ ...admin, expected_end_ms: null }} stall=${admin.stall} error=${admin.failure} />
    <${Life} moves=${admin.moves ?? []} />
    <${Operator} admin=${admin} onChange=${onChange} />
  </div>
  <div class="column"><${Asked} request=${admin.request} model=${admin.model} /></div>
</div>`;

/** @param {{args: string[], query: URLSearchParams}} props */
export function Job({ args: [id = ""] }) {
  const [{ job, admin, absent, refusal }, readAgain] = useTold(id);
  const isGone = absent !== "" && !(admin && !job);
  return html`<p class="back"><a href=${address("gallery")}>← ${t("toGallery")}</a></p>
    <${Title}>${t("title")}<//>
    ${refusal && html`<p class="error" role="alert">${refusal.message}</p>`}
    ${isGone && html`<p role="status">${t(absent === "gone" ? "isGone" : "missing")}</p>`}
    ${!job && !admin && !isGone && !refusal && html`<p class="loading">${t("loading")}</p>`}
    ${!isGone && job && html`<${Own} key=${id} job=${job} admin=${admin} onChange=${readAgain} />`}
    ${!isGone && !job && admin && html`<${Theirs} key=${id} admin=${admin} onChange=${readAgain} />`}`;
}
