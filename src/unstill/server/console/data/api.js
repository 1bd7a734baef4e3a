/** Calls of the server: with the tab's key, and with errors that say what the server said. */

import { signal } from "../vendor/signals.js";

/** Relative, as a proxy may serve all of it under a path of its own. @param {string} path */
export const at = (path) => new URL(path.replace(/^\//, ""), document.baseURI.split("#")[0]).href;

/** The tab's key; empty while there is none. */
export const key = signal(kept());
/** Whether the last call was answered at all. */
export const isAnswering = signal(true);
/** Why the tab's key is not taken any more; empty while it is. */
export const keyTrouble = signal("");

function kept() {
  try {
    return sessionStorage.getItem("unstill.key") ?? "";
  } catch {
    return "";
  }
}

/** @param {string} given */
export function keepKey(given) {
  key.value = given;
  try {
    if (given) sessionStorage.setItem("unstill.key", given);
    else sessionStorage.removeItem("unstill.key");
  } catch {
    // Kept for as long as the page is open, then.
  }
}

/** What the server refused, or that it could not be reached (`code` "unreachable"). */
export class ApiError extends Error {
  /**
   * @param {{status: number, code: string, message: string, param?: string | null, retryAfterS?: number | null, body?: any}} told
   */
  constructor(told) {
    super(told.message);
    this.status = told.status;
    this.code = told.code;
    this.param = told.param ?? null;
    this.retryAfterS = told.retryAfterS ?? null;
    /** What was answered besides, such as how the server is by /health and /ready; null for nothing. */
    this.body = told.body ?? null;
  }

  get isUnreachable() {
    return this.code === "unreachable";
  }
}

/**
 * For calls that nobody waits for, and that are made again: that the server is away, or takes no key
 * any more, the page itself says. What is no answer of the server is a fault of ours.
 *
 * @param {unknown} error
 */
export function passOver(error) {
  if (!(error instanceof ApiError)) throw error;
}

/**
 * @typedef {object} Sent
 * @property {unknown} [json]
 * @property {FormData | Blob} [form] a blob is a whole body, with its type
 * @property {Record<string, string>} [headers]
 * @property {AbortSignal} [signal]
 * @property {string} [asKey] another key than the tab's
 */

/**
 * The answer to a call; raises ApiError for a refusal, and where there is no answer.
 *
 * @param {"GET" | "POST" | "PATCH" | "DELETE"} method
 * @param {string} path
 * @param {Sent} [sent]
 */
export async function answer(method, path, sent = {}) {
  const headers = new Headers(sent.headers);
  const shown = sent.asKey ?? key.value;
  if (shown) headers.set("Authorization", `Bearer ${shown}`);
  /** @type {BodyInit | undefined} */
  let body = sent.form;
  if (sent.json !== undefined) {
    headers.set("Content-Type", "application/json");
    body = JSON.stringify(sent.json);
  }
  /** @type {Response} */
  let response;
  try {
    response = await fetch(at(path), {
      method,
      headers,
      body,
      signal: sent.signal,
      credentials: "omit",
      cache: "no-store",
    });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    isAnswering.value = false;
    throw new ApiError({ status: 0, code: "unreachable", message: "the server does not answer" });
  }
  isAnswering.value = true;
  if (response.ok) return response;
  const refusal = await refusalIn(response);
  // An answer to the key before, which came late, says nothing of the one of now.
  const isOfNow = sent.asKey === undefined && shown === key.value;
  if (response.status === 401 && isOfNow) keyTrouble.value = refusal.message;
  throw refusal;
}

/**
 * The answer's JSON.
 *
 * @param {"GET" | "POST" | "PATCH" | "DELETE"} method
 * @param {string} path
 * @param {Sent} [sent]
 * @returns {Promise<any>}
 */
export async function call(method, path, sent) {
  const response = await answer(method, path, sent);
  return response.status === 204 ? null : response.json();
}

/** @param {Response} response */
async function refusalIn(response) {
  const told = await response.json().catch(() => null);
  const error = told?.error ?? told ?? {};
  const retryAfter = Number(response.headers.get("retry-after"));
  return new ApiError({
    status: response.status,
    code: String(error.code ?? response.status),
    message: String(error.message ?? `the server answered ${response.status}`),
    param: error.param ?? null,
    body: told,
    retryAfterS: Number.isFinite(retryAfter) && retryAfter > 0 ? retryAfter : null,
  });
}
