/** What can be done with a job: download, link, again; cancel, retry, delete. */

import { makeAgain, PictureGone } from "../../data/again.js";
import { ApiError } from "../../data/api.js";
import { cancelJob, deleteJob, hasVideo, isFinal, readJob } from "../../data/jobs.js";
import { cancelAsOperator, deleteAsOperator } from "../../data/operating.js";
import { address, go } from "../../data/route.js";
import { freshTicket, videoAddress } from "../../data/tickets.js";
import { Question } from "../../parts/dialog.js";
import { moment } from "../../parts/format.js";
import { html, useState } from "../../parts/html.js";
import { Icon } from "../../parts/icons.js";
import { notify } from "../../parts/notices.js";
import { t } from "../../texts/job.js";
import { fileName } from "../gallery/zip.js";
import { adviceOn } from "./advice.js";

/**
 * @typedef {import("../../data/answers.js").Details} Details
 * @typedef {import("../../data/answers.js").AdminTold} AdminTold
 */

/** Do it once at a time, and tell what was refused. */
function useTried() {
  const [isBusy, setBusy] = useState(false);
  const [trouble, setTrouble] = useState("");
  const [isGone, setGone] = useState(false);
  /** @param {() => Promise<void>} work */
  const tried = async (work) => {
    if (isBusy) return;
    setBusy(true);
    setTrouble("");
    try {
      await work();
    } catch (error) {
      if (error instanceof PictureGone) setGone(true);
      else if (error instanceof ApiError) setTrouble(refusalText(error));
      else throw error;
    }
    setBusy(false);
  };
  return { isBusy, trouble, isGone, tried };
}

/** @param {ApiError} error */
function refusalText(error) {
  if (error.isUnreachable) return t("unreachable");
  // DashScope's words, in which the cancel call answers.
  if (error.code === "UnsupportedOperation" || error.code === "too_late_to_cancel")
    return t("tooLate");
  if (["budget_exceeded", "storage_limit_exceeded", "misconfigured"].includes(error.code))
    return `${error.message}. ${adviceOn(error.code)}`;
  return error.message;
}

/** @param {Details} job */
async function download(job) {
  await freshTicket();
  const link = document.createElement("a");
  link.href = videoAddress(job.id) ?? "";
  link.download = fileName(job);
  link.click();
}

/** A link is good for a while: each is a new one. @param {Details} job @param {(link: string) => void} show */
async function copyLink(job, show) {
  const { link, link_until_ms: untilMs } = await readJob(job.id);
  if (!link) return;
  show(link);
  await navigator.clipboard?.writeText(link).then(
    () => notify(untilMs ? t("linkUntil", { at: moment(untilMs) }) : t("linkCopied")),
    () => {},
  );
}

/** @param {{about: string, onYes: () => void}} props */
function Delete({ about, onYes }) {
  const [isAsking, setAsking] = useState(false);
  return html`<button type="button" class="danger" onClick=${() => setAsking(true)}><${Icon} name="trash" />${t("delete")}</button>
    ${
      isAsking &&
      html`<${Question} isDangerous title=${t("deleteTitle")} about=${about} yes=${t("delete")}
        onNo=${() => setAsking(false)}
        onYes=${() => {
          setAsking(false);
          onYes();
        }} />`
    }`;
}

/** @param {{isAsked: boolean, isBusy: boolean, onClick: () => void}} props */
const Cancel = ({ isAsked, isBusy, onClick }) =>
  html`<button type="button" aria-disabled=${isAsked || isBusy ? "true" : undefined}
    onClick=${() => !isAsked && onClick()}><${Icon} name="stop" />${t(isAsked ? "asksToStop" : "cancel")}</button>`;

/** @param {{job: Details}} props */
function Made({ job }) {
  const { isBusy, trouble, isGone, tried } = useTried();
  const [link, setLink] = useState("");
  const again = () =>
    tried(async () => {
      const id = await makeAgain(job, { hasOtherSeed: true });
      notify(t("begun"));
      go("jobs", [id]);
    });
  return html`
    <button type="button" class="primary" onClick=${() => tried(() => download(job))}>
      <${Icon} name="download" />${t("download")}</button>
    <button type="button" onClick=${() => tried(() => copyLink(job, setLink))}>
      <${Icon} name="link" />${t("copyLink")}</button>
    <button type="button" aria-disabled=${isBusy ? "true" : undefined} onClick=${again}>
      <${Icon} name="again" />${t("again")}</button>
    ${
      link &&
      html`<input class="link" readonly aria-label=${t("link")} value=${link}
        onFocus=${(/** @type {any} */ event) => event.currentTarget.select()} />`
    }
    <${Trouble} text=${trouble} isGone=${isGone} />`;
}

/** @param {{text: string, isGone: boolean}} props */
const Trouble = ({ text, isGone }) => html`<div class="trouble" role="alert">
  ${text && html`<p class="error">${text}</p>`}
  ${isGone && html`<p class="error">${t("pictureGone")} <a href=${address("make")}>${t("toMake")}</a></p>`}
</div>`;

/** @param {{job: Details}} props */
export function Ways({ job }) {
  const { isBusy, trouble, isGone, tried } = useTried();
  const remove = () =>
    tried(async () => {
      await deleteJob(job.id);
      notify(t("deleted"));
      go("gallery");
    });
  const retry = () =>
    tried(async () => {
      const id = await makeAgain(job);
      notify(t("begun"));
      go("jobs", [id]);
    });
  const isOver = isFinal(job);
  const isThere = hasVideo(job);
  return html`<div class="row ways">
    ${isThere && html`<${Made} key=${job.id} job=${job} />`}
    ${
      !isOver &&
      html`<${Cancel} isAsked=${job.wants_cancel} isBusy=${isBusy}
      onClick=${() => tried(async () => void (await cancelJob(job.id)))} />`
    }
    ${
      isOver &&
      !isThere &&
      html`<button type="button" class="primary" aria-disabled=${isBusy ? "true" : undefined} onClick=${retry}>
      <${Icon} name="again" />${t("retry")}</button>`
    }
    <${Delete} about=${isOver ? t("deleteAbout") : t("deleteLive")} onYes=${remove} />
    <${Trouble} text=${trouble} isGone=${isGone} />
  </div>`;
}

/** The same by an operator, of whatever owner the job is. @param {{admin: AdminTold, onDone: () => void}} props */
export function OperatorWays({ admin, onDone }) {
  const { isBusy, trouble, isGone, tried } = useTried();
  if (admin.is_deleted) return null;
  const remove = () =>
    tried(async () => {
      await deleteAsOperator(admin.id);
      notify(t("deleted"));
      onDone();
    });
  const stop = () =>
    tried(async () => {
      await cancelAsOperator(admin.id);
      onDone();
    });
  return html`<div class="row ways">
    ${!isFinal(admin) && html`<${Cancel} isAsked=${admin.wants_cancel} isBusy=${isBusy} onClick=${stop} />`}
    <${Delete} about=${t("deleteOthers", { owner: admin.owner })} onYes=${remove} />
    <${Trouble} text=${trouble} isGone=${isGone} />
  </div>`;
}
