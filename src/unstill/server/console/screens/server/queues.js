/** Who waits in which lane, and what engines have in hand. */

import { moment, number, span } from "../../parts/format.js";
import { html } from "../../parts/html.js";
import { useFigures } from "../../parts/live.js";
import { Meter } from "../../parts/meter.js";
import { stateWord } from "../../parts/state.js";
import { Table } from "../../parts/table.js";
import { t } from "../../texts/server.js";
import { Section, View } from "./view.js";

const ASKED = { queues: "admin/queues" };

/**
 * @typedef {{owner: string, waiting: number, working: number, oldest_ms: number | null}} LaneOwner
 * @typedef {{lane: string, slots: number, working: number, waiting: number, oldest_ms: number | null, owners: LaneOwner[]}} Lane
 * @typedef {{state: import("../../data/jobs.js").State, engine: string, owner: string, count: number, oldest_ms: number}} UnderWay
 */

export function Queues() {
  const figures = useFigures(ASKED);
  return html`<${View} figures=${figures} names=${["queues"]}>
    <${Section} title=${t("lanes")} figures=${figures} names=${["queues"]}>
      <${Lanes} lanes=${figures.told.queues?.lanes} />
    <//>
    <${Section} title=${t("underWay")} figures=${figures} names=${["queues"]}>
      <${AtEngines} rows=${figures.told.queues?.under_way} />
    <//>
  <//>`;
}

/** @param {{lanes: Lane[]}} props */
function Lanes({ lanes }) {
  const columns = [
    { head: t("lane"), cell: laneWords },
    {
      head: t("jobsWaiting"),
      cell: (/** @type {Lane} */ row) => number(row.waiting),
      isNumber: true,
    },
    {
      head: t("slots"),
      cell: (
        /** @type {Lane} */ row,
      ) => html`<${Meter} label=${t("slots")} used=${row.working} of=${row.slots} isUsual hidesLabel
        words=${t("slotsOf", { n: number(row.working), of: number(row.slots) })} />`,
    },
    {
      head: t("oldest"),
      cell: (/** @type {Lane} */ row) =>
        row.oldest_ms === null ? "–" : span(Date.now() - row.oldest_ms),
    },
    { head: t("turns"), cell: turnsOf },
  ];
  return html`<${Table} caption=${t("lanes")} columns=${columns} rows=${lanes} none=${t("laneNone")}
    keyOf=${(/** @type {Lane} */ row) => row.lane} />`;
}

/** @param {Lane} lane */
function laneWords({ lane }) {
  const [step = "", engine = ""] = lane.split(/:(.*)/);
  const names = {
    frames: "laneFrames",
    engine: "laneEngine",
    save: "laneSave",
    again: "laneAgain",
  };
  const name = /** @type {"laneFrames" | undefined} */ (
    /** @type {Record<string, string>} */ (names)[step]
  );
  return html`<code>${lane}</code>${name && html`<br /><span class="small muted">${t(name, { engine })}</span>`}`;
}

/** @param {Lane} lane */
const turnsOf = ({ owners }) =>
  owners.length === 0
    ? "–"
    : html`<ul class="ids small">
        ${owners.map(
          (each) =>
            html`<li key=${each.owner}>${t("turnOf", {
              owner: each.owner,
              waiting: number(each.waiting),
              working: number(each.working),
            })}</li>`,
        )}
      </ul>`;

/** @param {{rows: UnderWay[]}} props */
function AtEngines({ rows }) {
  const columns = [
    { head: t("engine"), cell: (/** @type {UnderWay} */ row) => row.engine },
    { head: t("owner"), cell: (/** @type {UnderWay} */ row) => row.owner },
    { head: t("state"), cell: (/** @type {UnderWay} */ row) => stateWord(row.state) },
    { head: t("count"), cell: (/** @type {UnderWay} */ row) => number(row.count), isNumber: true },
    { head: t("since"), cell: (/** @type {UnderWay} */ row) => moment(row.oldest_ms) },
  ];
  return html`<${Table} caption=${t("underWay")} columns=${columns} rows=${rows} none=${t("underWayNone")}
    keyOf=${(/** @type {UnderWay} */ row) => `${row.engine}/${row.owner}/${row.state}`} />`;
}
