import { html } from "../../parts/html.js";

export function Spend() {
  return html`<p></p>`;
}
