/** What room there is, and for how long what is kept. */

import { bytes, number, span } from "../../parts/format.js";
import { html } from "../../parts/html.js";
import { Meter } from "../../parts/meter.js";
import { t } from "../../texts/server.js";

const KEPT = /** @type {const} */ ({
  video: "keptVideo",
  pictures: "keptPictures",
  failed_pictures: "keptFailed",
  row: "keptRow",
});

/** @param {{retention: any}} props */
export const Disk = ({ retention: { disk, kept } }) => html`<div class="pair">
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
