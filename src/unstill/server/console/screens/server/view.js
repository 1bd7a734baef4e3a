/** What all views of the screen Server have: how old their figures are, and what was not told. */

import { clock } from "../../parts/format.js";
import { html } from "../../parts/html.js";
import { Icon } from "../../parts/icons.js";
import { isPaused } from "../../parts/live.js";
import { t } from "../../texts/server.js";

/** @typedef {import("../../parts/live.js").Figures} Figures */

/**
 * A view's figures once each was told or refused, all at once: nothing moves as one after another
 * comes. What the server refuses is said once, above.
 *
 * @param {{figures: Figures, names: string[], everyS?: number, children: unknown}} props
 */
export function View({ figures, names, everyS = 5, children }) {
  const { told, troubles, atMs } = figures;
  if (!names.every((name) => name in told || name in troubles)) {
    return html`<p class="loading">${t("loading")}</p>`;
  }
  const now = isPaused.value ? t("isPaused") : t("everyS", { n: everyS });
  return html`<div class="view">
    <div class="row freshness small muted">
      <span>${atMs > 0 && `${t("asOf", { time: clock(atMs) })} · `}${now}</span>
      <button type="button" class="quiet small" onClick=${() => {
        isPaused.value = !isPaused.value;
      }}><${Icon} name=${isPaused.value ? "play" : "pause"} />${t(isPaused.value ? "goOn" : "pause")}</button>
    </div>
    <p class="error" role="alert">${refusals(troubles)
      .map((message) => t("trouble", { message }))
      .join(" ")}</p>
    ${children}
  </div>`;
}

/** In the server's words; that nobody answers is said at the head of the page. @param {Figures["troubles"]} troubles */
function refusals(troubles) {
  const refused = Object.values(troubles).filter(
    (each) => !each.isUnreachable && each.body?.status === undefined,
  );
  return [...new Set(refused.map((each) => each.message))];
}

/**
 * A part of a view under its heading, once what it shows was told.
 *
 * @param {{title: string, figures: Figures, names: string[], action?: unknown, children: unknown}} props
 */
export const Section = ({ title, figures, names, action, children }) => html`<section class="part">
  <div class="row apart"><h2>${title}</h2>${action}</div>
  ${names.every((name) => name in figures.told) && children}
</section>`;

/**
 * @template {string} T
 * @param {{among: readonly T[], chosen: T, onChosen: (chosen: T) => void}} props
 */
export const SpanChoice = ({ among, chosen, onChosen }) => html`<fieldset class="spans">
  <legend class="unseen">${t("over")}</legend>
  ${among.map(
    (
      each,
    ) => html`<button key=${each} type="button" aria-pressed=${each === chosen ? "true" : "false"}
      onClick=${() => onChosen(each)}>${t(/** @type {"h24"} */ (each))}</button>`,
  )}
</fieldset>`;
