/** Small charts: stacked bars and lines over the same steps, and the figures themselves as a table. */

import { texts } from "../texts/texts.js";
import { html, useEffect, useId, useRef, useState } from "./html.js";
import { Table } from "./table.js";

/** @import { Column } from "./table.js" */

const t = texts({
  en: { figures: "Show figures", none: "no figure" },
  zh: { figures: "显示数据", none: "无数据" },
});

const HEIGHT = 220;
const TOP = 12;
const BOTTOM = 28;
const CHAR_PX = 7; // of a digit at the axis
const LABEL_PX = 76; // from one label at the foot to the next

/**
 * @typedef {object} Series
 * @property {string} name
 * @property {(number | null)[]} values one for each step; null where nothing is known
 * @property {Look} look how it is drawn: never by its colour alone
 *
 * @typedef {{short: string, long: string}} Step its name at the axis, and in full
 */

/**
 * @param {{title: string, summary: string, stepHead: string, steps: Step[], bars?: Series[], lines?: Series[],
 *   shown: (value: number) => string, ruled?: (value: number) => string, isWhole?: boolean}} props
 *   summary: what a screen reader says of it; ruled: as `shown`, shorter, for the axis; isWhole: there are no halves of what is shown
 */
export function Chart({
  title,
  summary,
  stepHead,
  steps,
  bars = [],
  lines = [],
  shown,
  ruled = shown,
  isWhole = false,
}) {
  const { box, width } = useWidth();
  const id = useId();
  const most = Math.max(
    0,
    ...sums(bars, steps.length),
    ...lines.flatMap(({ values }) => values.map(Number)),
  );
  const ticks = ticksTo(most, isWhole);
  const top = ticks.at(-1) ?? 1;
  const left = 10 + CHAR_PX * Math.max(...ticks.map((tick) => ruled(tick).length));
  const room = {
    left,
    width: Math.max(40, width - left - 8),
    top: TOP,
    height: HEIGHT - TOP - BOTTOM,
  };
  const y = (/** @type {number} */ value) => room.top + room.height * (1 - value / top);
  return html`<figure class="chart card">
    <figcaption><h3 id=${id} class="plain">${title}</h3></figcaption>
    <${Legend} bars=${bars} lines=${lines} />
    <div class="canvas" ref=${box}>
      <svg role="img" aria-label=${`${title}. ${summary}`} viewBox="0 0 ${width} ${HEIGHT}" width=${width} height=${HEIGHT}>
        <${Patterns} id=${id} />
        ${ticks.map(
          (tick) => html`<g key=${tick}>
            <line class="rule" x1=${left} x2=${left + room.width} y1=${y(tick)} y2=${y(tick)} />
            <text x=${left - 6} y=${y(tick) + 4} text-anchor="end">${ruled(tick)}</text>
          </g>`,
        )}
        <${Feet} steps=${steps} room=${room} />
        <${Stacks} id=${id} series=${bars} count=${steps.length} room=${room} y=${y} />
        <${Lines} series=${lines} count=${steps.length} room=${room} y=${y} />
        <${Hovers} steps=${steps} series=${[...bars, ...lines]} room=${room} shown=${shown} />
      </svg>
    </div>
    <details><summary>${t("figures")}<span class="unseen">: ${title}</span></summary>
      <${Figures} title=${title} stepHead=${stepHead} steps=${steps} series=${[...bars, ...lines]} shown=${shown} />
    </details>
  </figure>`;
}

/** The width that there is for a drawing; its height is always the same, so that nothing moves. */
function useWidth() {
  const box = useRef(/** @type {HTMLElement | null} */ (null));
  const [width, setWidth] = useState(600);
  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const watch = new ResizeObserver(() =>
      setWidth(Math.max(200, Math.floor(element.clientWidth))),
    );
    watch.observe(element);
    return () => watch.disconnect();
  }, []);
  return { box, width };
}

/** @param {Series[]} series @param {number} count */
const sums = (series, count) =>
  Array.from({ length: count }, (_, at) =>
    series.reduce((sum, { values }) => sum + (values[at] ?? 0), 0),
  );

