/** A finished video: it plays, and what can be done with it. */

import { ApiError, answer } from "../../data/api.js";
import { readJob } from "../../data/jobs.js";
import { modelNamed } from "../../data/models.js";
import { videoAddress } from "../../data/tickets.js";
import { Dialog } from "../../parts/dialog.js";
import { moment } from "../../parts/format.js";
import { html, useRef, useState } from "../../parts/html.js";
import { Icon } from "../../parts/icons.js";
import { isStill } from "../../parts/motion.js";
import { notify } from "../../parts/notices.js";
import { t } from "../../texts/make.js";
import { takePhotos } from "./draft.js";
import { Programs } from "./programs_view.js";
import { lastFrameOf, makeAgain, refusalText } from "./send.js";

/** @typedef {import("../../data/jobs.js").Job} Job */
/** @typedef {import("./runs.js").Run} Run */

const MOST_NAME_CHARS = 60;
/** Longer than any browser needs to begin to save it. */
const KEPT_MS = 60_000;

/**
 * Plays at the address that it began with: a newer ticket would begin anew.
 *
 * @param {{job: Job, isAlive: boolean, onLoaded: () => void}} props
 */
export function Player({ isAlive, job, onLoaded }) {
  const address = useRef(/** @type {string | null} */ (null));
  const place = useRef(0);
  const [, draw] = useState(0);
  const now = videoAddress(job.id);
  address.current ??= now;
  if (!address.current || !job.video) return null;
  const { height, width } = job.video;
  /** @param {any} event */
  const renew = (event) => {
    // A ticket that has run out, in all likelihood.
    if (address.current === now) return;
    place.current = event.currentTarget.currentTime;
    address.current = now;
    draw((count) => count + 1);
  };
  return html`<video src=${address.current} width=${width} height=${height} controls loop muted playsinline
    autoplay=${isAlive && !isStill.value} preload="metadata" aria-label=${t("videoOf", { prompt: job.prompt })} onError=${renew} onLoadedData=${onLoaded}
    onLoadedMetadata=${(/** @type {any} */ event) => {
      if (place.current) event.currentTarget.currentTime = place.current;
    }}></video>`;
}

/** A file's name out of the prompt, in whatever script. @param {Job} job */
export function fileNameOf(job) {
  const words = job.prompt
    .normalize("NFC")
    .replace(/[^\p{L}\p{N}]+/gu, "-")
    .slice(0, MOST_NAME_CHARS)
    .replace(/^-+|-+$/g, "");
  return `${words || "video"}-${job.id.slice(0, 8)}.mp4`;
}

/** Do it, and say what the server refused. @param {() => Promise<void>} work */
async function tried(work) {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    notify(refusalText(error), "trouble");
  }
}

/** @param {{job: Job}} props */
function LinkButton({ job }) {
  const [told, setTold] = useState(
    /** @type {{link: string, untilMs: number | null} | null} */ (null),
  );
  const copy = () =>
    tried(async () => {
      const { link, link_until_ms: untilMs } = await readJob(job.id);
      if (!link) {
        notify(t("noLink"), "trouble");
        return;
      }
      setTold({ link, untilMs });
      try {
        await navigator.clipboard.writeText(link);
        notify(untilMs ? t("linkUntil", { until: moment(untilMs) }) : t("linkCopied"));
      } catch {
        // It stands there to be selected.
      }
    });
  return html`<button type="button" onClick=${copy}><${Icon} name="link" />${t("link")}</button>
    ${
      told &&
      html`<span class="link-told small"><input readonly aria-label=${t("link")} value=${told.link}
      onFocus=${(/** @type {any} */ event) => event.currentTarget.select()} />
      ${told.untilMs && html`<span class="muted">${t("goodUntil", { until: moment(told.untilMs) })}</span>`}</span>`
    }`;
}

/** @param {{run: Run}} props */
export function MadeWays({ run }) {
  const { job, request } = run;
  const [isShown, setShown] = useState(false);
  if (!job) return null;
  const useLast = () =>
    tried(async () => {
      await takePhotos([await lastFrameOf(job.id)]);
      document.querySelector("main .photo")?.scrollIntoView({ block: "center" });
      notify(t("lastTaken"));
    });
  /** As a file of its own name: the server's would be the id alone. @param {Event} event */
  const save = (event) => {
    event.preventDefault();
    tried(async () => {
      const response = await answer("GET", `v1/videos/${encodeURIComponent(job.id)}/content`);
      const link = document.createElement("a");
      link.href = URL.createObjectURL(await response.blob());
      link.download = fileNameOf(job);
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), KEPT_MS);
    });
  };
  const of = request && modelNamed(request.model);
  const hasSeed = of && "seed" in of.capabilities.input_schema.properties;
  const shown = request && {
    ...request.fields,
    ...(hasSeed && job.seed !== null ? { seed: job.seed } : {}),
  };
  return html`<div class="row ways">
    <a class="button primary" href=${videoAddress(job.id) ?? undefined} download=${fileNameOf(job)} onClick=${save}>
      <${Icon} name="download" />${t("download")}</a>
    <${LinkButton} job=${job} />
    ${
      of &&
      html`<button type="button" onClick=${() => tried(() => makeAgain(run))}>
      <${Icon} name="again" />${t("again")}</button>`
    }
    <button type="button" onClick=${useLast}><${Icon} name="chain" />${t("useLast")}</button>
    ${of && html`<button type="button" onClick=${() => setShown(true)}><${Icon} name="code" />${t("asProgram")}</button>`}
    ${
      isShown &&
      of &&
      shown &&
      html`<${Dialog} title=${t("asProgram")} onClose=${() => setShown(false)}>
      <${Programs} model=${of} fields=${shown} hasLast=${request.hasLast} />
      <div class="row end"><button type="button" onClick=${() => setShown(false)}>${t("close")}</button></div>
    <//>`
    }
  </div>`;
}
