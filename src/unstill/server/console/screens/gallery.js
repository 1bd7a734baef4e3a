import { html } from "../parts/html.js";
import { Title } from "../parts/title.js";
import { t } from "../texts/app.js";

/** @param {{args: string[], query: URLSearchParams}} _props */
export function Gallery(_props) {
  return html`<${Title}>${t("gallery")}<//>`;
}
