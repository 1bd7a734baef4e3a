/** What was made, how long it took and what failed, over a day, a week or a month. */

import { Chart } from "../../parts/chart.js";
import { clock, day, moment, number, span } from "../../parts/format.js";
import { html, useState } from "../../parts/html.js";
import { useFigures } from "../../parts/live.js";
import { Meter } from "../../parts/meter.js";
import { Table } from "../../parts/table.js";
import { t } from "../../texts/figures.js";
import { t as tServer } from "../../texts/server.js";
import { Section, SpanChoice, View } from "./view.js";

/** @import { ActivityTold, EngineCount, ErrorCount } from "../../data/operators.js" */
/** @import { Column } from "../../parts/table.js" */

const HOURS = /** @type {const} */ ({ h24: 24, h168: 168, h720: 720 });
const DAY_MS = 86_400_000;
const EVERY_S = 15;

export function Activity() {
  const [over, setOver] = useState(/** @type {keyof typeof HOURS} */ ("h24"));
  const figures = useFigures({ activity: `admin/activity?hours=${HOURS[over]}` }, EVERY_S * 1000);
  /** @type {ActivityTold | undefined} */
  const told = figures.told.activity;
  const choice = html`<${SpanChoice} among=${Object.keys(HOURS)} chosen=${over} onChosen=${setOver} />`;
  return html`<${View} figures=${figures} names=${["activity"]} everyS=${EVERY_S}>
    <${Section} title=${tServer("activity")} figures=${figures} names=${["activity"]} action=${choice}>
      <div class="pair">
        <${Throughput} told=${told} />
        <${Latency} told=${told} />
      </div>
    <//>
    <${Section} title=${t("errors")} figures=${figures} names=${["activity"]}>
      <${Errors} errors=${told?.errors} />
    <//>
    <${Section} title=${t("byEngine")} figures=${figures} names=${["activity"]}>
      <${ByEngine} engines=${told?.engines} />
    <//>
  <//>`;
}

/** @param {ActivityTold} told */
const stepsOf = ({ data, step_ms }) =>
  data.map(({ at_ms }) => ({
    short:
      step_ms * data.length > 2 * DAY_MS
        ? day(at_ms).replace(/[ ,]*\d{4}年?/, "")
        : clock(at_ms).slice(0, 5),
    long: moment(at_ms),
  }));

/** @param {{told: ActivityTold}} props */
function Throughput({ told }) {
  const of = (/** @type {"made" | "succeeded" | "failed" | "cancelled"} */ name) =>
    told.data.map((each) => each[name]);
  const sum = (/** @type {number[]} */ counts) =>
    number(counts.reduce((all, each) => all + each, 0));
  const summary = t("throughputIs", {
    made: sum(of("made")),
    succeeded: sum(of("succeeded")),
    failed: sum(of("failed")),
    cancelled: sum(of("cancelled")),
  });
  return html`<div class="column">
    <${Chart} title=${t("throughput")} summary=${summary} stepHead=${t("step")} steps=${stepsOf(told)} isWhole
      shown=${(/** @type {number} */ value) => number(value)}
      bars=${[
        { name: t("succeeded"), values: of("succeeded"), look: "a" },
        { name: t("failed"), values: of("failed"), look: "b" },
        { name: t("cancelled"), values: of("cancelled"), look: "f" },
      ]}
      lines=${[{ name: t("made"), values: of("made"), look: "c" }]} />
    <p class="plain small muted">${summary}</p>
  </div>`;
}

/** @param {number} ms */
const atAxis = (ms) =>
  ms >= 600_000
    ? t("axisMin", { n: number(ms / 60_000, 1) })
    : t("axisS", { n: number(ms / 1000, 1) });

/** @param {{told: ActivityTold}} props */
function Latency({ told }) {
  const of = (/** @type {"wait_ms_p50" | "render_ms_p50" | "render_ms_p95"} */ name) =>
    told.data.map((each) => each[name]);
  const last = told.data.findLast((each) => each.render_ms_p50 !== null);
  const summary = last
    ? t("latencyIs", { wait: span(last.wait_ms_p50 ?? 0), render: span(last.render_ms_p50 ?? 0) })
    : t("latencyNone");
  return html`<div class="column">
    <${Chart} title=${t("latency")} summary=${summary} stepHead=${t("step")} steps=${stepsOf(told)} shown=${span} ruled=${atAxis}
      lines=${[
        { name: t("wait50"), values: of("wait_ms_p50"), look: "d" },
        { name: t("render50"), values: of("render_ms_p50"), look: "a" },
        { name: t("render95"), values: of("render_ms_p95"), look: "c" },
      ]} />
    <p class="plain small muted">${summary}</p>
  </div>`;
}

/** @param {{errors: ErrorCount[]}} props */
function Errors({ errors }) {
  const most = Math.max(...errors.map((each) => each.count));
  /** @type {Column<ErrorCount>[]} */
  const columns = [
    { head: t("code"), cell: (row) => html`<code>${row.code}</code>` },
    { head: t("engine"), cell: (row) => row.engine || t("noEngine") },
    {
      head: t("count"),
      cell: ({
        count,
      }) => html`<${Meter} label=${t("count")} used=${count} of=${most} isUsual hidesLabel
        words=${number(count)} />`,
    },
  ];
  return html`<${Table} caption=${t("errors")} columns=${columns} rows=${errors} none=${t("errorsNone")}
    keyBy="code engine" />`;
}

/** @param {{engines: EngineCount[]}} props */
function ByEngine({ engines }) {
  /** @type {Column<EngineCount>[]} */
  const columns = [
    { head: t("engine"), cell: (row) => row.engine || t("noEngine") },
    {
      head: t("succeeded"),
      cell: (row) => number(row.succeeded),
      isNumber: true,
    },
    {
      head: t("failed"),
      cell: (row) => number(row.failed),
      isNumber: true,
    },
    {
      head: t("render50"),
      cell: (row) => (row.render_ms_p50 === null ? "–" : span(row.render_ms_p50)),
      isNumber: true,
    },
  ];
  return html`<${Table} caption=${t("byEngine")} columns=${columns} rows=${engines} none=${t("enginesNone")}
    keyBy="engine" />`;
}
