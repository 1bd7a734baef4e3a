/** Who waits in which lane, and what engines have in hand. */

import { moment, number, span } from "../../parts/format.js";
import { html } from "../../parts/html.js";
import { useFigures } from "../../parts/live.js";
import { Meter } from "../../parts/meter.js";
import { stateWord } from "../../parts/state.js";
import { Table } from "../../parts/table.js";
import { t } from "../../texts/server.js";
import { Section, View } from "./view.js";

/** @import { Lane, UnderWay } from "../../data/operators.js" */
/** @import { Column } from "../../parts/table.js" */

const ASKED = { queues: "admin/queues" };

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
  /** @type {Column<Lane>[]} */
  const columns = [
    { head: t("lane"), cell: laneWords },
    {
      head: t("jobsWaiting"),
      cell: (row) => number(row.waiting),
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
      cell: (row) => (row.oldest_ms === null ? "–" : span(Date.now() - row.oldest_ms)),
    },
    { head: t("turns"), cell: turnsOf },
  ];
  return html`<${Table} caption=${t("lanes")} columns=${columns} rows=${lanes} none=${t("laneNone")}
    keyBy="lane" />`;
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
  /** @type {Column<UnderWay>[]} */
  const columns = [
    { head: t("engine"), cell: (row) => row.engine },
    { head: t("owner"), cell: (row) => row.owner },
    { head: t("state"), cell: (row) => stateWord(row.state) },
    { head: t("count"), cell: (row) => number(row.count), isNumber: true },
    { head: t("since"), cell: (row) => moment(row.oldest_ms) },
  ];
  return html`<${Table} caption=${t("underWay")} columns=${columns} rows=${rows} none=${t("underWayNone")}
    keyBy="engine owner state" />`;
}
