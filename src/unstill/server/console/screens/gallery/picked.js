/** Which jobs are picked, for what is done with many at once. */

import { signal } from "../../parts/html.js";
import { order } from "./shelf.js";

export const picked = signal(/** @type {ReadonlySet<string>} */ (new Set()));

/** From where a range goes. */
let last = "";

/** Pick it, or not any more; with `isRange` all from the one before up to it. @param {string} id @param {{isRange?: boolean}} [how] */
export function pick(id, { isRange = false } = {}) {
  const next = new Set(picked.value);
  const ids = order.value;
  const [from, to] = [ids.indexOf(last), ids.indexOf(id)].sort((a, b) => a - b);
  if (isRange && from !== undefined && to !== undefined && from >= 0) {
    for (const each of ids.slice(from, to + 1)) next.add(each);
  } else if (!next.delete(id)) next.add(id);
  last = id;
  picked.value = next;
}

export function pickAll() {
  picked.value = new Set(order.value);
}

/** @param {Iterable<string>} [ids] those that are picked after it */
export function pickOnly(ids = []) {
  picked.value = new Set(ids);
}
