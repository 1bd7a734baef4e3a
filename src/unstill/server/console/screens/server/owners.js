/** Owners with their limits and budgets, and the keys that they have. */

import { address } from "../../data/route.js";
import { account } from "../../data/session.js";
import { day, money, number } from "../../parts/format.js";
import { html, useState } from "../../parts/html.js";
import { useFigures } from "../../parts/live.js";
import { Meter } from "../../parts/meter.js";
import { Table } from "../../parts/table.js";
import { t } from "../../texts/owners.js";
import { KeysSection } from "./keys.js";
import { LimitsInWords, SetLimits } from "./limits.js";
import { MakeKey } from "./make_key.js";
import { Section, View } from "./view.js";

/** @import { Owner } from "../../data/operators.js" */
/** @import { Column } from "../../parts/table.js" */
/** @import { Party } from "./limits.js" */
/** @import { Figures } from "../../parts/live.js" */
/** @import { Budget } from "../../data/session.js" */

export const KEYS_AND_OWNERS = { owners: "admin/owners", keys: "admin/keys" };

export function Owners() {
  const figures = useFigures(KEYS_AND_OWNERS);
  return html`<${View} figures=${figures} names=${["owners", "keys"]}>
    <${OwnersSection} figures=${figures} />
    <${KeysSection} figures=${figures} />
  <//>`;
}

/** @param {{figures: Figures, isBrief?: boolean}} props isBrief: its keys are on a view of their own */
export function OwnersSection({ figures, isBrief = false }) {
  const [party, setParty] = useState(/** @type {Party | null} */ (null));
  const [isMaking, setMaking] = useState(false);
  /** @type {Owner[]} */
  const owners = figures.told.owners?.data ?? [];
  const action = html`<div class="row">
    ${isBrief && html`<a class="button" href=${address("server", ["owners"])}>${t("allKeys")}</a>`}
    ${!isBrief && html`<button type="button" onClick=${() => setParty({ kind: "owners", id: "", name: "", limits: {} })}>${t("setOther")}</button>`}
    <button type="button" class="primary" onClick=${() => setMaking(true)}>${t("make")}</button>
  </div>`;
  const done = () => {
    setParty(null);
    setMaking(false);
    figures.again();
  };
  return html`<${Section} title=${isBrief ? t("ownersAndKeys") : t("owners")} figures=${figures} names=${["owners"]} action=${action}>
    <${OwnersTable} owners=${owners} onLimit=${setParty} />
    ${party && html`<${SetLimits} party=${party} onClose=${() => setParty(null)} onSaved=${done} />`}
    ${
      isMaking &&
      html`<${MakeKey} owners=${owners.map((each) => each.owner)} isFirst=${!account.value?.asks_for_key}
        onClose=${() => setMaking(false)} onMade=${done} />`
    }
  <//>`;
}

/** @param {{owners: Owner[], onLimit: (party: Party) => void}} props */
function OwnersTable({ owners, onLimit }) {
  const hasMoney = owners.some((each) => each.budgets);
  /** @type {Column<Owner>[]} */
  const columns = [
    {
      head: t("owner"),
      cell: (row) =>
        html`<a href=${address("server", ["jobs"], { owner: row.owner })}>${row.owner}</a>`,
    },
    {
      head: t("jobs"),
      cell: (row) =>
        t("jobsAre", { waiting: number(row.jobs_waiting), begun: number(row.jobs_begun) }),
    },
    {
      head: t("limits"),
      cell: (row) => html`<${LimitsInWords} limits=${row.limits} />`,
    },
    ...(hasMoney
      ? [
          {
            head: t("budgets"),
            cell: (/** @type {Owner} */ row) => html`<${Budgets} budgets=${row.budgets ?? []} />`,
          },
        ]
      : []),
    {
      head: t("actions"),
      cell: (row) => html`<button type="button" class="small"
        aria-label=${t("setLimitsOf", { name: row.owner })}
        onClick=${() => onLimit({ kind: "owners", id: row.owner, name: row.owner, limits: row.limits })}
      >${t("setLimits")}</button>`,
    },
  ];
  return html`<${Table} caption=${t("owners")} columns=${columns} rows=${owners} none=${t("ownerNone")}
    keyBy="owner" />`;
}

/** @param {{budgets: Budget[]}} props */
function Budgets({ budgets }) {
  if (budgets.length === 0) return html`<span class="muted">${t("noBudget")}</span>`;
  const currency = account.value?.money?.currency ?? "";
  return budgets.map(
    (
      each,
    ) => html`<${Meter} key=${each.span} label=${t(`budget_${each.span}`)} used=${Number(each.used)}
      of=${Number(each.budget)} words=${t("budgetIs", {
        used: money(each.used, currency),
        budget: money(each.budget, currency),
        left: money(each.left, currency),
      })} />
      <p class="plain small muted">${t("budgetResets", { time: day(each.resets_ms) })}</p>`,
  );
}
