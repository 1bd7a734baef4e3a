/** What operators are told of a job, and say. All raise ApiError. */

import { call } from "./api.js";

/** @typedef {import("./answers.js").AdminTold} AdminTold */
/** @typedef {import("./answers.js").Doubtful} Doubtful */

const named = (/** @type {string} */ id) => `admin/jobs/${encodeURIComponent(id)}`;

/** @param {string} id @param {AbortSignal} [abort] @returns {Promise<AdminTold>} */
export const readAsOperator = (id, abort) => call("GET", named(id), { signal: abort });

/** @param {string} id */
export const cancelAsOperator = (id) => call("POST", `${named(id)}/cancel`);

/** @param {string} id */
export const deleteAsOperator = (id) => call("DELETE", named(id));

/** Say what became of a call in doubt. @param {string} id @param {{charged: boolean, ticket?: string}} word */
export const resolve = (id, word) => call("POST", `${named(id)}/resolve`, { json: word });

/** The call in doubt of a job, null if there is none. @param {string} id @returns {Promise<Doubtful | null>} */
export async function readDoubt(id) {
  const { data } = await call("GET", "admin/doubts");
  return data.find((/** @type {Doubtful} */ each) => each.id === id) ?? null;
}
