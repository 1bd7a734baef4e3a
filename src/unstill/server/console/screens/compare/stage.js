/** Both videos, and the one set of controls that they have. */

import { number } from "../../parts/format.js";
import { html, useLayoutEffect, useRef, useState } from "../../parts/html.js";
import { Icon } from "../../parts/icons.js";
import { useVideo } from "../../parts/player.js";
import { t } from "../../texts/compare.js";
import { Pair } from "./pair.js";

/** @typedef {import("../../data/answers.js").Details} Details */
/** @typedef {NonNullable<Details["video"]>} Video */

const WIPE_STEP = 0.5; // percent

/**
 * @param {{job: Details, name: "A" | "B", onThere: (element: HTMLVideoElement | null) => void}} props
 */
function Side({ job, name, onThere }) {
  const bound = useVideo(job.id);
  const { width, height } = /** @type {Video} */ (job.video);
  return html`<div class="side" style=${{ "--ratio": `${width} / ${height}`, "--shape": width / height }}>
    <video ref=${onThere} ...${bound} muted playsinline preload="auto" aria-label=${t("video", { name })}></video>
    <span class="name" aria-hidden="true">${name}</span>
  </div>`;
}

/** @param {Details} one @param {Details} other */
function usePair(one, other) {
  const elements = useRef(/** @type {(HTMLVideoElement | null)[]} */ ([null, null]));
  const [pair, setPair] = useState(/** @type {Pair | null} */ (null));
  // Before anything is painted: the controls stand above the table from the first.
  useLayoutEffect(() => {
    const [first, second] = elements.current;
    if (!first || !second || !one.video || !other.video) return;
    const made = new Pair({ element: first, ...one.video }, { element: second, ...other.video });
    setPair(made);
    return () => made.end();
  }, [one, other]);
  return { pair, elements };
}

/** @param {{pair: Pair}} props */
function Time({ pair }) {
  const at = pair.at_s.value;
  const told = t("time", { at: number(at, 2), of: number(pair.length_s, 2) });
  return html`<input class="seek" type="range" min="0" max=${pair.length_s} step=${1 / pair.frame_rate} value=${at}
      aria-label=${t("seek")} aria-valuetext=${told}
      onInput=${(/** @type {any} */ event) => pair.seek(Number(event.currentTarget.value))} />
    <span class="told">${told}</span>`;
}

/**
 * @param {{pair: Pair, isWipe: boolean, onSwap: () => void, onWipe: () => void}} props
 */
const Controls = ({ pair, isWipe, onSwap, onWipe }) => html`<div class="row controls">
  <button type="button" class="primary" onClick=${() => pair.toggle()}>
    <${Icon} name=${pair.isPlaying.value ? "pause" : "play"} />${t(pair.isPlaying.value ? "pause" : "play")}</button>
  <button type="button" onClick=${() => pair.step(-1)}>${t("frameBack")}</button>
  <button type="button" onClick=${() => pair.step(1)}>${t("frameOn")}</button>
  <${Time} pair=${pair} />
  <button type="button" aria-pressed=${pair.isLooping.value} onClick=${() => {
    pair.isLooping.value = !pair.isLooping.value;
  }}><${Icon} name="again" />${t("loop")}</button>
  <button type="button" onClick=${onSwap}>${t("swap")}</button>
  <button type="button" aria-pressed=${isWipe} onClick=${onWipe}><${Icon} name="sides" />${t("wipe")}</button>
</div>`;

/** Keys for whoever has the focus in here; what has keys of its own keeps them. @param {KeyboardEvent} event @param {Pair} pair @param {() => void} onSwap */
function press(event, pair, onSwap) {
  const element = /** @type {HTMLElement} */ (event.target);
  if (event.ctrlKey || event.metaKey || event.altKey || element.tagName === "INPUT") return;
  /** @type {Record<string, () => void>} */
  const keys = {
    " ": () => pair.toggle(),
    ArrowLeft: () => pair.step(-1),
    ArrowRight: () => pair.step(1),
    Home: () => pair.seek(0),
    End: () => pair.seek(pair.length_s),
    l: () => {
      pair.isLooping.value = !pair.isLooping.value;
    },
    s: onSwap,
  };
  const act = keys[event.key];
  if (!act || (event.key === " " && element.tagName === "BUTTON")) return;
  event.preventDefault();
  act();
}

/** @param {{one: Details, other: Details, isSwapped: boolean, onSwap: () => void}} props */
export function Stage({ one, other, isSwapped, onSwap }) {
  const { pair, elements } = usePair(one, other);
  const [isWipe, setWipe] = useState(false);
  const [wipe, setWiped] = useState(50);
  const keep = (/** @type {number} */ n) => (/** @type {HTMLVideoElement | null} */ element) => {
    elements.current[n] = element;
  };
  const [keepFirst] = useState(() => keep(0));
  const [keepSecond] = useState(() => keep(1));
  return html`<section class="compared" aria-label=${t("both")} onKeyDown=${(/** @type {KeyboardEvent} */ event) => pair && press(event, pair, onSwap)}>
    <div class="sides" tabindex="0" role="group" aria-label=${t("keys")} data-wipe=${isWipe ? "" : undefined}
      data-swapped=${isSwapped ? "" : undefined} style=${{ "--wipe": `${wipe}%` }}>
      <${Side} job=${one} name=${isSwapped ? "B" : "A"} onThere=${keepFirst} />
      <${Side} job=${other} name=${isSwapped ? "A" : "B"} onThere=${keepSecond} />
    </div>
    ${
      isWipe &&
      html`<input class="wipe" type="range" min="0" max="100" step=${WIPE_STEP} value=${wipe} aria-label=${t("wipeAt")}
        onInput=${(/** @type {any} */ event) => setWiped(Number(event.currentTarget.value))} />`
    }
    ${pair && html`<${Controls} pair=${pair} isWipe=${isWipe} onSwap=${onSwap} onWipe=${() => setWipe(!isWipe)} />`}
  </section>`;
}
