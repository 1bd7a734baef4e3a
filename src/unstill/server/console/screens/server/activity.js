import { html } from "../../parts/html.js";

export function Activity() {
  return html`<p></p>`;
}
