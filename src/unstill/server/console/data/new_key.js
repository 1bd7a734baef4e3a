/** A key that was just made: the server tells it once, so it is kept here until its maker has it. */

import { signal } from "../vendor/signals.js";

/** @import { NewKey } from "./operators.js" */

export const newKey = signal(/** @type {NewKey | null} */ (null));
