import { html } from "../parts/html.js";
import { t } from "../texts/app.js";

/** @param {{args: string[], query: URLSearchParams}} _props */
export function Job(_props) {
  return html`<h1 tabindex="-1">${t("job")}</h1>`;
}
