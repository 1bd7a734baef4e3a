/** Times, sizes and amounts in the user's language. */

import { language } from "../data/settings.js";

const tag = () => (language.value === "zh" ? "zh-CN" : "en-GB");

/** @param {number} ms */
export const moment = (ms) =>
  new Intl.DateTimeFormat(tag(), { dateStyle: "medium", timeStyle: "medium" }).format(ms);

/** @param {number} ms */
export const clock = (ms) => new Intl.DateTimeFormat(tag(), { timeStyle: "medium" }).format(ms);

/** @param {number} ms */
export const day = (ms) => new Intl.DateTimeFormat(tag(), { dateStyle: "medium" }).format(ms);

/** @type {Map<string, Intl.DateTimeFormat>} */
const shortDays = new Map();

/** The day, without its year where that is this one. @param {number} ms */
export function shortDay(ms) {
  const isOld = new Date(ms).getFullYear() !== new Date().getFullYear();
  const name = `${tag()} ${isOld}`;
  // Kept, as a list has many, and making one takes longer than using it.
  const known =
    shortDays.get(name) ??
    new Intl.DateTimeFormat(tag(), {
      day: "numeric",
      month: "short",
      year: isOld ? "numeric" : undefined,
    });
  shortDays.set(name, known);
  return known.format(ms);
}

/** @param {number} ms a length of time */
export function span(ms) {
  const s = Math.max(0, Math.round(ms / 1000));
  const unit = (/** @type {number} */ value, /** @type {string} */ name) =>
    new Intl.NumberFormat(tag(), { style: "unit", unit: name, unitDisplay: "short" }).format(value);
  if (ms < 10_000) return unit(Math.max(0, Math.round(ms / 100) / 10), "second");
  if (s < 60) return unit(s, "second");
  const units = /** @type {const} */ ([
    [86_400, "day", 3600, "hour"],
    [3600, "hour", 60, "minute"],
    [60, "minute", 1, "second"],
  ]);
  const [great, greatName, small, smallName] = units.find(([each]) => s >= each) ?? units[2];
  const rest = Math.floor((s % great) / small);
  const whole = unit(Math.floor(s / great), greatName);
  return rest > 0 ? `${whole} ${unit(rest, smallName)}` : whole;
}

/** @param {number} bytes */
export function bytes(bytes) {
  const units = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte"];
  let at = 0;
  let value = bytes;
  while (value >= 1000 && at < units.length - 1) {
    value /= 1000;
    at += 1;
  }
  return new Intl.NumberFormat(tag(), {
    style: "unit",
    unit: units[at],
    unitDisplay: "short",
    maximumFractionDigits: value < 10 && at > 0 ? 1 : 0,
  }).format(value);
}

/** @type {Map<string, Intl.NumberFormat>} */
const numbers = new Map();

/** @param {number} value @param {number} [digits] */
export function number(value, digits = 0) {
  const name = `${tag()} ${digits}`;
  const known =
    numbers.get(name) ?? new Intl.NumberFormat(tag(), { maximumFractionDigits: digits });
  numbers.set(name, known);
  return known.format(value);
}

/** @param {number} fraction 0 to 1 */
export const percent = (fraction) =>
  new Intl.NumberFormat(tag(), { style: "percent", maximumFractionDigits: 0 }).format(fraction);

/** An amount as the server tells it, in plain decimals. @param {string} amount @param {string} currency */
export function money(amount, currency) {
  try {
    return new Intl.NumberFormat(tag(), {
      style: "currency",
      currency,
      maximumFractionDigits: 6,
    }).format(Number(amount));
  } catch {
    return `${amount} ${currency}`;
  }
}
