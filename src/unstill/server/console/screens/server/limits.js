/** The limits of an owner or a key: in words, and as fields of a form. */

import { account } from "../../data/session.js";
import { Field } from "../../parts/field.js";
import { bytes, money, number } from "../../parts/format.js";
import { html } from "../../parts/html.js";
import { t } from "../../texts/owners.js";

const BYTES_OF_MB = 1_000_000;

export const OF_KEYS = /** @type {const} */ ([
  "in_flight",
  "submits_per_minute",
  "requests_per_minute",
  "queue",
  "bytes",
]);
export const OF_OWNERS = /** @type {const} */ ([
  ...OF_KEYS,
  "budget_day",
  "budget_month",
  "weight",
]);

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
    ) => html`<${Field} key=${name} label=${labelOf(name)} help=${unitOf(name)} error=${errors[name]}>
      ${(/** @type {object} */ bound) => html`<input ...${bound} autocomplete="off"
        inputmode=${isMoney(name) || name === "bytes" ? "decimal" : "numeric"} value=${fields[name]}
        onInput=${(/** @type {any} */ event) => onInput({ ...fields, [name]: event.currentTarget.value })} />`}
    <//>`,
  )}
</div>`;

/** @param {LimitName} name */
function unitOf(name) {
  const currency = account.value?.money?.currency ?? t("currency");
  return t(`${name}_unit`, { currency });
}
