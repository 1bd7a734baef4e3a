/** How much of something is used, as a bar and in words. */

import { html } from "./html.js";

const NEARLY = 0.9;

/**
 * @param {{label: string, used: number, of: number, words: string, isUsual?: boolean, hidesLabel?: boolean}} props
 *   label: what is measured; of: 0 where nothing may be used; words: the same as the bar, read out
 *   for it; isUsual: it is no trouble that all of it is used
 */
export function Meter({ label, used, of, words, isUsual = false, hidesLabel = false }) {
  const fraction = of > 0 ? Math.min(1, Math.max(0, used / of)) : used > 0 ? 1 : 0;
  const level = isUsual ? "" : fraction >= 1 ? "full" : fraction >= NEARLY ? "nearly" : "";
  return html`<div class="meter">
    <div class="row apart small">
      ${!hidesLabel && html`<span>${label}</span>`}<span class="muted">${words}</span>
    </div>
    <div class="gauge" role="meter" aria-label=${label} aria-valuemin="0" aria-valuemax="100"
      aria-valuenow=${Math.round(fraction * 100)} aria-valuetext=${words} data-level=${level}>
      <div style=${{ transform: `scaleX(${fraction})` }}></div>
    </div>
  </div>`;
}
