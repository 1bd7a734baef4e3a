/** Engines: what each is, whether it is well, and what it has to do. */

import { clock, number } from "../../parts/format.js";
import { html } from "../../parts/html.js";
import { Meter } from "../../parts/meter.js";
import { t } from "../../texts/server.js";

/** @import { Engine } from "../../data/operators.js" */

const HEALTH = /** @type {const} */ ({
  ok: { word: "engineOk", level: "good" },
  held_up: { word: "engineHeldUp", level: "warn" },
  refusing: { word: "engineRefusing", level: "bad" },
});

/** @param {{engines: Engine[]}} props */
export const Engines = ({ engines }) =>
  engines.length === 0
    ? html`<p class="muted">${t("engineNone")}</p>`
    : html`<ul class="engines">
        ${engines.map((each) => html`<li key=${each.name} class="card"><${EngineCard} engine=${each} /></li>`)}
      </ul>`;

/** @param {{engine: Engine}} props */
function EngineCard({ engine }) {
  const { word, level } = HEALTH[engine.health];
  const told = engine.label === engine.name ? engine.kind : `${engine.label} · ${engine.kind}`;
  return html`
    <div class="row apart">
      <h3 class="plain">${engine.name}</h3>
      <span class="badge" data-level=${level} role="status">${t(word)}</span>
    </div>
    <p class="plain small muted">${told} · ${t(engine.is_generative ? "generative" : "notGenerative")}</p>
    <p class="plain small">${engine.description}</p>
    <${Troubles} engine=${engine} />
    <${Meter} label=${t("slots")} used=${engine.working} of=${engine.slots} isUsual
      words=${t("slotsOf", { n: number(engine.working), of: number(engine.slots) })} />
    <dl class="facts small">
      <dt>${t("jobsWaiting")}</dt><dd>${number(engine.waiting)}</dd>
      ${engine.breaker === "closed" && html`<dt>${t("breaker")}</dt><dd>${t("breakerClosed")}</dd>`}
      ${engine.children.map(
        (each) => html`<dt key=${each.program}>${t("children")}</dt>
          <dd><code>${each.program}</code><br />${t("childrenAre", each)}</dd>`,
      )}
      <dt>${t("models")}</dt><dd>${engine.models.map((each, n) => html`${n > 0 && ", "}<code key=${each}>${each}</code>`)}</dd>
    </dl>`;
}

/** In words, what keeps it from its work. @param {{engine: Engine}} props */
function Troubles({ engine: { breaker, stalls, tried_again_ms } }) {
  if (breaker !== "open" && stalls.length === 0) return null;
  return html`<ul class="troubles small">
    ${breaker === "open" && html`<li key="breaker">${t("breakerOpen", { time: clock(tried_again_ms ?? 0) })}</li>`}
    ${stalls.map(
      (each) => html`<li key=${each.holds_up}>
        ${t(each.holds_up === "submits" ? "stallSubmits" : "stallPolls", {
          time: clock(each.since_ms),
          message: each.message,
        })} <code>${each.code}</code>
      </li>`,
    )}
  </ul>`;
}
