/** What to do about a failure, by its code: docs/api.md has the table of codes. */

import { t } from "../../texts/advice.js";

/** @typedef {Parameters<typeof t>[0]} Advice */

/** @type {Record<string, Advice>} */
const BY_CODE = {
  invalid_image: "picture",
  fetch_failed: "picture",
  invalid_parameter: "field",
  missing_parameter: "field",
  invalid_request: "field",
  invalid_body: "field",
  body_too_large: "picture",
  model_not_found: "model",
  submit_unknown: "doubt",
  deadline_exceeded: "late",
  upstream_lost: "lost",
  engine_removed: "engine",
  upstream_error: "provider",
  failed: "provider",
  expired: "late",
  video_too_large: "result",
  invalid_video: "result",
  cancelled: "stopped",
  internal_error: "own",
  engine_died: "own",
  task_failed: "own",
  misconfigured: "setup",
  storage_full: "room",
  storage_failed: "own",
  budget_exceeded: "money",
  storage_limit_exceeded: "storage",
  rate_limit_exceeded: "busy",
  overloaded: "busy",
  shutting_down: "busy",
  redirected: "http",
};

/** @type {[RegExp, Advice][]} */
const BY_LOOK = [
  [/^http_/, "http"],
  [/inspection|sensitive|moderation|content.?policy/i, "content"],
  [/throttling|quota|limit/i, "provider"],
];

/** @param {string} code */
export const adviceOn = (code) =>
  t(BY_CODE[code] ?? BY_LOOK.find(([look]) => look.test(code))?.[1] ?? "other");
