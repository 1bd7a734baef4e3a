/** A job once more: what it was asked for, as a new job. */

import { ApiError, answer, call } from "./api.js";
import { loadModels, modelNamed, models } from "./models.js";

/**
 * @typedef {import("./answers.js").Details} Details
 * @typedef {import("./answers.js").GivenPicture} GivenPicture
 */

/** The picture is kept no more: it has to be given anew. */
export class PictureGone extends Error {}

/**
 * Ask for it again; the new job's id. Raises ApiError, and PictureGone.
 *
 * @param {Details} job
 * @param {{hasOtherSeed?: boolean}} [how] hasOtherSeed: another video of the same
 */
export async function makeAgain(job, { hasOtherSeed = false } = {}) {
  if (models.value === null) await loadModels();
  const { request } = job;
  const model = modelNamed(request.model);
  const post = model?.capabilities.posts.find((each) => each.dialect === "videos");
  if (!model || !post) {
    const message = `${request.model} is not offered any more`;
    throw new ApiError({ status: 400, code: "model_not_found", message });
  }
  const form = new FormData();
  const put = (/** @type {string} */ name, /** @type {string | File} */ value) => {
    const theirs = post.names[name];
    if (theirs) form.set(formName(theirs), value);
  };
  put("model", job.model);
  for (const [name, value] of Object.entries(fieldsOf(job, hasOtherSeed))) put(name, String(value));
  put("first_frame", await picture(job, request.first_frame));
  if (request.last_frame) put("last_frame", await picture(job, request.last_frame));
  if (request.regions?.length) put("region", JSON.stringify(await regions(job)));
  const headers = { ...post.headers, "Idempotency-Key": freshKey() };
  const { id } = await call("POST", post.path, { form, headers });
  return /** @type {string} */ (id);
}

/** By their canonical names; what a model does not have is not sent. @param {Details} job @param {boolean} hasOtherSeed */
function fieldsOf({ request }, hasOtherSeed) {
  /** @type {Record<string, string | number | boolean | null | undefined>} */
  const all = {
    ...request.options,
    prompt: request.prompt,
    negative_prompt: request.negative_prompt,
    duration: request.duration_s,
    seed: hasOtherSeed ? null : request.seed,
    size: request.size ? `${request.size.width}x${request.size.height}` : null,
    resolution: request.size ? null : (request.tier ?? "720P"),
    watermark: request.watermark,
    generate_audio: request.generate_audio,
  };
  return Object.fromEntries(
    Object.entries(all).filter(
      ([, value]) => value !== null && value !== undefined && value !== "",
    ),
  );
}

/** Its address if it never was fetched, else its bytes. @param {Details} job @param {GivenPicture} given */
async function picture(job, given) {
  if (given.url && !job.pictures.includes(given.role)) return given.url;
  if (!job.pictures.includes(given.role)) throw new PictureGone();
  try {
    const path = `v1/jobs/${encodeURIComponent(job.id)}/pictures/${given.role}`;
    const blob = await (await answer("GET", path)).blob();
    return new File([blob], `${given.role}-frame`, { type: blob.type });
  } catch (error) {
    if (error instanceof ApiError && (error.status === 404 || error.status === 410))
      throw new PictureGone();
    throw error;
  }
}

/** What was marked, as it is sent. @param {Details} job */
function regions(job) {
  const masks = job.request.masks ?? [];
  const sent = (job.request.regions ?? []).map(async ({ kind, boxes, mask }) => {
    const given = masks.find((each) => each.role === mask);
    return { kind, boxes, mask: given && (await text(await picture(job, given))) };
  });
  return Promise.all(sent);
}

/** A file as a data URL; an address as it is. @param {string | File} given @returns {Promise<string>} */
function text(given) {
  if (typeof given === "string") return Promise.resolve(given);
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(String(reader.result));
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(given);
  });
}

/** A name with dots, as a form spells it. @param {string} name */
const formName = (name) => name.replace(/\.(\w+)/g, "[$1]");

/** Also where the page is not served as secure, which `crypto.randomUUID` asks for. */
function freshKey() {
  return [...crypto.getRandomValues(new Uint8Array(16))]
    .map((each) => each.toString(16).padStart(2, "0"))
    .join("");
}
