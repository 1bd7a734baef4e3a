/** Sends what is to be made: once for each picture, however often it has to be sent. */

import { ApiError, answer, call } from "../../data/api.js";
import { readJob } from "../../data/jobs.js";
import { modelNamed } from "../../data/models.js";
import { batch, signal } from "../../parts/html.js";
import { t } from "../../texts/make.js";
import { allRead, fields, lastFrame, model, photos, reading, troubles } from "./draft.js";
import { fieldNamed, formOf, hasLastFrame, postOf, unfilled } from "./fields.js";
import { readPicture, release } from "./pictures.js";
import { askedAnew, quote } from "./quote.js";
import { add, change, hear, remember, remove, runNamed } from "./runs.js";

/**
 * @typedef {import("./runs.js").Run} Run
 * @typedef {import("./pictures.js").Picture} Picture
 */

const MOST_TRIES = 7;
const FIRST_REST_MS = 600;
const LONGEST_REST_MS = 10_000;
/** What a limit asks to wait for is waited for by itself up to here, and told beyond. */
const MOST_WAITED_S = 60;
const AT_ONCE = 2;

export const isSending = signal(false);
/** Counts refusals that the user is to be led to. */
export const refusals = signal(0);

/** @param {Record<string, string>} found */
function refuse(found) {
  batch(() => {
    troubles.value = { ...troubles.value, ...found };
    refusals.value += 1;
  });
}

/** The button was pressed. @returns {Promise<boolean>} whether anything was sent off */
export async function make() {
  const of = model.value;
  if (!of || isSending.value) return false;
  if (reading.value > 0) {
    // The button is often quicker than a picture: it means the one that was just given.
    isSending.value = true;
    await allRead();
    isSending.value = false;
  }
  const missing = Object.fromEntries(unfilled(of, fields.value).map((name) => [name, t("needed")]));
  if (!photos.value.length) missing.first_frame = t("needsPhoto");
  if (Object.keys(missing).length) {
    refuse(missing);
    return false;
  }
  troubles.value = {};
  const last = hasLastFrame(of) ? lastFrame.value : null;
  const request = { model: of.id, fields: fields.value, hasLast: last !== null };
  return sendAll(photos.value.map((first) => runFor(request, first, last)));
}

