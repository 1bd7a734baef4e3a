/** What owners were charged and engines have cost, by day, in the house currency. */

import { total } from "../../data/amounts.js";
import { csvOf, saveText } from "../../data/csv.js";
import { account } from "../../data/session.js";
import { Chart, LOOKS } from "../../parts/chart.js";
import { day, money, number } from "../../parts/format.js";
import { html, useState } from "../../parts/html.js";
import { Icon } from "../../parts/icons.js";
import { useFigures } from "../../parts/live.js";
import { Table } from "../../parts/table.js";
import { t } from "../../texts/figures.js";
import { t as tServer } from "../../texts/server.js";
import { Section, SpanChoice, View } from "./view.js";

/** @import { Line } from "../../data/operators.js" */
/** @import { Column } from "../../parts/table.js" */

const DAYS = /** @type {const} */ ({ d7: 7, d30: 30, d90: 90 });
const DAY_MS = 86_400_000;
const EVERY_S = 15;
const COLUMNS = /** @type {const} */ ([
  "settled_price",
  "reserved_price",
  "settled_cost",
  "currency",
  "jobs",
  "videos",
  "billed_seconds",
]);

export function Spend() {
  if (account.value?.money == null) {
    return html`<section class="card"><p>${t("noMoney")}</p><p class="plain muted">${t("noMoneyHow")}</p></section>`;
  }
  return html`<${Charged} />`;
}

function Charged() {
  const [over, setOver] = useState(/** @type {keyof typeof DAYS} */ ("d30"));
  const days = lastDays(DAYS[over]);
  const since = days[0] ?? "";
  const figures = useFigures(
    {
      byDay: `admin/usage?by=owner,day&since=${since}`,
      byEngine: `admin/usage?by=engine&since=${since}`,
    },
    EVERY_S * 1000,
  );
  /** @type {Line[]} */
  const lines = figures.told.byDay?.data ?? [];
  const choice = html`<${SpanChoice} among=${Object.keys(DAYS)} chosen=${over} onChosen=${setOver} />`;
  const save = html`<button type="button" onClick=${() => saveText(`unstill-${since}.csv`, csvFor(lines))}>
    <${Icon} name="download" />${t("csv")}</button>`;
  const currencies = [...new Set(lines.map((line) => line.currency))];
  return html`<${View} figures=${figures} names=${["byDay", "byEngine"]} everyS=${EVERY_S}>
    <${Section} title=${tServer("spend")} figures=${figures} names=${["byDay"]}
      action=${html`<div class="row">${choice}${save}</div>`}>
      ${lines.length === 0 && html`<p class="muted">${t("spendNone")}</p>`}
      ${currencies.map(
        (currency) => html`<${ByDay} key=${currency} currency=${currency} days=${days}
          lines=${lines.filter((line) => line.currency === currency)} />`,
      )}
    <//>
    <${Section} title=${t("totalsOwner")} figures=${figures} names=${["byDay"]}>
      <${Totals} of="owner" lines=${lines} />
    <//>
    <${Section} title=${t("totalsEngine")} figures=${figures} names=${["byEngine"]}>
      <${Totals} of="engine" lines=${figures.told.byEngine?.data ?? []} />
    <//>
  <//>`;
}

/** Days of UTC, today's last. @param {number} count */
function lastDays(count) {
  const now = Date.now();
  return Array.from({ length: count }, (_, n) =>
    new Date(now - (count - 1 - n) * DAY_MS).toISOString().slice(0, 10),
  );
}

/** @param {Line} line */
const chargedOf = (line) => total([line.settled_price, line.reserved_price]);

/** @param {{currency: string, days: string[], lines: Line[]}} props */
function ByDay({ currency, days, lines }) {
  const owners = [...new Set(lines.map((line) => line.owner ?? ""))];
  const spentBy = (/** @type {string} */ owner) =>
    Number(total(lines.filter((line) => line.owner === owner).map(chargedOf)));
  const ranked = owners.sort((one, other) => spentBy(other) - spentBy(one));
  const own = ranked.slice(0, LOOKS.length - 1);
  const rest = ranked.slice(own.length);
  const seriesOf = (/** @type {string[]} */ among) =>
    days.map((each) =>
      Number(
        total(
          lines
            .filter((line) => line.day === each && among.includes(line.owner ?? ""))
            .map(chargedOf),
        ),
      ),
    );
  const bars = own.map((owner, n) => ({
    name: owner,
    values: seriesOf([owner]),
    look: LOOKS[n] ?? "f",
  }));
  if (rest.length > 0) bars.push({ name: t("others"), values: seriesOf(rest), look: "f" });
  const summary = t("spendIs", {
    total: money(total(lines.map(chargedOf)), currency),
    days: days.length,
    owners: owners.length,
  });
  const steps = days.map((each) => ({
    short: day(Date.parse(each)).replace(/[ ,]*\d{4}年?/, ""),
    long: each,
  }));
  return html`<div class="column">
    <${Chart} title=${`${t("spend")} (${currency})`} summary=${summary} stepHead=${t("day")} steps=${steps} bars=${bars}
      shown=${(/** @type {number} */ value) => money(String(value), currency)} />
    <p class="plain small muted">${summary}</p>
  </div>`;
}

/** @param {{of: "owner" | "engine", lines: Line[]}} props */
function Totals({ of, lines }) {
  const groups = Map.groupBy(lines, (line) => `${line[of] ?? ""}\n${line.currency}`);
  const rows = [...groups.values()].map((group) => summed(of, group));
  for (const [currency, all] of Map.groupBy(lines, (line) => line.currency)) {
    if (rows.filter((row) => row.currency === currency).length > 1)
      rows.push({ ...summed(of, all), name: t("all") });
  }
  const amount = (/** @type {"settled" | "reserved" | "cost"} */ name) => ({
    head: t(name),
    cell: (/** @type {any} */ row) => money(row[name], row.currency),
    isNumber: true,
  });
  const count = (/** @type {"jobs" | "videos" | "seconds"} */ name) => ({
    head: t(name),
    cell: (/** @type {any} */ row) => number(Number(row[name]), 1),
    isNumber: true,
  });
  /** @type {Column<any>[]} */
  const columns = [
    { head: t(of), cell: (row) => row.name || t("noEngine") },
    amount("settled"),
    amount("reserved"),
    amount("cost"),
    count("jobs"),
    count("videos"),
    count("seconds"),
  ];
  return html`<${Table} caption=${t(of === "owner" ? "totalsOwner" : "totalsEngine")} columns=${columns} rows=${rows}
    none=${t("spendNone")} keyBy="name currency" />`;
}

/** @param {"owner" | "engine"} of @param {Line[]} group */
function summed(of, group) {
  const sum = (
    /** @type {"settled_price" | "reserved_price" | "settled_cost" | "billed_seconds"} */ name,
  ) => total(group.map((line) => line[name]));
  return {
    name: group[0]?.[of] ?? "",
    currency: group[0]?.currency ?? "",
    settled: sum("settled_price"),
    reserved: sum("reserved_price"),
    cost: sum("settled_cost"),
    seconds: sum("billed_seconds"),
    jobs: group.reduce((all, line) => all + line.jobs, 0),
    videos: group.reduce((all, line) => all + line.videos, 0),
  };
}

/** @param {Line[]} lines */
const csvFor = (lines) =>
  csvOf([
    ["owner", "day", ...COLUMNS],
    ...lines.map((line) => [
      line.owner ?? "",
      line.day ?? "",
      ...COLUMNS.map((name) => line[name]),
    ]),
  ]);
