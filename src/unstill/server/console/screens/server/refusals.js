/** What the server refused in a form, in its own words, beside the field that it names. */

import { ApiError } from "../../data/api.js";
import { t } from "../../texts/owners.js";

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
