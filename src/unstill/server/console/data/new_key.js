/** A key that was just made: the server tells it once, so it is kept here until its maker has it. */

import { signal } from "../vendor/signals.js";

/**
 * @typedef {object} NewKey
 * @property {string} key
 * @property {string} id
 * @property {string} name
 * @property {string} owner
 * @property {"user" | "admin"} scope
 * @property {boolean} isForTab the tab has no other key that the server takes
 */

export const newKey = signal(/** @type {NewKey | null} */ (null));
