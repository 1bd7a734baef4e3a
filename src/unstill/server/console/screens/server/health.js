/** Whether the server is well, in a sentence, and what it has to do, in a few figures. */

import { address } from "../../data/route.js";
import { moment, number } from "../../parts/format.js";
import { html } from "../../parts/html.js";
import { Table } from "../../parts/table.js";
import { t } from "../../texts/server.js";
import { Section } from "./view.js";

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
export function Health({ figures }) {
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
  const columns = [
    { head: t("job"), cell: jobLink },
    { head: t("owner"), cell: (/** @type {any} */ row) => row.owner },
    { head: t("receiver"), cell: (/** @type {any} */ row) => row.receiver },
    { head: t("tries"), cell: (/** @type {any} */ row) => number(row.tries), isNumber: true },
    { head: t("due"), cell: (/** @type {any} */ row) => (row.due_ms ? moment(row.due_ms) : "–") },
    { head: t("lastError"), cell: (/** @type {any} */ row) => row.last_error ?? "–" },
  ];
  return html`<details><summary>${t("webhooksList")}</summary>
    <${Table} caption=${t("webhooksList")} columns=${columns} rows=${rows} none=${t("none")}
      keyOf=${(/** @type {any} */ row) => row.job_id} />
  </details>`;
}

/** @param {{job_id: string}} row */
const jobLink = ({ job_id }) =>
  html`<a href=${address("jobs", [job_id])}><code>${job_id}</code></a>`;
