/** One control for each kind of field; the value is the user's, or the model's usual one. */

import { Field } from "../../parts/field.js";
import { html, useId } from "../../parts/html.js";
import { t } from "../../texts/make.js";
import { fieldHelp, fieldTitle, optionText } from "../../texts/make_fields.js";
import { setValue, troubles, values } from "./draft.js";

/** @typedef {import("./fields.js").Control} Control */
/** @typedef {import("./fields.js").Value} Value */
/** @typedef {{control: Control, placeholder?: string}} Props */

/** @param {any} event */
const valueIn = (event) => /** @type {string} */ (event.currentTarget.value);

/** A number where it is one; what is not is sent as it stands, and refused beside its field. @param {string} text */
const numberIn = (text) => (text.trim() === "" || Number.isNaN(Number(text)) ? text : Number(text));

/** @param {Props} props */
export function FormField({ control, placeholder }) {
  const { kind } = control;
  if (kind === "choice") return html`<${Segments} control=${control} />`;
  if (kind === "switch") return html`<${Switch} control=${control} />`;
  const title = fieldTitle(control);
  return html`<${Field} label=${title} help=${fieldHelp(control)} error=${troubles.value[control.name]}>
    ${(/** @type {object} */ bound) => inputOf(control, bound, placeholder)}
  <//>`;
}

/** @param {Control} control @param {object} bound @param {string} [placeholder] */
function inputOf(control, bound, placeholder) {
  const { kind, name } = control;
  const value = values.value[name];
  if (kind === "long") {
    return html`<textarea ...${bound} rows="3" maxlength=${control.mostChars ?? undefined} required=${control.isRequired}
      placeholder=${name === "prompt" ? t("promptHint") : undefined} value=${value ?? ""}
      onInput=${(/** @type {any} */ event) => setValue(name, valueIn(event))}></textarea>`;
  }
  if (kind === "list") return html`<${List} control=${control} bound=${bound} />`;
  if (kind === "range") return html`<${Range} control=${control} bound=${bound} />`;
  const isNumber = kind === "number";
  return html`<input ...${bound} type=${isNumber ? "number" : "text"} step="1" spellcheck=${false}
    min=${control.least ?? undefined} max=${control.most ?? undefined} required=${control.isRequired} autocomplete="off"
    placeholder=${placeholder ?? control.usual ?? undefined} value=${value ?? ""}
    onInput=${(/** @type {any} */ event) =>
      setValue(name, isNumber ? numberIn(valueIn(event)) : valueIn(event).trim())} />`;
}

/** @param {{control: Control, bound: object}} props */
function List({ bound, control }) {
  const { name, options, usual } = control;
  const value = values.value[name];
  const chosen = options.findIndex((each) => each === (value ?? usual));
  return html`<select ...${bound} value=${String(chosen)}
    onChange=${(/** @type {any} */ event) => setValue(name, options[Number(valueIn(event))])}>
    ${chosen === -1 && html`<option value="-1">${t("asUsual")}</option>`}
    ${options.map((each, at) => html`<option key=${at} value=${String(at)}>${optionText(name, each)}</option>`)}
  </select>`;
}

/** @param {{control: Control, bound: object}} props */
function Range({ bound, control }) {
  const { least, most, name, usual } = control;
  const value = values.value[name] ?? usual ?? least ?? 0;
  const text = optionText(name, value);
  return html`<div class="range">
    <input ...${bound} type="range" min=${least} max=${most} step="1" value=${value} aria-valuetext=${text}
      onInput=${(/** @type {any} */ event) => setValue(name, Number(valueIn(event)))} />
    <output>${text}</output>
  </div>`;
}

/** @param {{control: Control}} props */
function Segments({ control }) {
  const { name, options, usual } = control;
  const id = useId();
  const error = troubles.value[name];
  const help = fieldHelp(control);
  const value = values.value[name] ?? usual;
  /** @type {(Value | null)[]} */
  const offered = usual === null && !control.isRequired ? [null, ...options] : options;
  return html`<fieldset class="field" data-wrong=${error ? "" : undefined}
    aria-describedby="${id}-help ${id}-error">
    <legend>${fieldTitle(control)}</legend>
    <div class="segments">
      ${offered.map(
        (
          each,
        ) => html`<label key=${String(each)}><input type="radio" name=${id} value=${String(each)}
          checked=${each === value} aria-invalid=${error ? "true" : undefined}
          onChange=${() => setValue(name, each ?? undefined)} /><span>${
            each === null ? t("asUsual") : optionText(name, each)
          }</span></label>`,
      )}
    </div>
    <p class="help" id="${id}-help">${help}</p>
    <p class="error" id="${id}-error" role="alert">${error}</p>
  </fieldset>`;
}

/** @param {{control: Control}} props */
function Switch({ control }) {
  const { name, usual } = control;
  const id = useId();
  const error = troubles.value[name];
  return html`<div class="field" data-wrong=${error ? "" : undefined}>
    <label class="switch"><input type="checkbox" role="switch" checked=${values.value[name] ?? usual}
      aria-describedby="${id}-help" onChange=${(/** @type {any} */ event) =>
        setValue(name, event.currentTarget.checked)} /><span>${fieldTitle(control)}</span></label>
    <p class="help" id="${id}-help">${fieldHelp(control)}</p>
    ${error && html`<p class="error" role="alert">${error}</p>`}
  </div>`;
}
