/** The limits of an owner or a key: in words, and as fields of a form. */

import { ApiError, call } from "../../data/api.js";
import { account } from "../../data/session.js";
import { Dialog } from "../../parts/dialog.js";
import { bytes, money, number } from "../../parts/format.js";
import { html, useRef, useState } from "../../parts/html.js";
import { notify } from "../../parts/notices.js";
import { TextField } from "../../parts/text_field.js";
import { t } from "../../texts/owners.js";

const BYTES_OF_MB = 1_000_000;

export const OF_KEYS = /** @type {const} */ ([
  "in_flight",
  "submits_per_minute",
  "requests_per_minute",
  "queue",
  "bytes",
]);
const OF_OWNERS = /** @type {const} */ ([...OF_KEYS, "budget_day", "budget_month", "weight"]);

/**
 * @typedef {typeof OF_OWNERS[number]} LimitName
 * @typedef {Partial<Record<LimitName, number | string | null>>} Limits
 * @typedef {Partial<Record<LimitName, string>>} Written as the fields have them
 */

/** @param {LimitName} name */
const isMoney = (name) => name === "budget_day" || name === "budget_month";

/** @param {LimitName} name */
const labelOf = (name) =>
  name === "budget_day" || name === "budget_month" ? t(`${name}_limit`) : t(name);

/** Those that are set, each in words. @param {{limits: Limits}} props */
export function LimitsInWords({ limits }) {
  const set = OF_OWNERS.filter((name) => isSet(name, limits[name] ?? null));
  if (set.length === 0) return html`<span class="muted">${t("noLimits")}</span>`;
  return html`<ul class="ids small">
    ${set.map((name) => html`<li key=${name}>${t("short", { name: labelOf(name), value: shown(name, limits[name]) })}</li>`)}
  </ul>`;
}

/** @param {LimitName} name @param {number | string | null} value */
const isSet = (name, value) => value !== null && !(name === "weight" && value === 1);

/** @param {LimitName} name @param {number | string | null | undefined} value */
function shown(name, value) {
  if (name === "bytes") return bytes(Number(value));
  if (!isMoney(name)) return number(Number(value));
  const currency = account.value?.money?.currency;
  return currency ? money(String(value), currency) : String(value);
}

/** What stands in the fields at first. @param {Limits} limits @returns {Written} */
export function written(limits) {
  /** @type {Written} */
  const fields = {};
  for (const name of OF_OWNERS) {
    const value = limits[name] ?? null;
    if (value === null) fields[name] = "";
    else fields[name] = name === "bytes" ? String(Number(value) / BYTES_OF_MB) : String(value);
  }
  return fields;
}

/**
 * What a form asks for: only what differs from before. What is no number goes as it is, and the
 * server says what is wrong with it.
 *
 * @param {Written} fields
 * @param {Written} before
 * @returns {Limits}
 */
export function changed(fields, before) {
  /** @type {Limits} */
  const limits = {};
  for (const name of OF_OWNERS) {
    const given = fields[name]?.trim() ?? "";
    if (given !== (before[name] ?? "")) limits[name] = given === "" ? null : parsed(name, given);
  }
  return limits;
}

/** @param {LimitName} name @param {string} given */
function parsed(name, given) {
  if (isMoney(name)) return given;
  if (name === "bytes" && /^\d+(\.\d+)?$/.test(given))
    return Math.round(Number(given) * BYTES_OF_MB);
  return /^\d{1,15}$/.test(given) ? Number(given) : given;
}

/**
 * @param {{among: readonly LimitName[], fields: Written, errors: Record<string, string>,
 *   onInput: (fields: Written) => void}} props
 */
export const LimitFields = ({ among, fields, errors, onInput }) => html`<div class="limit-fields">
  ${among.map(
    (
      name,
    ) => html`<${TextField} key=${name} label=${labelOf(name)} help=${unitOf(name)} error=${errors[name]} value=${fields[name]}
      more=${{ inputmode: isMoney(name) || name === "bytes" ? "decimal" : "numeric" }}
      onValue=${(/** @type {string} */ value) => onInput({ ...fields, [name]: value })} />`,
  )}
</div>`;

/** @param {LimitName} name */
function unitOf(name) {
  const currency = account.value?.money?.currency ?? t("currency");
  return t(`${name}_unit`, { currency });
}

/**
 * Whose limits: an owner, named or yet to be named (""), or one of its keys.
 *
 * @typedef {{kind: "owners" | "keys", id: string, name: string, limits: Limits}} Party
 */

/** @param {{party: Party, onClose: () => void, onSaved: () => void}} props */
export function SetLimits({ party, onClose, onSaved }) {
  const [before] = useState(() => written(party.limits));
  const [fields, setFields] = useState(before);
  const [id, setId] = useState(party.id);
  const [errors, setErrors] = useState(/** @type {Errors} */ ({}));
  const [isSaving, setSaving] = useState(false);
  const form = useRef(/** @type {HTMLFormElement | null} */ (null));
  const among = party.kind === "owners" ? OF_OWNERS : OF_KEYS;
  /** @param {SubmitEvent} event */
  const save = async (event) => {
    event.preventDefault();
    const limits = changed(fields, before);
    if (party.id && Object.keys(limits).length === 0) {
      onClose();
      return;
    }
    setSaving(true);
    try {
      await call("PATCH", `admin/${party.kind}/${encodeURIComponent(id.trim() || " ")}`, {
        json: limits,
      });
    } catch (refusal) {
      setErrors(errorsOf(refusal, ["owner", ...among]));
      setSaving(false);
      focusWrong(form.current);
      return;
    }
    notify(t("saved", { name: party.name || id }));
    onSaved();
  };
  return html`<${Dialog} title=${party.id ? t("setLimitsOf", { name: party.name }) : t("setOther")} onClose=${onClose}>
    <form class="column" ref=${form} onSubmit=${save} noValidate>
      <p class="plain small muted">${t("limitsAbout")} ${party.kind === "keys" && t("limitsOfKey")}</p>
      ${
        !party.id &&
        html`<${TextField} label=${t("owner")} error=${errors.owner} value=${id} onValue=${setId} />`
      }
      <${LimitFields} among=${among} fields=${fields} errors=${errors} onInput=${setFields} />
      <p class="error" role="alert">${errors[""]}</p>
      <div class="row end">
        <button type="button" onClick=${onClose}>${t("cancel")}</button>
        <button class="primary" disabled=${isSaving}>${t("save")}</button>
      </div>
    </form>
  <//>`;
}

/** @typedef {Record<string, string>} Errors by the name of a field; "" for the form as a whole */

/**
 * Raises whatever is no refusal.
 *
 * @param {unknown} refusal
 * @param {readonly string[]} fields
 * @returns {Errors}
 */
export function errorsOf(refusal, fields) {
  if (!(refusal instanceof ApiError)) throw refusal;
  const message = refusal.isUnreachable ? t("unreachable") : refusal.message;
  // Of one among several it names the place too, such as models[0].
  const param = refusal.param?.replace(/[.[].*/, "") ?? "";
  return { [fields.includes(param) ? param : ""]: message };
}

/** Go to the first field that is wrong. @param {HTMLElement | null} form */
export function focusWrong(form) {
  requestAnimationFrame(() => {
    const wrong = /** @type {HTMLElement | null | undefined} */ (
      form?.querySelector("[aria-invalid='true']")
    );
    wrong?.closest("details")?.setAttribute("open", "");
    wrong?.focus();
  });
}
