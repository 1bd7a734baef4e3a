/** What it will be, plainly: by which engine, at which cost, out of which budget, and when. */

import { account } from "../../data/session.js";
import { clock, money, number } from "../../parts/format.js";
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

/** @param {Model} of @param {string} name */
const usualValue = (of, name) =>
  fields.value[name] ?? of.capabilities.input_schema.properties[name]?.default;

/**
 * The whole charge by the model's own words, for as long as there is no quote.
 *
 * @param {Model} of
 */
function listedCharge(of) {
  const { tiers } = of.capabilities;
  const tier = tiers.find((each) => each.name === usualValue(of, "resolution")) ?? tiers[0];
  const rate = tier?.charge?.rates[0];
  if (!tier?.charge || !rate) return null;
  const times = rate.per === "second" ? Number(usualValue(of, "duration") ?? 0) : 1;
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

/** Whether less is left than all of it costs. @param {Quote | null} told */
function isOver(told) {
  if (!told?.charge) return false;
  const all = Number(told.charge.amount) * Math.max(1, photos.value.length);
  return (told.budgets ?? []).some(({ left }) => Number(left) < all);
}

/** @param {Quote | null} told */
function queueText(told) {
  const waiting = told?.waiting ?? null;
  if (waiting === null) return told ? t("placeUnknown") : t("placeOpen");
  return waiting === 0 ? t("noneWait") : t("someWait", { count: waiting });
}

/** As it is quoted; before that as the model has it, with the photo's shape still open. @param {Model} of @param {Quote | null} told */
function shapeText(of, told) {
  const { frame_rate: usualRate, tiers } = of.capabilities;
  const tier = tiers.find((each) => each.name === usualValue(of, "resolution")) ?? tiers[0];
  const takesShape = tier && (tier.follows_frame || tier.sizes.length > 1);
  const open = takesShape ? t("photoShape", { name: tier.name }) : tier && sizeText(tier);
  const size = told ? told.size && sizeText(told.size) : (fields.value.size ?? open);
  const duration_s = told?.duration_s ?? Number(usualValue(of, "duration") ?? 0);
  const rate = number(told?.frame_rate ?? usualRate, 2);
  return [size, t("seconds", { count: number(duration_s, 1) }), t("rate", { rate })]
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
  return html`<div class="estimate" aria-live="polite">
    <p class="engine"><span class="badge" data-generative=${engine.is_generative ? "" : undefined}>${
      engine.is_generative ? t("generative") : t("notGenerative")
    }</span> <strong>${t("renderedBy", { engine: engine.name })}</strong></p>
    <p class="small">${engineText(engine)}</p>
    <dl class="facts small">
      <dt>${t("video")}</dt><dd>${shapeText(of, told)}</dd>
      <dt>${t("cost")}</dt><dd>${costText(of, told)}</dd>
      ${left && html`<dt>${t("budget")}</dt><dd>${left}</dd>`}
      <dt>${t("queue")}</dt><dd>${queueText(told)}${
        told?.expected_end_ms &&
        html` · <${Countdown} until=${told.expected_end_ms} text=${t("readyIn")} />`
      }</dd>
      ${told?.ignored?.length ? html`<dt>${t("ignored")}</dt><dd>${told.ignored.join(", ")}</dd>` : null}
    </dl>
    ${isOver(told) && html`<p class="warn">${t("overBudget")}</p>`}
    ${
      engine.refusing_until !== null &&
      engine.refusing_until * 1_000 > Date.now() &&
      html`<p class="warn small">${t("refusesUntil", { until: clock(engine.refusing_until * 1_000) })}</p>`
    }
    ${isTold && html`<p class="error">${refusal.message}</p>`}
  </div>`;
}
