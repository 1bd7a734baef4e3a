/** What charts are drawn with: bars with a pattern each, lines with a dash and a mark each. */

import { html } from "./html.js";

/**
 * @typedef {"a" | "b" | "c" | "d" | "e" | "f"} Look a colour, with a pattern, a dash and a mark of its own
 * @typedef {{left: number, width: number, top: number, height: number}} Room
 * @typedef {import("./chart.js").Series} Series
 * @typedef {(value: number) => number} Height where a value is drawn
 */

export const LOOKS = /** @type {const} */ (["a", "b", "c", "d", "e", "f"]);

/** Over the colour, so that bars differ without it too; the first is plain. */
const HATCHES = /** @type {Record<Look, string>} */ ({
  a: "",
  b: "M0 8 8 0",
  c: "M0 4h8",
  d: "M4 0v8",
  e: "M0 0 8 8M0 8 8 0",
  f: "M2 2h2v2h-2z",
});

/** Marks of lines, around 0, 0. */
const MARKS = /** @type {Record<Look, string>} */ ({
  a: "M-3 0a3 3 0 1 0 6 0a3 3 0 1 0-6 0z",
  b: "M-3-3h6v6h-6z",
  c: "M0-4 4 3h-8z",
  d: "M0-4 4 0 0 4-4 0z",
  e: "M0 4 4-3h-8z",
  f: "M-4 0h8M0-4v8",
});

/** @param {{id: string}} props */
export const Patterns = ({ id }) => html`<defs>
  ${LOOKS.map(
    (
      look,
    ) => html`<pattern key=${look} id="${id}-${look}" width="8" height="8" patternUnits="userSpaceOnUse">
      <rect class="fill-${look}" width="8" height="8" /><path class="hatch" d=${HATCHES[look]} />
    </pattern>`,
  )}
</defs>`;

/** How a series is drawn, beside its name. @param {{look: Look}} props */
export const LookMark = ({ look }) => html`<svg class="look" viewBox="0 0 16 16" aria-hidden="true">
  <rect class="fill-${look}" width="16" height="16" rx="3" />
  <path class="hatch" transform="scale(2)" d=${HATCHES[look]} />
</svg>`;

/** How a line is drawn, beside its name. @param {{look: Look}} props */
export const LineMark = ({
  look,
}) => html`<svg class="look line" viewBox="0 0 28 16" aria-hidden="true">
  <path class="line-${look}" d="M0 8h28" /><path class="mark-${look}" transform="translate(14 8)" d=${MARKS[look]} />
</svg>`;

/** @param {{id: string, series: Series[], count: number, room: Room, y: Height}} props */
export function Stacks({ id, series, count, room, y }) {
  const slot = room.width / Math.max(1, count);
  const wide = Math.max(1, Math.min(slot * 0.78, 48));
  return Array.from({ length: count }, (_, at) => {
    let under = 0;
    return series.map(({ name, look, values }) => {
      const value = values[at] ?? 0;
      if (value <= 0) return null;
      const low = y(under);
      under += value;
      const high = Math.min(y(under), low - 1);
      return html`<rect key=${`${at}/${name}`} class="bar" x=${room.left + slot * (at + 0.5) - wide / 2} y=${high}
        width=${wide} height=${low - high} fill="url(#${id}-${look})" />`;
    });
  });
}

/** @param {{series: Series[], count: number, room: Room, y: Height}} props */
export function Lines({ series, count, room, y }) {
  const slot = room.width / Math.max(1, count);
  const x = (/** @type {number} */ at) => room.left + slot * (at + 0.5);
  return series.map(({ name, look, values }) => {
    const points = values.flatMap((value, at) => (value === null ? [] : [{ at, value }]));
    const way = points.map(({ at, value }) => {
      const isBegun = (values[at - 1] ?? null) !== null;
      return `${isBegun ? "L" : "M"}${x(at).toFixed(1)} ${y(value).toFixed(1)}`;
    });
    return html`<g key=${name}>
      <path class="line-${look}" d=${way.join("")} />
      ${points.map(
        ({ at, value }) => html`<path key=${at} class="mark-${look}" d=${MARKS[look]}
          transform=${`translate(${x(at).toFixed(1)} ${y(value).toFixed(1)})`} />`,
      )}
    </g>`;
  });
}
