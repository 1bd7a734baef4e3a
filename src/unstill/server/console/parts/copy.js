/** A button that copies a text, and says so. */

import { texts } from "../texts/texts.js";
import { html, useState } from "./html.js";
import { Icon } from "./icons.js";
import { notify } from "./notices.js";

const t = texts({
  en: {
    copied: "Copied",
    failed: "The browser did not let the page copy: select the text instead.",
  },
  zh: { copied: "已复制", failed: "浏览器不允许复制，请手动选择文本。" },
});

const SHOWN_MS = 2_000;

/** @param {{text: string, label: string}} props */
export function CopyButton({ text, label }) {
  const [isCopied, setCopied] = useState(false);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      notify(t("failed"), "trouble");
      return;
    }
    setCopied(true);
    setTimeout(() => setCopied(false), SHOWN_MS);
  };
  return html`<button type="button" onClick=${copy}>
    <${Icon} name=${isCopied ? "check" : "copy"} />
    <span aria-live="polite">${isCopied ? t("copied") : label}</span>
  </button>`;
}
