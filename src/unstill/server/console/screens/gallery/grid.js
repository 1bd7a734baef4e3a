/** The gallery's cards: the page has the rows near to what is seen alone, and room for all of them. */

import {
  batch,
  html,
  signal,
  useEffect,
  useRef,
  useSignal,
  useSignalEffect,
  useState,
} from "../../parts/html.js";
import { t } from "../../texts/gallery.js";
import { useLayoutEffect } from "../../vendor/preact-hooks.js";
import { Card, current, rest } from "./card.js";
import { pick, picked } from "./picked.js";
import { lookAtTop, order, wantMore } from "./shelf.js";

const GAP_PX = 16;
const LEAST_CARD_PX = 240;
const LEAST_NARROW_PX = 150; // two beside each other on a phone
const NARROW_PX = 620;
const TEXT_REM = 4.5; // prompt and line below the picture; styles/gallery.css has the same
const TEXT_PX = 28; // what is around them
const SPARE_ROWS = 2; // above and below what is seen
const AHEAD_ROWS = 60; // more is loaded before one comes there
const REST_MS = 150;
const FAST_PX_PER_MS = 2; // more than a wheel's turn: nobody looks at pictures

/** @typedef {{columns: number, card: number, across: number, down: number}} Measure px: a card's width, and from one card to the next */

/** @param {number} width px @returns {Measure} */
function measured(width) {
  const least = width < NARROW_PX ? LEAST_NARROW_PX : LEAST_CARD_PX;
  const gap = width < NARROW_PX ? GAP_PX / 2 : GAP_PX;
  const columns = Math.max(1, Math.floor((width + gap) / (least + gap)));
  const card = (width - gap * (columns - 1)) / columns;
  const rem = Number.parseFloat(getComputedStyle(document.documentElement).fontSize);
  return {
    columns,
    card,
    across: card + gap,
    down: Math.round(card * 0.75 + TEXT_REM * rem + TEXT_PX + gap),
  };
}

/**
 * Rows that are to be in the page, and those whose pictures may be asked for.
 *
 * @param {import("preact").RefObject<HTMLElement | null>} list
 * @param {Measure} measure
 */
function useRows(list, measure) {
  const rows = useSignal({ first: 0, last: 8 });
  const near = useSignal({ first: 0, last: 8 });
  useEffect(() => {
    let frame = 0;
    let timer = 0;
    let before = { y: scrollY, ms: performance.now() };
    const look = () => {
      frame = 0;
      const top = -(list.current?.getBoundingClientRect().top ?? 0);
      const first = Math.max(0, Math.floor(top / measure.down) - SPARE_ROWS);
      const last = Math.max(0, Math.ceil((top + innerHeight) / measure.down)) + SPARE_ROWS;
      if (rows.value.first !== first || rows.value.last !== last) rows.value = { first, last };
      const ms = performance.now();
      const isFast = Math.abs(scrollY - before.y) > FAST_PX_PER_MS * (ms - before.ms);
      before = { y: scrollY, ms };
      clearTimeout(timer);
      if (isFast) timer = setTimeout(settle, REST_MS);
      else settle();
      lookAtTop(top < measure.down / 2);
      if ((last + AHEAD_ROWS) * measure.columns > order.value.length) wantMore();
    };
    const settle = () => {
      near.value = rows.value;
    };
    const hear = () => {
      frame ||= requestAnimationFrame(look);
    };
    look();
    addEventListener("scroll", hear, { passive: true });
    addEventListener("resize", hear);
    return () => {
      cancelAnimationFrame(frame);
      clearTimeout(timer);
      removeEventListener("scroll", hear);
      removeEventListener("resize", hear);
    };
  }, [list, measure]);
  return { rows, near };
}

