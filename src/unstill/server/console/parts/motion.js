/** Whether the user wants nothing to move by itself. */

import { signal } from "../vendor/signals.js";

const asked = matchMedia("(prefers-reduced-motion: reduce)");

export const isStill = signal(asked.matches);

asked.addEventListener("change", () => {
  isStill.value = asked.matches;
});
