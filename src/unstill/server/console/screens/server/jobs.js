import { html } from "../../parts/html.js";

export function Jobs() {
  return html`<p></p>`;
}
