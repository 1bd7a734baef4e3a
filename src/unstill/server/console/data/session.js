/** Who the tab's user is to the server. */

import { computed, signal } from "../vendor/signals.js";
import { ApiError, call, keepKey, key, keyTrouble } from "./api.js";

/**
 * @typedef {{span: "day" | "month", budget: string, used: string, left: string, resets_ms: number}} Budget
 * @typedef {object} Account
 * @property {string} owner
 * @property {{id: string, name: string, scope: "user" | "admin", models: string[] | null, expires_ms: number | null} | null} key
 * @property {boolean} is_operator
 * @property {boolean} asks_for_key
 * @property {Record<string, number | null>} limits
 * @property {{currency: string, budgets: Budget[]} | null} money
 */

/** null until the server has said so, or while it asks for a key. */
export const account = signal(/** @type {Account | null} */ (null));
/** Whether the server asks for a key that the tab does not have. */
export const asksForKey = signal(false);
/** Whether the page knows yet whether it may go on. */
export const isKnown = signal(false);
export const isOperator = computed(() => account.value?.is_operator ?? false);

/** Whether the server has said, in the page itself, that nobody is let in without a key. */
const isKeyNeeded =
  document.querySelector('meta[name="asks-for-key"]')?.getAttribute("content") === "yes";

/** Ask who we are. Raises ApiError where the server cannot be reached. */
export async function loadAccount() {
  if (isKeyNeeded && !key.value) {
    account.value = null;
    asksForKey.value = true;
    isKnown.value = true;
    return;
  }
  try {
    account.value = await call("GET", "v1/account");
    asksForKey.value = false;
    keyTrouble.value = "";
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== 401) throw error;
    account.value = null;
    asksForKey.value = true;
    if (!key.value) keyTrouble.value = "";
  } finally {
    isKnown.value = true;
  }
}

/** Go on with this key, if the server takes it; raises ApiError if not. @param {string} given */
export async function signIn(given) {
  const who = await call("GET", "v1/account", { asKey: given });
  keepKey(given);
  keyTrouble.value = "";
  asksForKey.value = false;
  // Last: what is asked for whoever is let in is asked with the key.
  account.value = who;
}

/** Forget the key, and ask anew whether one is needed. */
export async function signOut() {
  keepKey("");
  account.value = null;
  keyTrouble.value = "";
  await loadAccount();
}
