/** What all views of the screen Server have: how old their figures are, and what was not told. */

import { clock } from "../../parts/format.js";
import { html } from "../../parts/html.js";
import { Icon } from "../../parts/icons.js";
import { isPaused } from "../../parts/live.js";
import { t } from "../../texts/server.js";

/** @typedef {import("../../parts/live.js").Figures} Figures */

/**
 * A view's figures once each was told or refused, all at once: nothing moves as one after another comes.
 *
 * @param {{figures: Figures, names: string[], everyS?: number, children: unknown}} props
 */
export function View({ figures, names, everyS = 5, children }) {
  if (!names.every((name) => name in figures.told || name in figures.troubles)) {
    return html`<p class="loading">${t("loading")}</p>`;
  }
  return html`<div class="view">
    <div class="row freshness small muted">
      <span>${figures.atMs > 0 && `${t("asOf", { time: clock(figures.atMs) })} · `}${
        isPaused.value ? t("isPaused") : t("everyS", { n: everyS })
      }</span>
      <button type="button" class="quiet small" onClick=${() => {
        isPaused.value = !isPaused.value;
      }}><${Icon} name=${isPaused.value ? "play" : "pause"} />${t(isPaused.value ? "goOn" : "pause")}</button>
    </div>
    ${children}
  </div>`;
}

/**
 * A part of a view under its heading. Where the server refused one of its figures it says so, once.
 *
 * @param {{title: string, figures: Figures, names: string[], action?: unknown, children: unknown}} props
 */
export function Section({ title, figures, names, action, children }) {
  const refused = names.map((name) => figures.troubles[name]).find(Boolean);
  // That nobody answers is said at the head of the page.
  const trouble = refused && !refused.isUnreachable ? refused.message : "";
  const isTold = names.every((name) => name in figures.told);
  return html`<section class="part">
    <div class="row apart"><h2>${title}</h2>${action}</div>
    <p class="error" role="alert">${trouble && `${t("trouble", { message: trouble })} ${isTold ? t("stale") : ""}`}</p>
    ${isTold && children}
  </section>`;
}
