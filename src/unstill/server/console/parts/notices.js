/** Short notices at the edge of the page, which a screen reader reads out as they come. */

import { texts } from "../texts/texts.js";
import { html, signal } from "./html.js";
import { Icon } from "./icons.js";

const t = texts({ en: { dismiss: "Dismiss" }, zh: { dismiss: "关闭" } });

const SHOWN_MS = 8_000;

/** @typedef {{id: number, text: string, kind: "done" | "trouble"}} Notice */

const notices = signal(/** @type {Notice[]} */ ([]));
let last = 0;

/** @param {string} text @param {"done" | "trouble"} [kind] trouble stays until it is dismissed */
export function notify(text, kind = "done") {
  last += 1;
  const id = last;
  notices.value = [...notices.value.slice(-3), { id, text, kind }];
  if (kind === "done") setTimeout(() => dismiss(id), SHOWN_MS);
}

/** @param {number} id */
function dismiss(id) {
  notices.value = notices.value.filter((each) => each.id !== id);
}

export const Notices = () => html`<div class="notices" role="status" aria-live="polite">
  ${notices.value.map(
    (each) => html`<div key=${each.id} class="notice" data-kind=${each.kind}>
      <${Icon} name=${each.kind === "done" ? "check" : "warning"} />
      <span>${each.text}</span>
      <button type="button" class="quiet" aria-label=${t("dismiss")} onClick=${() => dismiss(each.id)}>
        <${Icon} name="close" />
      </button>
    </div>`,
  )}
</div>`;
