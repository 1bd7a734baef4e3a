import { html } from "../parts/html.js";
import { t } from "../texts/app.js";

/** @param {{args: string[], query: URLSearchParams}} _props */
export function Compare(_props) {
  return html`<h1 tabindex="-1">${t("compare")}</h1>`;
}
