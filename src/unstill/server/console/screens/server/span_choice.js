/** For how long a time figures are shown. */

import { html } from "../../parts/html.js";
import { t } from "../../texts/figures.js";

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
