/** What this is, for who opens an empty server for the first time. */

import { html } from "../../parts/html.js";
import { t } from "../../texts/make.js";

export const Welcome = () => html`<section class="card welcome">
  <h2>${t("welcome")}</h2>
  <ol>
    <li><strong>${t("step1")}</strong> ${t("step1About")}</li>
    <li><strong>${t("step2")}</strong> ${t("step2About")}</li>
    <li><strong>${t("step3")}</strong> ${t("step3About")}</li>
  </ol>
  <p class="muted small">${t("welcomeMore")} <a href="docs">${t("welcomeDocs")}</a></p>
</section>`;
