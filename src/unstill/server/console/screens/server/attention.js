/** What waits for an operator's word: calls that may have been billed, and held jobs. */

import { ApiError, call } from "../../data/api.js";
import { address } from "../../data/route.js";
import { Question } from "../../parts/dialog.js";
import { moment } from "../../parts/format.js";
import { html, useState } from "../../parts/html.js";
import { notify } from "../../parts/notices.js";
import { Table } from "../../parts/table.js";
import { t } from "../../texts/server.js";

const MOST_SHOWN = 20;

/** @param {{held: {data: string[]}, doubts: {data: any[], count: number}, again: () => Promise<void>}} props */
export const Attention = ({ held, doubts, again }) => html`<div class="pair">
  <div class="card"><${Doubts} doubts=${doubts} /></div>
  <div class="card"><${Held} ids=${held.data} again=${again} /></div>
</div>`;

/** @param {{doubts: {data: any[], count: number}}} props */
function Doubts({ doubts: { data, count } }) {
  if (count === 0) return html`<p class="plain muted">${t("doubtsNone")}</p>`;
  const shown = data.slice(0, MOST_SHOWN);
  const columns = [
    { head: t("job"), cell: (/** @type {any} */ row) => html`<${JobLink} id=${row.id} />` },
    { head: t("owner"), cell: (/** @type {any} */ row) => row.owner },
    { head: t("engine"), cell: (/** @type {any} */ row) => row.engine },
    { head: t("sent"), cell: (/** @type {any} */ row) => moment(row.sent_ms) },
    { head: t("known"), cell: (/** @type {any} */ row) => row.message },
  ];
  return html`<h3>${t("doubts", { n: count })}</h3>
    <p class="small muted">${t("doubtsWhy")}</p>
    <${Table} caption=${t("doubts", { n: count })} columns=${columns} rows=${shown} none=""
      keyOf=${(/** @type {any} */ row) => `${row.id}/${row.attempt}`} />
    <${More} n=${count - shown.length} />`;
}

/** @param {{ids: string[], again: () => Promise<void>}} props */
function Held({ ids, again }) {
  const [isAsking, setAsking] = useState(false);
  const release = async () => {
    setAsking(false);
    try {
      const done = await call("POST", "admin/held-jobs/release", { json: {} });
      const sent = Object.keys(done.sent).length;
      notify(t(sent > 0 ? "releasedSent" : "released", { n: done.released.length, sent }));
    } catch (refusal) {
      if (!(refusal instanceof ApiError)) throw refusal;
      notify(refusal.message, "trouble");
    }
    await again();
  };
  if (ids.length === 0) return html`<p class="plain muted">${t("heldNone")}</p>`;
  const shown = ids.slice(0, MOST_SHOWN);
  return html`<h3>${t("held", { n: ids.length })}</h3>
    <p class="small muted">${t("heldWhy")}</p>
    <ul class="ids">${shown.map((id) => html`<li key=${id}><${JobLink} id=${id} /></li>`)}</ul>
    <${More} n=${ids.length - shown.length} />
    <button type="button" onClick=${() => setAsking(true)}>${t("release")}</button>
    ${
      isAsking &&
      html`<${Question} title=${t("releaseTitle")} about=${t("releaseAbout", { n: ids.length })}
        yes=${t("releaseYes")} onYes=${release} onNo=${() => setAsking(false)} />`
    }`;
}

/** @param {{id: string}} props */
const JobLink = ({ id }) => html`<a href=${address("jobs", [id])}><code>${id}</code></a>`;

/** @param {{n: number}} props */
const More = ({ n }) => n > 0 && html`<p class="small muted">${t("more", { n })}</p>`;
