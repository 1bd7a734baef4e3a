/** How the server is, all on one view: health, what needs its operator, engines, disk, owners. */

import { ApiError, call } from "../../data/api.js";
import { address } from "../../data/route.js";
import { Question } from "../../parts/dialog.js";
import { bytes, moment, number, span } from "../../parts/format.js";
import { html, useState } from "../../parts/html.js";
import { useFigures } from "../../parts/live.js";
import { Meter } from "../../parts/meter.js";
import { notify } from "../../parts/notices.js";
import { Table } from "../../parts/table.js";
import { t } from "../../texts/server.js";
import { Engines } from "./engines.js";
import { KEYS_AND_OWNERS, OwnersSection } from "./owners.js";
import { Section, View } from "./view.js";

/** @import { Column } from "../../parts/table.js" */

const ASKED = {
  health: "health",
  ready: "ready",
  webhooks: "admin/webhooks",
  held: "admin/held-jobs",
  doubts: "admin/doubts",
  engines: "admin/engines",
  retention: "admin/retention",
  ...KEYS_AND_OWNERS,
};

export function Overview() {
  const figures = useFigures(ASKED);
  const { told } = figures;
  return html`<${View} figures=${figures} names=${Object.keys(ASKED)}>
    <${Health} figures=${figures} />
    <${Section} title=${t("attention")} figures=${figures} names=${["held", "doubts"]}>
      <${Attention} held=${told.held} doubts=${told.doubts} again=${figures.again} />
    <//>
    <${Section} title=${t("engines")} figures=${figures} names=${["engines"]}>
      <${Engines} engines=${told.engines?.data} />
    <//>
    <${OwnersSection} figures=${figures} isBrief />
    <${Section} title=${t("disk")} figures=${figures} names=${["retention"]}>
      <${Disk} retention=${told.retention} />
    <//>
  <//>`;
}

const REASONS = /** @type {const} */ ({
  disk: "reasonDisk",
  files: "reasonFiles",
  store: "reasonStore",
  stopping: "reasonStopping",
});

/**
 * How it is stands in refusals too: /health and /ready answer 503 with the same words.
 *
 * @param {{figures: import("./view.js").Figures}} props
 */
function Health({ figures }) {
  const { owners, webhooks } = figures.told;
  const health = latest(figures, "health");
  const ready = latest(figures, "ready");
  const { level, words } = standing(health, ready);
  return html`<${Section} title=${t("health")} figures=${figures} names=${["owners"]}>
    <p class="server-standing" data-level=${level} role="status">${words}</p>
    <ul class="figures">
      <${Tile} name=${t("waiting")} value=${number(sum(owners, "jobs_waiting"))}
        href=${address("server", ["jobs"], { state: "queued,ready" })} />
      <${Tile} name=${t("working")} value=${number(sum(owners, "jobs_begun"))}
        href=${address("server", ["jobs"], { state: "submitting,running,saving" })} />
      <${Tile} name=${t("heldUp")} value=${ready ? number(ready.jobs_held_up) : "–"} />
      <${Tile} name=${t("webhooks")} value=${webhooks ? number(webhooks.owed) : "–"} about=${webhooksAbout(webhooks)} />
      <${Tile} name=${t("version")} value=${health?.version ?? "–"} />
    </ul>
    ${webhooks?.data.length > 0 && html`<${Webhooks} rows=${webhooks?.data} />`}
  <//>`;
}

/** @param {import("./view.js").Figures} figures @param {string} name */
const latest = ({ told, troubles }, name) => troubles[name]?.body ?? told[name] ?? null;

/** @param {any} owners @param {"jobs_waiting" | "jobs_begun"} name */
const sum = (owners, name) =>
  owners.data.reduce((/** @type {number} */ all, /** @type {any} */ each) => all + each[name], 0);

/** @param {any} health @param {any} ready */
function standing(health, ready) {
  if (health?.status === "failing") {
    return { level: "bad", words: t("statusFailing", { reason: health.reason }) };
  }
  if (health?.status === "stopping" || ready?.status === "stopping") {
    return { level: "warn", words: t("statusStopping") };
  }
  if (ready?.status === "not_ready") {
    const reasons = ready.reasons.map((/** @type {keyof typeof REASONS} */ each) =>
      t(REASONS[each]),
    );
    return { level: "bad", words: t("statusNotReady", { reasons: reasons.join("; ") }) };
  }
  if (ready?.status === "held_up") return { level: "warn", words: t("statusHeldUp") };
  return { level: "good", words: t(ready ? "statusReady" : "statusOk") };
}

/** @param {{name: string, value: string, about?: string, href?: string}} props */
const Tile = ({ name, value, about, href }) => html`<li class="figure">
  ${href ? html`<a href=${href}>${name}</a>` : html`<span class="muted">${name}</span>`}
  <strong>${value}</strong>
  ${about && html`<span class="small muted">${about}</span>`}
</li>`;

