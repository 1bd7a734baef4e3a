/** A job in the gallery: its thumbnail, which plays while one points at it, and what it is. */

import { hasVideo, isFinal } from "../../data/jobs.js";
import { address } from "../../data/route.js";
import { useAddress } from "../../parts/addresses.js";
import { number, shortDay } from "../../parts/format.js";
import { html, signal, useComputed, useEffect, useRef, useState } from "../../parts/html.js";
import { Icon } from "../../parts/icons.js";
import { isStill } from "../../parts/motion.js";
import { Progress, StateBadge } from "../../parts/state.js";
import { t } from "../../texts/gallery.js";
import { pick, picked } from "./picked.js";
import { jobOf } from "./shelf.js";

/** @typedef {import("../../data/jobs.js").Job} Job */

/** The one whose video plays. */
export const playing = signal("");
/** The one that a Tab leads to. */
export const current = signal("");

/** A job that has got its picture and no video yet shows that. @type {ReadonlySet<string>} */
const GIVEN = new Set(["ready", "submitting", "running", "saving"]);
const POINTED_MS = 140; // so that a pointer on its way starts nothing
let pointing = 0;

/** @param {string} id */
function point(id) {
  clearTimeout(pointing);
  if (isStill.value) return;
  pointing = setTimeout(() => {
    playing.value = id;
  }, POINTED_MS);
}

/** Let whatever plays go. */
export function rest() {
  clearTimeout(pointing);
  playing.value = "";
}

/**
 * An image, which goes on to come where its card is gone: to take its `src` away in that moment
 * makes Chromium keep it, and the whole card with it, for as long as the page is open.
 *
 * @param {{id: string, what: "thumbnail" | "first"}} props
 */
function Picture({ id, what }) {
  const [isThere, setThere] = useState(false);
  const source = useAddress(id, what);
  return html`<img alt="" decoding="async" draggable=${false} data-there=${isThere ? "" : undefined}
    src=${source ?? undefined} onLoad=${() => setThere(true)} />`;
}

/** @param {{id: string}} props */
function Clip({ id }) {
  const element = useRef(/** @type {HTMLVideoElement | null} */ (null));
  const [isThere, setThere] = useState(false);
  const source = useAddress(id, "video");
  useEffect(() => {
    const video = element.current;
    return () => {
      video?.pause();
      video?.removeAttribute("src");
      video?.load();
    };
  }, []);
  return html`<video ref=${element} muted loop playsinline autoplay disablepictureinpicture aria-hidden="true" tabindex="-1"
    data-there=${isThere ? "" : undefined} src=${source ?? undefined} onPlaying=${() => setThere(true)}></video>`;
}

/** What stands where a job has no video. @param {{job: Job}} props */
function Missing({ job }) {
  if (job.video?.is_removed) return html`<span class="instead">${t("removed")}</span>`;
  if (job.state === "failed")
    return html`<span class="instead"><${Icon} name="warning" />${job.error?.message ?? ""}</span>`;
  if (job.state === "cancelled") return html`<span class="instead"><${Icon} name="stop" /></span>`;
  if (job.queue_position)
    return html`<span class="instead">${t("place", { n: job.queue_position })}</span>`;
  return null;
}

/** @param {Job} job */
const isUpright = (job) => {
  const size = job.video ?? job.size;
  return size !== null && size.height > size.width;
};

/** @param {{job: Job}} props */
function Shot({ job }) {
  const { id } = job;
  const plays = useComputed(() => playing.value === id);
  const isThere = hasVideo(job);
  return html`<span class="shot" data-upright=${isUpright(job) ? "" : undefined}>
    ${isThere && html`<${Picture} key=${id} id=${id} what="thumbnail" />`}
    ${isThere && plays.value && html`<${Clip} key=${`${id} clip`} id=${id} />`}
    ${GIVEN.has(job.state) && html`<${Picture} key=${`${id} given`} id=${id} what="first" />`}
    ${!isThere && html`<${Missing} job=${job} />`}
    ${job.state !== "succeeded" && html`<${StateBadge} state=${job.state} />`}
    ${isThere && html`<span class="length">${t("seconds", { n: number(job.video?.duration_s ?? 0, 1) })}</span>`}
  </span>`;
}

/**
 * @param {{id: string, at: number, of: number, x: number, y: number, isCurrent: boolean, isNear: boolean}} props
 *   at, of: its place in the list and how many there are; x, y: px;
 *   isCurrent: a Tab leads to it; isNear: it is looked at, else
 *   it has passed before anybody sees more of it than its prompt
 */
export function Card({ id, at, of, x, y, isCurrent, isNear }) {
  const isPicked = useComputed(() => picked.value.has(id));
  const job = jobOf(id);
  if (!job) return null;
  const tabindex = isCurrent ? 0 : -1;
  const prompt = job.prompt || t("noPrompt");
  const canPlay = hasVideo(job);
  return html`<li class="tile" data-id=${id} data-picked=${isPicked.value ? "" : undefined} data-state=${job.state}
    aria-posinset=${at + 1} aria-setsize=${of} style=${{ transform: `translate(${x}px, ${y}px)` }}
    onPointerEnter=${(/** @type {PointerEvent} */ event) => canPlay && event.pointerType === "mouse" && point(id)}
    onPointerLeave=${rest}>
    <a class="open" href=${address("jobs", [id])} tabindex=${tabindex} draggable=${false}
      onFocus=${(/** @type {any} */ event) => {
        current.value = id;
        if (canPlay && event.currentTarget.matches(":focus-visible")) point(id);
      }}
      onBlur=${rest}>
      ${isNear ? html`<${Shot} job=${job} />` : html`<span class="shot"></span>`}
      <span class="prompt">${prompt}</span>${job.state === "succeeded" && html`<span class="unseen">${t("done")}</span>`}
      <span class="about">${
        isNear &&
        html`<span>${job.model}</span><span>${job.engine}</span><span>${shortDay(job.created_ms)}</span>`
      }</span>
    </a>
    ${isNear && !isFinal(job) && html`<${Progress} fraction=${job.progress} label=${prompt} />`}
    ${
      (isNear || isCurrent) &&
      html`<label class="pick"><input type="checkbox" aria-label=${t("pick", { prompt })} tabindex=${tabindex} checked=${isPicked.value}
      onClick=${(/** @type {MouseEvent} */ event) => pick(id, { isRange: event.shiftKey })} /></label>`
    }
  </li>`;
}
