import { html } from "../parts/html.js";
import { t } from "../texts/app.js";

/** @param {{args: string[], query: URLSearchParams}} _props */
export function Gallery(_props) {
  return html`<h1 tabindex="-1">${t("gallery")}</h1>`;
}