/** @param {import("./runs.js").Request} request @param {Picture} first @param {Picture | null} last @returns {Run} */
const runFor = (request, first, last) => ({
  key: crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}`,
  request,
  first,
  last,
  size: quote.peek()?.size ?? null,
  phase: "waits",
  tries: 0,
  trouble: "",
  jobId: null,
  job: null,
});

/** A few at a time, in their order; whether all were taken. @param {Run[]} given */
async function sendAll(given) {
  isSending.value = true;
  add(given);
  const left = [...given];
  let refused = "";
  const one = async () => {
    for (let run = left.shift(); run && !refused; run = left.shift()) {
      const refusal = await send(run.key, { isOfBatch: given.length > 1 });
      if (refusal) refused = tellRefusal(run, refusal, given.length === 1) || refused;
    }
  };
  try {
    await Promise.all(Array.from({ length: AT_ONCE }, one));
  } finally {
    isSending.value = false;
    endWaiting(given, refused);
    askedAnew.value += 1;
  }
  return !refused;
}

/**
 * What is wrong with one's settings is wrong with each; what a limit or the server has refused can
 * be sent later.
 *
 * @param {Run[]} given
 * @param {string} refused
 */
function endWaiting(given, refused) {
  for (const { key } of given) {
    if (runNamed(key)?.phase !== "waits") continue;
    if (troubles.value[""]) change(key, { phase: "refused", trouble: refused });
    else remove(key);
  }
}

/**
 * Say beside its field what the server refused; "" if it is that picture's alone.
 *
 * @param {Run} run
 * @param {ApiError} refusal
 * @param {boolean} isAlone
 */
function tellRefusal(run, refusal, isAlone) {
  const of = modelNamed(run.request?.model ?? "");
  const post = of && postOf(of);
  const name = (post && fieldNamed(post, refusal.param)) ?? "";
  const text = refusalText(refusal);
  if (!isAlone && name === "first_frame") return "";
  refuse({ [name]: text });
  if (isAlone || name) remove(run.key);
  return text;
}

/** @param {ApiError} refusal */
export function refusalText(refusal) {
  const { code, message, retryAfterS } = refusal;
  if (refusal.isUnreachable) return t("unreachable");
  if (code === "storage_full") return t("storageFull");
  if (code === "rate_limit_exceeded" && retryAfterS) {
    return t("limited", { message, seconds: retryAfterS });
  }
  return retryAfterS ? t("refusedUntil", { message, seconds: retryAfterS }) : message;
}

/**
 * Send it until it is made, refused, or left to the user; the refusal, or null.
 *
 * @param {string} name its key
 * @param {{isOfBatch?: boolean}} [how]
 * @returns {Promise<ApiError | null>}
 */
export async function send(name, { isOfBatch = false } = {}) {
  for (let tries = 1; ; tries += 1) {
    const run = runNamed(name);
    if (!run?.request || !run.first) return null; // given up meanwhile
    change(name, { phase: "sent", tries });
    try {
      await post(run);
      return null;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      const restMs = tries < MOST_TRIES ? restOf(error, tries, isOfBatch) : null;
      if (restMs === null && error.isUnreachable) {
        change(name, { phase: "unsent", trouble: "" });
        return null;
      }
      if (restMs === null) {
        change(name, { phase: "refused", trouble: refusalText(error) });
        return error;
      }
      change(name, { phase: "rests", trouble: error.isUnreachable ? "" : error.message });
      await new Promise((resolve) => setTimeout(resolve, restMs));
    }
  }
}

/** How long to rest before it is sent again, or null: not again. @param {ApiError} error @param {number} tries @param {boolean} isOfBatch */
function restOf(error, tries, isOfBatch) {
  if (error.isUnreachable) return Math.min(FIRST_REST_MS * 2 ** (tries - 1), LONGEST_REST_MS);
  const waits = error.status === 503 || (isOfBatch && error.code === "rate_limit_exceeded");
  const s = error.retryAfterS;
  return waits && s !== null && s <= MOST_WAITED_S ? s * 1000 : null;
}

/** Raises ApiError. @param {Run} run */
async function post({ first, key, last, request }) {
  const of = modelNamed(request?.model ?? "");
  const where = of && postOf(of);
  if (!request || !first || !where)
    throw new ApiError({ status: 0, code: "", message: t("noPost") });
  const form = formOf({
    model: request.model,
    post: where,
    fields: request.fields,
    first: first.file,
    last: last?.file ?? null,
  });
  const headers = { ...where.headers, "Idempotency-Key": key };
  const { id } = await call("POST", where.path, { form, headers });
  change(key, { phase: "made", jobId: id, trouble: "" });
  remember();
  readJob(id).then(hear, () => {}); // the stream tells of it too
}

/** Once more the same, with another seed where the model has one. Raises ApiError. @param {Run} run */
export async function makeAgain(run) {
  const of = modelNamed(run.request?.model ?? "");
  if (!run.request || !of || isSending.value) return;
  const first = run.first ?? (await keptPicture(run, "first"));
  const last = run.last ?? (run.request.hasLast ? await keptPicture(run, "last") : null);
  const { seed, ...others } = run.request.fields;
  // A seed that was not given is another one each time.
  const fields = seed === undefined ? others : { ...others, seed: anotherSeed(of) };
  await sendAll([
    { ...runFor({ ...run.request, fields }, first, last), size: run.job?.size ?? run.size },
  ]);
  if (!run.first) release(first);
  if (!run.last) release(last);
}

/** @param {import("../../data/models.js").Model} of */
function anotherSeed(of) {
  const most = of.capabilities.input_schema.properties.seed?.maximum ?? 2 ** 31 - 1;
  return Math.floor(Math.random() * most);
}

/** As the server has it still. Raises ApiError. @param {Run} run @param {"first" | "last"} role */
async function keptPicture(run, role) {
  const id = encodeURIComponent(run.jobId ?? "");
  const response = await answer("GET", `v1/jobs/${id}/pictures/${role}`);
  return readPicture(new File([await response.blob()], `${role}-${run.jobId?.slice(0, 8)}`));
}

/** The last frame of a finished video, as a file. Raises ApiError. @param {string} id */
export async function lastFrameOf(id) {
  const name = encodeURIComponent(id);
  const response = await answer("GET", `v1/videos/${name}/content?variant=last_frame`);
  return new File([await response.blob()], `last-frame-${id.slice(0, 8)}.png`, {
    type: "image/png",
  });
}
