/** All that the server tells of one job, to its owner and to an operator. */

import { call } from "./api.js";

/**
 * @typedef {import("./jobs.js").Job} Job
 * @typedef {import("./jobs.js").State} State
 * @typedef {{role: "first" | "last", param: string, url?: string, sha256?: string}} GivenPicture
 *
 * @typedef {object} Request what was asked for; what is as it usually is may be absent
 * @property {string} model the model's own id
 * @property {string} prompt
 * @property {GivenPicture} first_frame
 * @property {GivenPicture} [last_frame]
 * @property {number} duration_s
 * @property {number} frame_rate
 * @property {number} seed
 * @property {{width: number, height: number} | null} [size]
 * @property {string} [tier]
 * @property {string} [negative_prompt]
 * @property {boolean} [watermark]
 * @property {boolean | null} [generate_audio]
 * @property {Record<string, string | number | boolean>} [options]
 *
 * @typedef {{state: State, at_ms: number}} Move
 * @typedef {{basis: "price" | "cost" | "free", currency: string, reserved: string, price: string | null}} Money
 *
 * @typedef {object} Told
 * @property {string} dialect
 * @property {string} request_id
 * @property {Request} request
 * @property {Move[]} moves
 * @property {number} attempt
 * @property {{duration_s: number, video_count: number, tier_height: number} | null} usage
 * @property {Money | null} money
 * @property {string | null} link
 * @property {number | null} link_until_ms
 * @property {("first" | "last")[]} pictures
 * @property {{state: string, tries: number} | null} delivery
 * @typedef {Job & Told} Details
 *
 * @typedef {object} Attempt a call that may have cost
 * @property {number} n
 * @property {string} engine
 * @property {string} upstream_model
 * @property {number} intent_ms
 * @property {string} [outcome]
 * @property {string | null} [ticket]
 * @property {string} [code]
 * @property {string} [message]
 * @property {number | null} [settled_ms]
 *
 * @typedef {object} AdminTold
 * @property {string} id
 * @property {string} owner
 * @property {string} key_id
 * @property {string} model
 * @property {string} engine
 * @property {string} made_by
 * @property {string} dialect
 * @property {State} state
 * @property {number} created_ms
 * @property {number | null} started_ms
 * @property {number | null} ended_ms
 * @property {number} progress
 * @property {boolean} is_held
 * @property {boolean} is_deleted
 * @property {boolean} wants_cancel
 * @property {Request} request
 * @property {string} request_id
 * @property {{width: number, height: number} | null} size
 * @property {number} attempt
 * @property {number} deaths
 * @property {number} deadline_ms
 * @property {string | null} ticket
 * @property {string | null} upstream_model
 * @property {Record<string, number>} upstream_usage
 * @property {Told["usage"]} usage
 * @property {(Money & {cost: string}) | null} money
 * @property {{width: number, height: number, duration_s: number, frame_rate: number, size_bytes: number, has_audio: boolean, removed_ms?: number | null} | null} video
 * @property {{code: string, message: string, param?: string | null} | null} failure
 * @property {{code: string, message: string, since_ms: number} | null} stall
 * @property {number | null} queue_position
 * @property {Attempt[]} attempts
 * @property {{charged: boolean, attempt: number, at_ms: number} | null} resolution
 * @property {string | null} continues
 * @property {string | null} continued_by
 * @property {{receiver: string, type: string, state: string, tries: number, due_ms: number, last_error: string | null} | null} delivery
 * @property {Move[]} [moves]
 */

const named = (/** @type {string} */ id) => `admin/jobs/${encodeURIComponent(id)}`;

/** For an operator. Raises ApiError. @param {string} id @param {AbortSignal} [abort] @returns {Promise<AdminTold>} */
export const readAsOperator = (id, abort) => call("GET", named(id), { signal: abort });

/** Raises ApiError. @param {string} id */
export const cancelAsOperator = (id) => call("POST", `${named(id)}/cancel`);

/** Raises ApiError. @param {string} id */
export const deleteAsOperator = (id) => call("DELETE", named(id));

/**
 * Say what became of a call in doubt; raises ApiError.
 *
 * @param {string} id
 * @param {{charged: boolean, ticket?: string}} word
 * @returns {Promise<{continued_by: string | null}>}
 */
export const resolve = (id, word) => call("POST", `${named(id)}/resolve`, { json: word });

/**
 * @typedef {object} Doubtful a call that may have been billed
 * @property {string} id
 * @property {string} engine
 * @property {string} message
 * @property {string | null} ticket
 */

/** The call in doubt of a job, null if there is none. Raises ApiError. @param {string} id @returns {Promise<Doubtful | null>} */
export async function readDoubt(id) {
  const { data } = await call("GET", "admin/doubts");
  return data.find((/** @type {Doubtful} */ each) => each.id === id) ?? null;
}