/** Round numbers from 0 to at least `most`, about four of them. @param {number} most @param {boolean} isWhole */
export function ticksTo(most, isWhole) {
  if (most <= 0) return [0, 1];
  const rough = most / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const round =
    [1, 2, 2.5, 5, 10].map((each) => each * power).find((each) => each >= rough) ?? rough;
  const step = isWhole ? Math.max(1, Math.ceil(round)) : round;
  return Array.from({ length: Math.ceil(most / step - 1e-9) + 1 }, (_, n) => n * step);
}

/** @param {{bars: Series[], lines: Series[]}} props */
const Legend = ({ bars, lines }) => html`<ul class="chart-legend small">
  ${bars.map((each) => html`<li key=${each.name}><${LookMark} look=${each.look} />${each.name}</li>`)}
  ${lines.map((each) => html`<li key=${each.name}><${LineMark} look=${each.look} />${each.name}</li>`)}
</ul>`;

/** Names of steps at the foot, as many as there is room for. @param {{steps: Step[], room: Room}} props */
function Feet({ steps, room }) {
  const every = Math.max(1, Math.ceil((steps.length * LABEL_PX) / room.width));
  const slot = room.width / Math.max(1, steps.length);
  return steps.map(({ short }, at) => {
    if (at % every !== 0) return null;
    const x = room.left + slot * (at + 0.5);
    const isEdge = x + LABEL_PX / 2 > room.left + room.width;
    return html`<text key=${at} x=${isEdge ? room.left + room.width : x} y=${HEIGHT - 8}
      text-anchor=${isEdge ? "end" : "middle"}>${short}</text>`;
  });
}

/** What a pointer is told of the step that it is over. @param {any} props */
function Hovers({ steps, series, room, shown }) {
  const slot = room.width / Math.max(1, steps.length);
  return steps.map((/** @type {Step} */ { long }, /** @type {number} */ at) => {
    const figures = series.map(
      (/** @type {Series} */ { name, values }) => `${name}: ${told(values[at], shown)}`,
    );
    return html`<rect key=${at} class="over" x=${room.left + slot * at} y=${room.top} width=${slot} height=${room.height}>
      <title>${[long, ...figures].join("\n")}</title></rect>`;
  });
}

/** @param {number | null | undefined} value @param {(value: number) => string} shown */
const told = (value, shown) => (value === null || value === undefined ? t("none") : shown(value));

/** @param {{title: string, stepHead: string, steps: Step[], series: Series[], shown: (value: number) => string}} props */
function Figures({ title, stepHead, steps, series, shown }) {
  const rows = steps.map(({ long }, at) => ({ long, at }));
  /** @type {Column<any>[]} */
  const columns = [
    { head: stepHead, cell: (row) => row.long },
    ...series.map(({ name, values }) => ({
      head: name,
      cell: (/** @type {any} */ row) => told(values[row.at], shown),
      isNumber: true,
    })),
  ];
  return html`<${Table} caption=${title} columns=${columns} rows=${rows} none=""
    keyBy="at" />`;
}

/**
 * @typedef {"a" | "b" | "c" | "d" | "e" | "f"} Look a colour, with a pattern, a dash and a mark of its own
 * @typedef {{left: number, width: number, top: number, height: number}} Room
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
const Patterns = ({ id }) => html`<defs>
  ${LOOKS.map(
    (
      look,
    ) => html`<pattern key=${look} id="${id}-${look}" width="8" height="8" patternUnits="userSpaceOnUse">
      <rect class="fill-${look}" width="8" height="8" /><path class="hatch" d=${HATCHES[look]} />
    </pattern>`,
  )}
</defs>`;

/** How a series is drawn, beside its name. @param {{look: Look}} props */
const LookMark = ({ look }) => html`<svg class="look" viewBox="0 0 16 16" aria-hidden="true">
  <rect class="fill-${look}" width="16" height="16" rx="3" />
  <path class="hatch" transform="scale(2)" d=${HATCHES[look]} />
</svg>`;

/** How a line is drawn, beside its name. @param {{look: Look}} props */
const LineMark = ({ look }) => html`<svg class="look line" viewBox="0 0 28 16" aria-hidden="true">
  <path class="line-${look}" d="M0 8h28" /><path class="mark-${look}" transform="translate(14 8)" d=${MARKS[look]} />
</svg>`;

/** @param {{id: string, series: Series[], count: number, room: Room, y: Height}} props */
function Stacks({ id, series, count, room, y }) {
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
function Lines({ series, count, room, y }) {
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
