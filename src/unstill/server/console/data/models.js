/** The models that the caller may use, as `GET /v1/models` describes them. */

import { signal } from "../vendor/signals.js";
import { call, key } from "./api.js";

/**
 * @typedef {{name: string, kind: string, is_generative: boolean, description: string, refusing_until: number | null}} EngineInfo
 * @typedef {{name: string, required: boolean, default: string | number | boolean | null, allowed: string, source: string}} FieldInfo
 * @typedef {{basis: string, currency: string, rates: {per: string, amount: string, engine: string | null}[]}} Charge
 * @typedef {{name: string, width: number, height: number, follows_frame: boolean, sizes: string[], charge: Charge | null}} Tier
 * @typedef {{dialect: string, path: string, headers: Record<string, string>, names: Record<string, string>}} Post
 * @typedef {object} Capabilities
 * @property {FieldInfo[]} fields
 * @property {any} input_schema
 * @property {Post[]} posts
 * @property {Tier[]} tiers
 * @property {{least_side_px: number, most_side_px: number, step_px: number, most_ratio: number, most_pixels: number}} exact_size
 * @property {number} frame_rate
 * @property {[number, number]} frame_side_px
 * @property {string} frame_ratio
 * @property {string[]} usage
 * @typedef {{id: string, title: string, aliases: string[], engines: EngineInfo[], capabilities: Capabilities}} Model
 */

/** null until they are known. */
export const models = signal(/** @type {Model[] | null} */ (null));

/** Raises ApiError. */
export async function loadModels() {
  models.value = (await call("GET", "v1/models")).data;
}

/** @param {string} id */
export const modelNamed = (id) => models.value?.find((each) => each.id === id);

key.subscribe(() => {
  models.value = null;
});
