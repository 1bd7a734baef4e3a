/** A field of a form: its label, its control, its help, and beside it what is wrong with it. */

import { html, useId } from "./html.js";

/**
 * The control is given the attributes that bind it to its texts.
 *
 * @param {{label: string, help?: string, error?: string, hideLabel?: boolean,
 *   children: (bound: {id: string, "aria-describedby"?: string, "aria-invalid"?: "true"}) => unknown}} props
 */
export function Field({ label, help, error, hideLabel = false, children }) {
  const id = useId();
  const about = [help ? `${id}-help` : "", error ? `${id}-error` : ""].filter(Boolean).join(" ");
  const bound = {
    id,
    ...(about ? { "aria-describedby": about } : {}),
    ...(error ? { "aria-invalid": /** @type {const} */ ("true") } : {}),
  };
  return html`<div class="field" data-wrong=${error ? "" : undefined}>
    <label for=${id} class=${hideLabel ? "unseen" : ""}>${label}</label>
    ${children(bound)}
    ${help && html`<p class="help" id="${id}-help">${help}</p>`}
    ${error && html`<p class="error" id="${id}-error" role="alert">${error}</p>`}
  </div>`;
}
