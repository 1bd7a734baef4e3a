/** What the page remembers of its user in this browser: language and theme, nothing else. */

import { effect, signal } from "../vendor/signals.js";

/** @typedef {"en" | "zh"} Language */
/** @typedef {"auto" | "light" | "dark"} Theme */

/** @param {string} name @param {string[]} among @param {string} otherwise */
function remembered(name, among, otherwise) {
  let value = null;
  try {
    value = localStorage.getItem(`unstill.${name}`);
  } catch {
    // A browser that keeps nothing: the usual then.
  }
  return value !== null && among.includes(value) ? value : otherwise;
}

/** @param {string} name @param {string} value */
function remember(name, value) {
  try {
    localStorage.setItem(`unstill.${name}`, value);
  } catch {
    // Likewise.
  }
}

const spoken = navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en";

export const language = signal(
  /** @type {Language} */ (remembered("language", ["en", "zh"], spoken)),
);
export const theme = signal(
  /** @type {Theme} */ (remembered("theme", ["auto", "light", "dark"], "auto")),
);

effect(() => {
  document.documentElement.lang = language.value === "zh" ? "zh-CN" : "en";
});
effect(() => {
  document.documentElement.dataset.theme = theme.value;
});

/** @param {Language} chosen */
export function speak(chosen) {
  language.value = chosen;
  remember("language", chosen);
}

/** @param {Theme} chosen */
export function wear(chosen) {
  theme.value = chosen;
  remember("theme", chosen);
}
