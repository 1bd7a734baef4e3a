/** A video from a photo: the photo, what is asked for, and how far it is. */

import { ApiError } from "../data/api.js";
import { listJobs } from "../data/jobs.js";
import { loadModels, models } from "../data/models.js";
import { html, useEffect, useRef, useState } from "../parts/html.js";
import { Title } from "../parts/title.js";
import { t } from "../texts/make.js";
import { Form, Go } from "./make/form.js";
import { askedAnew, keepQuoted } from "./make/quote.js";
import { RunCard } from "./make/run_card.js";
import { findAgain, isEnded, runs } from "./make/runs.js";
import { Welcome } from "./make/welcome.js";
import { Zone } from "./make/zone.js";

const RETRY_MS = 3_000;

/** Do it until the server answers. @param {() => Promise<unknown>} work @param {AbortSignal} abort */
async function untilDone(work, abort) {
  while (!abort.aborted) {
    try {
      await work();
      return;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (!error.isUnreachable && error.status < 500) return;
    }
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }
}

/** How the videos of this tab stand together, for a batch. */
function endsText() {
  const all = runs.value;
  const ended = all.filter(isEnded).length;
  const made = all.filter((each) => each.job?.state === "succeeded").length;
  if (all.length < 2) return "";
  const failed = ended - made;
  const counts = { all: all.length, ended, failed };
  return failed ? t("endedSome", counts) : t("ended", counts);
}

function Runs() {
  return html`<section class="runs" aria-label=${t("videos")}>
    ${
      runs.value.length > 0 &&
      html`<div class="row apart"><h2 tabindex="-1">${t("videos")}</h2>
        <p class="muted small" role="status">${endsText()}</p></div>
      <div class="run-cards" data-many=${runs.value.length > 1 ? "" : undefined}>
        ${runs.value.map((each) => html`<${RunCard} key=${each.key} run=${each} />`)}</div>`
    }
  </section>`;
}

export function Make() {
  const [isEmpty, setEmpty] = useState(false);
  const below = useRef(/** @type {HTMLElement | null} */ (null));
  useEffect(() => {
    const ending = new AbortController();
    const { signal } = ending;
    if (!models.value) untilDone(loadModels, signal);
    untilDone(async () => {
      await findAgain();
      const { data } = await listJobs({ limit: 1 });
      if (!signal.aborted) setEmpty(data.length === 0);
    }, signal);
    const endQuotes = keepQuoted();
    return () => {
      ending.abort();
      endQuotes();
    };
  }, []);
  const ended = runs.value.filter(isEnded).length;
  useEffect(() => {
    if (ended) askedAnew.value += 1;
  }, [ended]);
  const sent = () =>
    requestAnimationFrame(() => {
      if (runs.value.length) below.current?.scrollIntoView({ block: "nearest" });
    });
  return html`<${Title}>${t("title")}<//>
    <div class="make-screen">
      <${Zone} />
      <div class="asked"><${Form} onSent=${sent} /></div>
      <${Go} />
      <div class="below" ref=${below}>
        ${isEmpty && !runs.value.length && html`<${Welcome} />`}
        <${Runs} />
      </div>
    </div>`;
}
