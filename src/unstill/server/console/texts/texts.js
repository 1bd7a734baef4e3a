/** Texts in the user's language. Each screen has a file of its own beside this one. */

import { language } from "../data/settings.js";

/**
 * A function that gives a text by its name, with `{name}` filled in.
 *
 * English says which texts there are; Chinese has to have each of them.
 *
 * @template {Record<string, string>} T
 * @param {{en: T, zh: {[K in keyof T]: string}}} of
 * @returns {(name: keyof T & string, values?: Record<string, string | number>) => string}
 */
export function texts(of) {
  return (name, values = {}) =>
    of[language.value][name].replace(/\{(\w+)\}/g, (whole, key) =>
      key in values ? String(values[key]) : whole,
    );
}
