/** What operators know of a job besides: its owner, its calls, its cost, what is owed for it. */

import { readDoubt } from "../../data/operating.js";
import { moment, money, number } from "../../parts/format.js";
import { html, useEffect, useState } from "../../parts/html.js";
import { t } from "../../texts/job.js";
import { Doubt } from "./doubt.js";
import { charged, fact, JobLink } from "./facts.js";

/**
 * @typedef {import("../../data/answers.js").AdminTold} AdminTold
 * @typedef {import("../../data/answers.js").Attempt} Attempt
 * @typedef {import("../../data/answers.js").Doubtful} Doubtful
 */

/** Codes of failures that may be in doubt: docs/money.md, what may have been billed. */
const MAY_BE_BILLED = new Set([
  "submit_unknown",
  "upstream_lost",
  "deadline_exceeded",
  "engine_removed",
]);

/** @param {AdminTold} admin */
function useDoubt(admin) {
  const [doubt, setDoubt] = useState(/** @type {Doubtful | null} */ (null));
  const { id, failure, resolution } = admin;
  const mayBe = failure !== null && MAY_BE_BILLED.has(failure.code) && resolution === null;
  useEffect(() => {
    setDoubt(null);
    if (!mayBe) return;
    let isGone = false;
    readDoubt(id).then(
      (found) => !isGone && setDoubt(found),
      () => {},
    );
    return () => {
      isGone = true;
    };
  }, [id, mayBe]);
  return doubt;
}

/** @param {{attempts: Attempt[]}} props */
const Calls = ({ attempts }) => html`<h3>${t("calls")}</h3>
  <div class="scrolls" tabindex="0" role="region" aria-label=${t("calls")}><table>
    <thead><tr><th scope="col">${t("call")}</th><th scope="col">${t("engine")}</th><th scope="col">${t("sent")}</th>
      <th scope="col">${t("became")}</th><th scope="col">${t("ticket")}</th></tr></thead>
    <tbody>${attempts.map(
      (each) => html`<tr key=${`${each.n} ${each.intent_ms}`}>
        <td>${number(each.n)}</td>
        <td>${each.engine}<br /><span class="muted small">${each.upstream_model}</span></td>
        <td>${moment(each.intent_ms)}</td>
        <td>${each.outcome ?? "open"}${each.code && html` <code>${each.code}</code>`}${
          each.message && html`<br /><span class="small">${each.message}</span>`
        }</td>
        <td><code>${each.ticket ?? "–"}</code></td>
      </tr>`,
    )}</tbody>
  </table></div>`;

/** @param {{admin: AdminTold, onChange: () => void}} props */
export function Operator({ admin, onChange }) {
  const doubt = useDoubt(admin);
  const { delivery, resolution, upstream_usage } = admin;
  return html`<section class="card" aria-labelledby="operators">
    <h2 id="operators">${t("operators")}</h2>
    <dl class="facts">
      ${fact(t("owner"), admin.owner)}
      ${fact(t("key"), admin.key_id)}
      ${fact(t("upstreamModel"), admin.upstream_model)}
      ${fact(t("ticket"), admin.ticket && html`<code>${admin.ticket}</code>`)}
      ${fact(t("attempt"), number(admin.attempt))}
      ${fact(t("deaths"), admin.deaths > 0 && number(admin.deaths))}
      ${fact(t("held"), admin.is_held && t("yes"))}
      ${fact(t("stall"), admin.stall && `${admin.stall.code}: ${admin.stall.message}`)}
      ${fact(t("deadline"), admin.deadline_ms > 0 && moment(admin.deadline_ms))}
      ${fact(
        t("upstreamUsage"),
        Object.entries(upstream_usage)
          .map(([name, value]) => `${name} ${value}`)
          .join(", "),
      )}
      ${fact(t("charge"), charged(admin.money))}
      ${fact(t("cost"), admin.money && money(admin.money.cost, admin.money.currency))}
      ${fact(
        t("webhook"),
        delivery &&
          html`${delivery.receiver}: ${t("deliveryIs", { state: delivery.state, n: delivery.tries })}${
            delivery.last_error && html`<br /><span class="small">${delivery.last_error}</span>`
          }`,
      )}
      ${fact(t("continues"), admin.continues && html`<${JobLink} id=${admin.continues} text=${admin.continues} />`)}
      ${fact(t("continuedBy"), admin.continued_by && html`<${JobLink} id=${admin.continued_by} text=${admin.continued_by} />`)}
      ${fact(t("resolved"), resolution && t(resolution.charged ? "wasCharged" : "wasFree", { at: moment(resolution.at_ms) }))}
      ${fact(t("isDeleted"), admin.is_deleted && t("yes"))}
    </dl>
    ${doubt && html`<${Doubt} key=${admin.id} id=${admin.id} doubt=${doubt} onSaid=${onChange} />`}
    ${admin.attempts.length > 0 && html`<${Calls} attempts=${admin.attempts} />`}
  </section>`;
}
