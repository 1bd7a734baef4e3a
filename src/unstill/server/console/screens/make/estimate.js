/** What it will be, plainly: by which engine, at which cost, out of which budget, and when. */

import { account } from "../../data/session.js";
import { money, number } from "../../parts/format.js";
import { html } from "../../parts/html.js";
import { t } from "../../texts/make.js";
import { Countdown } from "./countdown.js";
import { sizeText } from "./crop.js";
import { fields, model, photos } from "./draft.js";
import { quote, quoteRefusal } from "./quote.js";

/** @typedef {import("../../data/models.js").Model} Model */
/** @typedef {import("./quote.js").Quote} Quote */

/** The engine that the next job would go to. @param {Quote | null} told @param {Model | null} of */
export const engineOf = (told, of) => told?.engine ?? of?.engines[0] ?? null;

/** @param {import("../../data/models.js").EngineInfo} engine */
function engineText(engine) {
  if (engine.kind === "camera") return t("cameraDoes");
  return `${engine.is_generative ? t("generativeDoes") : t("notGenerativeDoes")} ${engine.description}`;
}

/**
 * The whole charge by the model's own words, for as long as there is no quote.
 *
 * @param {Model} of
 */
function listedCharge(of) {
  const { input_schema: schema, tiers } = of.capabilities;
  const usual = (/** @type {string} */ name) =>
    fields.value[name] ?? schema.properties[name]?.default;
  const tier = tiers.find((each) => each.name === usual("resolution")) ?? tiers[0];
  const rate = tier?.charge?.rates[0];
  if (!tier?.charge || !rate) return null;
  const times = rate.per === "second" ? Number(usual("duration") ?? 0) : 1;
  const { basis, currency } = tier.charge;
  return { basis, currency, amount: String(Number(rate.amount) * times) };
}

/** @param {Model} of @param {Quote | null} told */
function costText(of, told) {
  const charge = told ? told.charge : listedCharge(of);
  if (!charge) return t("noMoney");
  if (Number(charge.amount) === 0) return t("free");
  const each = money(charge.amount, charge.currency);
  const count = photos.value.length;
  if (count < 2) return each;
  const all = money(String(Number(charge.amount) * count), charge.currency);
  return t("costOfMany", { all, count, each });
}

/** @param {Quote | null} told */
function leftText(told) {
  const currency = account.value?.money?.currency ?? told?.charge?.currency ?? "";
  const budgets = told?.budgets ?? account.value?.money?.budgets ?? [];
  return budgets
    .map(({ budget, left, span }) =>
      t(span === "day" ? "leftOfDay" : "leftOfMonth", {
        left: money(left, currency),
        budget: money(budget, currency),
      }),
    )
    .join(" · ");
}

/** @param {number} waiting */
const waitText = (waiting) => (waiting === 0 ? t("noneWait") : t("someWait", { count: waiting }));

/** @param {Quote} told */
function ShapeText({ duration_s, frame_rate, size }) {
  return [
    size && sizeText(size),
    `${number(duration_s, 1)} s`,
    t("rate", { rate: number(frame_rate, 2) }),
  ]
    .filter(Boolean)
    .join(" · ");
}

export function Estimate() {
  const of = model.value;
  const told = quote.value;
  const engine = engineOf(told, of);
  if (!of || !engine) return null;
  const left = leftText(told);
  const refusal = quoteRefusal.value;
  // What names a field stands beside it; a server without quotes has the model's own words here.
  const isTold = refusal && !refusal.param && !refusal.isUnreachable && refusal.status !== 404;
  return html`<section class="estimate" aria-label=${t("estimate")} aria-live="polite">
    <p class="engine"><span class="badge" data-generative=${engine.is_generative ? "" : undefined}>${
      engine.is_generative ? t("generative") : t("notGenerative")
    }</span> <strong>${t("renderedBy", { engine: engine.name })}</strong></p>
    <p class="small">${engineText(engine)}</p>
    <dl class="facts small">
      ${told && html`<dt>${t("video")}</dt><dd>${ShapeText(told)}</dd>`}
      <dt>${t("cost")}</dt><dd>${costText(of, told)}</dd>
      ${left && html`<dt>${t("budget")}</dt><dd>${left}</dd>`}
      ${
        typeof told?.waiting === "number" &&
        html`<dt>${t("queue")}</dt><dd>${waitText(told.waiting)}${
          told.expected_end_ms &&
          html` · <${Countdown} until=${told.expected_end_ms} text=${t("readyIn")} />`
        }</dd>`
      }
      ${told?.ignored?.length ? html`<dt>${t("ignored")}</dt><dd>${told.ignored.join(", ")}</dd>` : null}
    </dl>
    ${isTold && html`<p class="error">${refusal.message}</p>`}
  </section>`;
}
