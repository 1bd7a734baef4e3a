/** Keys: which there are, what each is good for, and what is done with one. */

import { ApiError, call } from "../../data/api.js";
import { newKey } from "../../data/new_key.js";
import { account } from "../../data/session.js";
import { Question } from "../../parts/dialog.js";
import { moment, number } from "../../parts/format.js";
import { html, useState } from "../../parts/html.js";
import { notify } from "../../parts/notices.js";
import { Table } from "../../parts/table.js";
import { t } from "../../texts/owners.js";
import { LimitsInWords, SetLimits } from "./limits.js";
import { Section } from "./view.js";

/** @import { Key } from "../../data/operators.js" */
/** @import { Column } from "../../parts/table.js" */

/** @typedef {{what: "limits" | "rotate" | "revoke", of: Key}} Wish */

/** @param {{figures: import("./view.js").Figures}} props */
export function KeysSection({ figures }) {
  const [wish, setWish] = useState(/** @type {Wish | null} */ (null));
  const [showsEnded, setShowsEnded] = useState(false);
  /** @type {Key[]} */
  const keys = figures.told.keys?.data ?? [];
  const good = keys.filter((each) => each.state === "good");
  const ended = keys.length - good.length;
  const toggle =
    ended > 0 &&
    html`<label class="row small"><input type="checkbox" checked=${showsEnded}
      onChange=${() => setShowsEnded(!showsEnded)} />${t("showEnded", { n: number(ended) })}</label>`;
  const done = () => {
    setWish(null);
    figures.again();
  };
  return html`<${Section} title=${t("keys")} figures=${figures} names=${["keys"]} action=${toggle}>
    <${KeysTable} keys=${showsEnded ? keys : good} onWish=${setWish} />
    ${wish && html`<${Asked} wish=${wish} onClose=${() => setWish(null)} onDone=${done} />`}
  <//>`;
}

/** @param {{keys: Key[], onWish: (wish: Wish) => void}} props */
function KeysTable({ keys, onWish }) {
  /** @type {Column<Key>[]} */
  const columns = [
    { head: t("key"), cell: nameOf },
    {
      head: t("owner"),
      cell: (row) => html`${row.owner}<br /><span class="small muted">${t(row.scope)}</span>`,
    },
    {
      head: t("state"),
      cell: (row) =>
        html`<span class="badge" data-level=${row.state === "good" ? "good" : "bad"}>${t(row.state)}</span>`,
    },
    {
      head: t("ends"),
      cell: (row) => (row.expires_ms === null ? t("never") : moment(row.expires_ms)),
    },
    {
      head: t("used"),
      cell: (row) => (row.used_ms === null ? t("notUsed") : moment(row.used_ms)),
    },
    { head: t("may"), cell: usesOf },
    {
      head: t("limits"),
      cell: (row) => html`<${LimitsInWords} limits=${row.limits} />`,
    },
    {
      head: t("actions"),
      cell: (row) => html`<${Actions} row=${row} onWish=${onWish} />`,
    },
  ];
  return html`<${Table} caption=${t("keys")} columns=${columns} rows=${keys} none=${t("keyNone")}
    keyBy="id" />`;
}

/** @param {Key} row */
const isOfTab = (row) => account.value?.key?.id === row.id;

/** @param {Key} row */
const nameOf = (
  row,
) => html`${row.name}${isOfTab(row) && html` <span class="tag">${t("yours")}</span>`}<br />
  <code class="muted">${row.id}</code>`;

/** @param {Key} row */
const usesOf = (row) => html`<span class="small">
  ${row.models === null ? t("anyModel") : row.models.join(", ")},${" "}
  ${row.networks.length === 0 ? t("anywhere") : t("from", { networks: row.networks.join(", ") })}
</span>`;

/** @param {{row: Key, onWish: (wish: Wish) => void}} props */
function Actions({ row, onWish }) {
  if (row.state === "revoked") return "–";
  const { name } = row;
  return html`<div class="row">
    <button type="button" class="small" aria-label=${t("setLimitsOf", { name })}
      onClick=${() => onWish({ what: "limits", of: row })}>${t("setLimits")}</button>
    ${
      row.state === "good" &&
      html`<button type="button" class="small" aria-label=${t("rotateOf", { name })}
        onClick=${() => onWish({ what: "rotate", of: row })}>${t("rotate")}</button>`
    }
    <button type="button" class="small danger" aria-label=${t("revokeOf", { name })}
      onClick=${() => onWish({ what: "revoke", of: row })}>${t("revoke")}</button>
  </div>`;
}

/** @param {{wish: Wish, onClose: () => void, onDone: () => void}} props */
function Asked({ wish: { what, of }, onClose, onDone }) {
  if (what === "limits") {
    const party = /** @type {const} */ ({
      kind: "keys",
      id: of.id,
      name: of.name,
      limits: of.limits,
    });
    return html`<${SetLimits} party=${party} onClose=${onClose} onSaved=${onDone} />`;
  }
  const ends = what === "rotate" ? rotate : revoke;
  const yes = async () => {
    try {
      await ends(of);
    } catch (refusal) {
      if (!(refusal instanceof ApiError)) throw refusal;
      notify(refusal.isUnreachable ? t("unreachable") : refusal.message, "trouble");
    }
    onDone();
  };
  const about = t(`${what}About`) + (what === "revoke" && isOfTab(of) ? ` ${t("revokeOwn")}` : "");
  return html`<${Question} title=${t(`${what}Title`, { name: of.name })} about=${about} yes=${t(`${what}Yes`)}
    isDangerous=${what === "revoke"} onYes=${yes} onNo=${onClose} />`;
}

/** @param {Key} of */
async function rotate(of) {
  const made = await call("POST", `admin/keys/${encodeURIComponent(of.id)}/rotate`);
  newKey.value = { ...made, isForTab: isOfTab(of) };
}

/** @param {Key} of */
async function revoke(of) {
  await call("DELETE", `admin/keys/${encodeURIComponent(of.id)}`);
  notify(t("revokeDone", { name: of.name }));
}
