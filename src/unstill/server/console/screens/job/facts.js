/** What a job was asked for, what made it, and what it comes to. */

import { address } from "../../data/route.js";
import { useAddress } from "../../parts/addresses.js";
import { bytes, moment, money, number } from "../../parts/format.js";
import { html, useState } from "../../parts/html.js";
import { t } from "../../texts/job.js";

/**
 * @typedef {import("../../data/answers.js").Details} Details
 * @typedef {import("../../data/answers.js").AdminTold} AdminTold
 * @typedef {import("../../data/answers.js").Request} Request
 */

/** A fact, unless there is none. @param {string} name @param {unknown} value */
export const fact = (name, value) =>
  value === null || value === undefined || value === "" || value === false
    ? null
    : html`<dt>${name}</dt><dd>${value}</dd>`;

/** @param {{width: number, height: number} | null | undefined} size */
export const sizeText = (size) => (size ? `${size.width} × ${size.height} px` : "");

/** @param {boolean | null | undefined} value */
const yesNo = (value) => (value === null || value === undefined ? "" : t(value ? "yes" : "no"));

/** @param {Details["money"]} told */
export function charged(told) {
  if (!told) return "";
  if (told.basis === "free") return t("free");
  if (told.price !== null) return money(told.price, told.currency);
  return t("reserved", { amount: money(told.reserved, told.currency) });
}

/** @param {{request: Request, model: string, children?: unknown}} props model: as it was asked for; children: the pictures */
export function Asked({ request, model, children }) {
  const { negative_prompt, seed, duration_s, size, tier, watermark, generate_audio } = request;
  return html`<section class="card" aria-labelledby="asked">
    <h2 id="asked">${t("asked")}</h2>
    <div class="pictures">${children}</div>
    <p class="whole-prompt">${request.prompt || t("noPrompt")}</p>
    <dl class="facts">
      ${fact(t("negative"), negative_prompt)}
      ${fact(t("model"), model === request.model ? model : `${model} (${request.model})`)}
      ${fact(t("length"), t("seconds", { n: number(duration_s) }))}
      ${fact(t("size"), size ? sizeText(size) : (tier ?? "720P"))}
      ${fact(t("seed"), String(seed))}
      ${fact(t("watermark"), yesNo(watermark))}
      ${fact(t("audio"), yesNo(generate_audio))}
      ${Object.entries(request.options ?? {}).map(([name, value]) =>
        fact(name, typeof value === "boolean" ? yesNo(value) : String(value)),
      )}
    </dl>
  </section>`;
}

/** @param {{job: Details}} props */
export function Outcome({ job }) {
  const { video, usage, delivery } = job;
  return html`<section class="card" aria-labelledby="outcome">
    <h2 id="outcome">${t("outcome")}</h2>
    <dl class="facts">
      ${fact(t("engine"), job.made_by && job.made_by !== job.engine ? `${job.engine} (${job.made_by})` : job.engine)}
      ${fact(t("unheard"), job.unheard.join(t("comma")))}
      ${fact(t("attempt"), job.attempt > 1 && number(job.attempt))}
      ${fact(t("size"), sizeText(video ?? job.size))}
      ${
        video &&
        html`${fact(t("length"), t("seconds", { n: number(video.duration_s, 2) }))}
        ${fact(t("frameRate"), t("perSecond", { n: number(video.frame_rate, 2) }))}
        ${fact(t("audio"), t(video.has_audio ? "yes" : "no"))}
        ${fact(t("file"), bytes(video.size_bytes))}
        ${fact(t("kept"), video.is_removed ? t("removed") : video.until_ms ? t("until", { at: moment(video.until_ms) }) : "")}`
      }
      ${fact(t("usage"), usage && t("used", { n: number(usage.duration_s) }))}
      ${fact(t("charge"), charged(job.money))}
      ${fact(t("webhook"), delivery && t("deliveryIs", { state: delivery.state, n: delivery.tries }))}
      ${fact(t("made"), moment(job.created_ms))}
      ${fact(t("via"), job.dialect)}
      ${fact(t("id"), html`<code>${job.id}</code>`)}
      ${fact(t("requestId"), job.request_id && html`<code>${job.request_id}</code>`)}
    </dl>
  </section>`;
}

/** A picture that was given. @param {{id: string, role: import("../../data/answers.js").Role}} props */
export function Given({ id, role }) {
  const [isBroken, setBroken] = useState(false);
  const source = useAddress(id, role);
  const is = role === "first" || role === "last" ? role : null;
  return html`<figure class="given">
    <div>${
      source &&
      !isBroken &&
      html`<img src=${source} alt=${t(is ? `${is}Picture` : "maskPicture")} onError=${() => setBroken(true)} />`
    }</div>
    <figcaption class="small muted">${t(is ? `${is}Frame` : "mask")}</figcaption>
  </figure>`;
}

/** @param {{id: string | null | undefined, text: string}} props */
export const JobLink = ({ id, text }) =>
  id ? html`<a href=${address("jobs", [id])}>${text}</a>` : null;
