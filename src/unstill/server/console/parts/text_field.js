/** A field of one line of text. */

import { Field } from "./field.js";
import { html } from "./html.js";

/** What a control's event hands on. @param {(value: string) => void} take */
export const into = (take) => (/** @type {any} */ event) => take(event.currentTarget.value);

/**
 * @param {{label: string, value: string, onValue: (value: string) => void, help?: string, error?: string,
 *   more?: object}} props more: attributes of the input
 */
export const TextField = ({ label, value, onValue, help, error, more }) =>
  html`<${Field} label=${label} help=${help} error=${error}>
    ${(/** @type {object} */ bound) => html`<input ...${bound} ...${more} autocomplete="off"
      spellcheck="false" value=${value} onInput=${into(onValue)} />`}
  <//>`;
