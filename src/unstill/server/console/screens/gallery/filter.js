/** Which jobs the gallery shows: as its address says it, as the server is asked, and as a rule. */

/**
 * @typedef {object} Filter each "" where it is not asked for; days as `2026-11-29`, local
 * @property {string} prompt
 * @property {string} state
 * @property {string} model
 * @property {string} engine
 * @property {string} from
 * @property {string} to
 */

/** The fields, by their names in the address. */
export const FIELDS = /** @type {const} */ (["prompt", "state", "model", "engine", "from", "to"]);

/** @type {Record<string, import("../../data/jobs.js").State[]>} */
export const STATES = {
  working: ["queued", "ready", "submitting", "running", "saving"],
  succeeded: ["succeeded"],
  failed: ["failed"],
  cancelled: ["cancelled"],
};

const MOST_PROMPT_CHARS = 200; // GET /v1/jobs, prompt
const DAY = /^\d{4}-\d{2}-\d{2}$/;

/** @param {URLSearchParams} query @returns {Filter} */
export function filterIn(query) {
  const given = (/** @type {string} */ name) => query.get(name) ?? "";
  const day = (/** @type {string} */ name) => (DAY.test(given(name)) ? given(name) : "");
  return {
    prompt: given("prompt").slice(0, MOST_PROMPT_CHARS),
    state: given("state") in STATES ? given("state") : "",
    model: given("model"),
    engine: given("engine"),
    from: day("from"),
    to: day("to"),
  };
}

/** @param {Filter} filter @returns {Record<string, string>} */
export const queryOf = (filter) =>
  Object.fromEntries(FIELDS.flatMap((name) => (filter[name] ? [[name, filter[name]]] : [])));

/** @param {Filter} filter */
export const isAsked = (filter) => FIELDS.some((name) => filter[name] !== "");

/** When a local day begins. @param {string} day @param {number} [later] days */
function begins(day, later = 0) {
  const [year = 0, month = 1, date = 1] = day.split("-").map(Number);
  return new Date(year, month - 1, date + later).getTime();
}

/** What `GET /v1/jobs` is asked. @param {Filter} filter */
export const asked = (filter) => ({
  prompt: filter.prompt.trim(),
  state: STATES[filter.state]?.join(",") ?? "",
  model: filter.model,
  engine: filter.engine,
  since_ms: filter.from ? begins(filter.from) : null,
  until_ms: filter.to ? begins(filter.to, 1) : null,
});

/** Whether the server would list it. @param {Filter} filter @param {import("../../data/jobs.js").Job} job */
export function matches(filter, job) {
  const { prompt, model, engine, since_ms, until_ms } = asked(filter);
  return (
    (!prompt || job.prompt.toLowerCase().includes(prompt.toLowerCase())) &&
    (STATES[filter.state]?.includes(job.state) ?? true) &&
    (!model || job.model === model) &&
    (!engine || job.engine === engine) &&
    (since_ms === null || job.created_ms >= since_ms) &&
    (until_ms === null || job.created_ms < until_ms)
  );
}