/** @param {import("preact").RefObject<HTMLElement | null>} list */
function useMeasure(list) {
  const [measure, setMeasure] = useState(() => measured(Math.min(1240, innerWidth - 40)));
  useLayoutEffect(() => {
    const element = list.current;
    if (!element) return;
    const take = () => {
      const now = measured(element.clientWidth);
      setMeasure((before) => (JSON.stringify(before) === JSON.stringify(now) ? before : now));
    };
    take();
    const watch = new ResizeObserver(take);
    watch.observe(element);
    return () => watch.disconnect();
  }, [list]);
  return measure;
}

/** Arrows go from card to card, Space picks; Enter opens, as it does every link. @param {KeyboardEvent} event @param {number} columns */
function move(event, columns) {
  const card = /** @type {HTMLElement} */ (event.target).closest("[data-id]");
  const id = card?.getAttribute("data-id");
  if (!id || event.ctrlKey || event.metaKey || event.altKey) return;
  const isLink = /** @type {HTMLElement} */ (event.target).tagName === "A";
  if (event.key === " " && isLink) {
    event.preventDefault();
    pick(id, { isRange: event.shiftKey });
    return;
  }
  const ids = order.value;
  // The focus may be on its way still, when keys come fast.
  const at = ids.indexOf(wanted.peek() || id);
  /** @type {Record<string, number>} */
  const steps = {
    ArrowLeft: at - 1,
    ArrowRight: at + 1,
    ArrowUp: at - columns,
    ArrowDown: at + columns,
    Home: 0,
    End: ids.length - 1,
  };
  const to = steps[event.key];
  if (to === undefined) return;
  event.preventDefault();
  const next = ids[Math.min(to, ids.length - 1)];
  if (to >= 0 && next) goTo(next);
}

/** The card that the focus goes to once it is in the page. */
const wanted = signal("");

/** @param {string} id */
export function goTo(id) {
  rest();
  const link = document.querySelector(`.grid [data-id="${id}"] a`);
  if (link) {
    /** @type {HTMLElement} */ (link).focus();
    return;
  }
  batch(() => {
    wanted.value = id;
    current.value = id;
  });
}

export function Grid() {
  const list = useRef(/** @type {HTMLUListElement | null} */ (null));
  const measure = useMeasure(list);
  const { rows, near } = useRows(list, measure);
  const ids = order.value;
  const { columns } = measure;
  const place = useRef(0);
  const known = ids.indexOf(current.value);
  place.current = known >= 0 ? known : Math.max(0, Math.min(place.current, ids.length - 1));
  const focused = ids[place.current] ?? "";
  useSignalEffect(() => {
    const id = wanted.value;
    if (!id) return;
    const frame = requestAnimationFrame(() => {
      wanted.value = "";
      const link = list.current?.querySelector(`[data-id="${id}"] a`);
      /** @type {HTMLElement | null | undefined} */ (link)?.focus();
    });
    return () => cancelAnimationFrame(frame);
  });
  useEffect(() => rest, []);
  const { first, last } = rows.value;
  const shown = ids
    .slice(first * columns, last * columns)
    .map((id, n) => ({ id, at: first * columns + n }));
  // The focus stays where it was also when its card is scrolled away; in its order, as an element
  // that is moved loses it.
  const kept = { id: focused, at: place.current };
  if (focused && kept.at < first * columns) shown.unshift(kept);
  else if (focused && kept.at >= last * columns) shown.push(kept);
  const { first: from, last: to } = near.value;
  return html`<ul class="grid" role="list" aria-label=${t("videos")} ref=${list} data-picking=${picked.value.size > 0 ? "" : undefined}
    style=${{ height: `${Math.ceil(ids.length / columns) * measure.down}px`, "--card": `${measure.card}px` }}
    onKeyDown=${(/** @type {KeyboardEvent} */ event) => move(event, columns)}>
    ${shown.map(({ id, at }) => {
      const row = Math.floor(at / columns);
      return html`<${Card} key=${id} id=${id} at=${at} of=${ids.length} x=${(at % columns) * measure.across}
        y=${row * measure.down} isCurrent=${id === focused} isNear=${row >= from && row < to} />`;
    })}
  </ul>`;
}
