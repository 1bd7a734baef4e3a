/** Addresses of files for `img`, `video` and downloads, which can send no key: with a ticket in its place. */

import { signal } from "../vendor/signals.js";
import { at, call, key, passOver } from "./api.js";

const RENEW_BEFORE_MS = 60_000;

/** The ticket of now; null: not known yet; "" : the server asks for no key. */
export const ticket = signal(/** @type {string | null} */ (null));

let expiresMs = 0;
/** @type {Promise<void> | null} */
let asking = null;

/** Have a ticket that is good for a minute at least. Raises ApiError. */
export async function freshTicket() {
  if (ticket.value !== null && Date.now() < expiresMs - RENEW_BEFORE_MS) return;
  asking ??= ask().finally(() => {
    asking = null;
  });
  await asking;
}

async function ask() {
  const told = await call("POST", "v1/tickets", { json: {} });
  ticket.value = told.ticket ?? "";
  expiresMs = told.expires_ms ?? Number.POSITIVE_INFINITY;
}

/** The file's address, or null until there is a ticket. @param {string} path */
export function fileAddress(path) {
  if (ticket.value === null) {
    freshTicket().catch(passOver);
    return null;
  }
  const joined = path.includes("?") ? "&" : "?";
  return at(ticket.value ? `${path}${joined}ticket=${encodeURIComponent(ticket.value)}` : path);
}

/** @param {string} id @param {"video" | "thumbnail" | "spritesheet" | "last_frame"} [variant] */
export const videoAddress = (id, variant = "video") =>
  fileAddress(`v1/videos/${encodeURIComponent(id)}/content?variant=${variant}`);

/** @param {string} id @param {import("./answers.js").Role} role */
export const pictureAddress = (id, role) =>
  fileAddress(`v1/jobs/${encodeURIComponent(id)}/pictures/${role}`);

/** Renew it for as long as the page is open. @param {AbortSignal} abort */
export function keepFresh(abort) {
  const timer = setInterval(() => freshTicket().catch(passOver), 15_000);
  abort.addEventListener("abort", () => clearInterval(timer), { once: true });
}

key.subscribe(() => {
  ticket.value = null;
  expiresMs = 0;
});
