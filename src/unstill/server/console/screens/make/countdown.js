/** How long it still takes, second by second; a screen reader is not told of each. */

import { span } from "../../parts/format.js";
import { html, useEffect, useState } from "../../parts/html.js";
import { t } from "../../texts/make.js";

/** The time, each second. */
function useNow() {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1_000);
    return () => clearInterval(timer);
  }, []);
  return now;
}

/** @param {{until: number, text: string}} props text: with `{time}` in it */
export function Countdown({ text, until }) {
  const leftMs = until - useNow();
  // Whole seconds: the server tells no more.
  const time =
    leftMs < 1_000 ? t("anyMoment") : span(Math.max(1, Math.round(leftMs / 1_000)) * 1_000);
  return html`<span class="countdown" aria-live="off">${text.replace("{time}", time)}</span>`;
}
