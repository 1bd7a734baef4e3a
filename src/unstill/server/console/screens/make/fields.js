/** The form that a model asks for, out of its own schema; no model is known here. Pure. */

/**
 * @typedef {import("../../data/models.js").Model} Model
 * @typedef {import("../../data/models.js").Post} Post
 * @typedef {string | number | boolean} Value
 * @typedef {Record<string, Value>} Values by the fields' names in `GET /v1/models`
 *
 * @typedef {object} Control
 * @property {string} name
 * @property {"long" | "text" | "choice" | "list" | "range" | "number" | "switch"} kind
 * @property {string} title as the server has it
 * @property {string} about likewise
 * @property {Value[]} options
 * @property {number | null} least
 * @property {number | null} most
 * @property {number | null} mostChars
 * @property {Value | null} usual what the server takes if nothing is sent
 * @property {boolean} isRequired
 * @property {boolean} isFolded
 */

/** What stands before everything else, in this order. The rest is seldom used, and folded. */
const FIRST = ["prompt", "duration", "resolution", "size", "seed"];
const MOST_SEGMENTS = 4;
const MOST_STEPS = 60;
const LONG_TEXT_CHARS = 500;

/** @param {any} property of the schema */
const isPicture = (property) =>
  (property.anyOf ?? []).some((/** @type {any} */ each) =>
    String(each.contentMediaType ?? "").startsWith("image/"),
  );

/** @param {Model} model */
export const hasLastFrame = (model) =>
  isPicture(model.capabilities.input_schema.properties.last_frame ?? {}) &&
  postOf(model)?.names.last_frame !== undefined;

/** Where a form with files is posted. @param {Model} model */
export const postOf = (model) => model.capabilities.posts.find((each) => each.dialect === "videos");

/** All controls but the pictures', in the order of the form. @param {Model} model @returns {Control[]} */
export function controlsOf(model) {
  const { fields, input_schema: schema } = model.capabilities;
  const required = new Set(schema.required ?? []);
  const names = postOf(model)?.names ?? {};
  const controls = Object.entries(schema.properties)
    .filter(([name, property]) => !isPicture(property) && name in names)
    .map(([name, property]) => {
      const field = fields.find((each) => each.name === name);
      return controlOf(name, property, field?.allowed ?? "", required.has(name));
    });
  const place = (/** @type {Control} */ each) => {
    const at = FIRST.indexOf(each.name);
    return at === -1 ? FIRST.length : at;
  };
  return controls.sort((one, other) => place(one) - place(other));
}

/**
 * @param {string} name
 * @param {any} property
 * @param {string} allowed
 * @param {boolean} isRequired
 * @returns {Control}
 */
function controlOf(name, property, allowed, isRequired) {
  return {
    name,
    kind: kindOf(property),
    title: String(property.title ?? name),
    about: String(property.description ?? allowed),
    options: property.enum ?? (property.type === "boolean" ? [true, false] : []),
    least: property.minimum ?? null,
    most: property.maximum ?? null,
    mostChars: property.maxLength ?? null,
    usual: property.default ?? null,
    isRequired,
    isFolded: !isRequired && !FIRST.includes(name),
  };
}

/** @param {any} property @returns {Control["kind"]} */
function kindOf(property) {
  if (property.enum) return property.enum.length <= MOST_SEGMENTS ? "choice" : "list";
  // Without a default there are three answers: yes, no, and as the engine likes.
  if (property.type === "boolean") return property.default === undefined ? "choice" : "switch";
  if (property.type === "integer" || property.type === "number") {
    const steps = property.maximum - property.minimum;
    return property.type === "integer" && steps <= MOST_STEPS ? "range" : "number";
  }
  return (property.maxLength ?? 0) > LONG_TEXT_CHARS ? "long" : "text";
}

/**
 * What is sent: what the user has touched, without what this model does not have. A choice made
 * under another model that this one does not offer is none.
 *
 * @param {Model} model
 * @param {Values} values
 * @returns {Values}
 */
export function sentFields(model, values) {
  /** @type {Values} */
  const sent = {};
  for (const control of controlsOf(model)) {
    const value = values[control.name];
    if (value !== undefined && value !== "" && isOffered(control, value))
      sent[control.name] = value;
  }
  return sent;
}

/** @param {Control} control @param {Value} value */
function isOffered(control, value) {
  if (control.options.length) return control.options.includes(value);
  if (control.kind !== "range") return true;
  return Number(value) >= Number(control.least) && Number(value) <= Number(control.most);
}

/** Required fields that are not filled. @param {Model} model @param {Values} sent */
export const unfilled = (model, sent) =>
  controlsOf(model)
    .filter((each) => each.isRequired && String(sent[each.name] ?? "").trim() === "")
    .map((each) => each.name);

/** The field that an error names in the words of the call, or null. @param {Post} post @param {string | null} param */
export function fieldNamed(post, param) {
  if (!param) return null;
  const plain = param.replace(/\[(\w+)\]/g, ".$1");
  const found = Object.entries(post.names).find(
    ([name, wire]) => wire === plain || name === plain || plain.startsWith(`${wire}.`),
  );
  return found?.[0] ?? null;
}

/** A name with dots, as a form spells it. @param {string} wire */
export const formName = (wire) => wire.replace(/\.(\w+)/g, "[$1]");

/**
 * The body of the create call, and its type. It is put together here, as a browser's own form would
 * make two characters of each line's end in a prompt.
 *
 * @param {{model: string, post: Post, fields: Values, first: File, last: File | null}} of
 */
export function formOf({ model, post, fields, first, last }) {
  const boundary = `unstill-${crypto.getRandomValues(new Uint32Array(4)).join("-")}`;
  const head = (/** @type {string} */ name, more = "") =>
    `--${boundary}\r\nContent-Disposition: form-data; name="${formName(post.names[name] ?? name)}"${more}\r\n\r\n`;
  /** @type {BlobPart[]} */
  const parts = [];
  // The server can refuse by the model before it has taken a picture.
  for (const [name, value] of Object.entries({ model, ...fields })) {
    parts.push(`${head(name)}${value}\r\n`);
  }
  parts.push(head("first_frame", '; filename="first"'), first, "\r\n");
  if (last) parts.push(head("last_frame", '; filename="last"'), last, "\r\n");
  parts.push(`--${boundary}--\r\n`);
  return new Blob(parts, { type: `multipart/form-data; boundary=${boundary}` });
}

/**
 * The model to begin with: one that needs nothing but a photo, if there is one.
 *
 * @param {Model[]} models
 */
export function modelToBeginWith(models) {
  const needs = (/** @type {Model} */ model) =>
    (model.capabilities.input_schema.required ?? []).length;
  return [...models].sort((one, other) => needs(one) - needs(other))[0];
}