/** @param {any} webhooks */
function webhooksAbout(webhooks) {
  if (!webhooks) return "";
  const about = [];
  if (webhooks.failing > 0) about.push(t("webhooksFailing", { n: webhooks.failing }));
  if (webhooks.given_up_day > 0) about.push(t("webhooksGivenUp", { n: webhooks.given_up_day }));
  if (webhooks.oldest_ms) about.push(t("webhooksOldest", { time: moment(webhooks.oldest_ms) }));
  return about.join("; ") || t("webhooksWell");
}

/** @param {{rows: any[]}} props */
function Webhooks({ rows }) {
  /** @type {Column<any>[]} */
  const columns = [
    { head: t("job"), cell: jobLink },
    { head: t("owner"), cell: (row) => row.owner },
    { head: t("receiver"), cell: (row) => row.receiver },
    { head: t("tries"), cell: (row) => number(row.tries), isNumber: true },
    { head: t("due"), cell: (row) => (row.due_ms ? moment(row.due_ms) : "–") },
    { head: t("lastError"), cell: (row) => row.last_error ?? "–" },
  ];
  return html`<details><summary>${t("webhooksList")}</summary>
    <${Table} caption=${t("webhooksList")} columns=${columns} rows=${rows} none=${t("none")}
      keyBy="job_id" />
  </details>`;
}

/** @param {{job_id: string}} row */
const jobLink = ({ job_id }) =>
  html`<a href=${address("jobs", [job_id])}><code>${job_id}</code></a>`;

const MOST_SHOWN = 20;

/** @param {{held: {data: string[]}, doubts: {data: any[], count: number}, again: () => Promise<void>}} props */
const Attention = ({ held, doubts, again }) => html`<div class="pair">
  <div class="card"><${Doubts} doubts=${doubts} /></div>
  <div class="card"><${Held} ids=${held.data} again=${again} /></div>
</div>`;

/** @param {{doubts: {data: any[], count: number}}} props */
function Doubts({ doubts: { data, count } }) {
  if (count === 0) return html`<p class="plain muted">${t("doubtsNone")}</p>`;
  const shown = data.slice(0, MOST_SHOWN);
  /** @type {Column<any>[]} */
  const columns = [
    { head: t("job"), cell: (row) => html`<${JobLink} id=${row.id} />` },
    { head: t("owner"), cell: (row) => row.owner },
    { head: t("engine"), cell: (row) => row.engine },
    { head: t("sent"), cell: (row) => moment(row.sent_ms) },
    { head: t("known"), cell: (row) => row.message },
  ];
  return html`<h3>${t("doubts", { n: count })}</h3>
    <p class="small muted">${t("doubtsWhy")}</p>
    <${Table} caption=${t("doubts", { n: count })} columns=${columns} rows=${shown} none=""
      keyBy="id attempt" />
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

const KEPT = /** @type {const} */ ({
  video: "keptVideo",
  pictures: "keptPictures",
  failed_pictures: "keptFailed",
  row: "keptRow",
});

/** @param {{retention: any}} props */
const Disk = ({ retention: { disk, kept } }) => html`<div class="pair">
  <div class="card column">
    <${Room} disk=${disk} />
  </div>
  <div class="card">
    <h3>${t("retention")}</h3>
    <dl class="facts small">${kept.map((/** @type {any} */ each) => html`<${Kept} key=${each.what} kept=${each} />`)}</dl>
  </div>
</div>`;

/** @param {{disk: any}} props */
function Room({ disk }) {
  const words = (/** @type {number} */ used, /** @type {number} */ size) =>
    t("usedOf", { used: bytes(used), size: bytes(size) });
  return html`
    ${
      disk.size_bytes === null
        ? html`<p class="plain muted">${t("diskAway")}</p>`
        : html`<${Meter} label=${t("diskRoom")} used=${disk.used_bytes} of=${disk.size_bytes}
            words=${words(disk.used_bytes, disk.size_bytes)} />
          <p class="plain small muted">${t("diskFree", { free: bytes(disk.free_bytes), reserve: bytes(disk.reserve_bytes) })}</p>`
    }
    ${
      disk.folder_limit_bytes !== null &&
      html`<${Meter} label=${t("folder")} used=${disk.folder_bytes} of=${disk.folder_limit_bytes}
        words=${words(disk.folder_bytes, disk.folder_limit_bytes)} />`
    }
    <p class=${disk.takes_jobs ? "plain small" : "error"} role="status">${t(disk.takes_jobs ? "diskTakes" : "diskRefuses")}</p>`;
}

/** @param {{kept: {what: keyof typeof KEPT, keep_ms: number | null, removed: number, freed_bytes: number}}} props */
function Kept({ kept }) {
  const forEver = t(kept.what === "row" ? "rowForEver" : "forEver");
  return html`<dt>${t(KEPT[kept.what])}</dt>
    <dd>
      ${kept.keep_ms === null ? forEver : span(kept.keep_ms)}
      ${kept.removed > 0 && html`<br /><span class="muted">${t("removed", { n: number(kept.removed), size: bytes(kept.freed_bytes) })}</span>`}
    </dd>`;
}
