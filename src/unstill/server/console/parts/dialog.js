/** A question before the page, in the browser's own dialog: it keeps the focus, and Escape ends it. */

import { texts } from "../texts/texts.js";
import { html, useEffect, useId, useRef } from "./html.js";

const t = texts({ en: { cancel: "Cancel" }, zh: { cancel: "取消" } });

/**
 * @param {{title: string, onClose: () => void, children: unknown}} props
 */
export function Dialog({ title, onClose, children }) {
  const element = useRef(/** @type {HTMLDialogElement | null} */ (null));
  const id = useId();
  useEffect(() => {
    const dialog = element.current;
    const before = /** @type {HTMLElement | null} */ (document.activeElement);
    dialog?.showModal();
    return () => {
      dialog?.close();
      before?.focus?.();
    };
  }, []);
  return html`<dialog ref=${element} aria-labelledby=${id} onClose=${onClose}
    onCancel=${(/** @type {Event} */ event) => {
      event.preventDefault();
      onClose();
    }}>
    <h2 id=${id}>${title}</h2>
    ${children}
  </dialog>`;
}

/**
 * @param {{title: string, about: string, yes: string, onYes: () => void, onNo: () => void, isDangerous?: boolean}} props
 */
export const Question = ({ title, about, yes, onYes, onNo, isDangerous = false }) =>
  html`<${Dialog} title=${title} onClose=${onNo}>
    <p>${about}</p>
    <div class="row end">
      <button type="button" onClick=${onNo}>${t("cancel")}</button>
      <button type="button" class=${isDangerous ? "danger" : "primary"} onClick=${onYes}>${yes}</button>
    </div>
  <//>`;
