/** Shows a new key, over whatever screen there is: the first key closes the one that made it. */

import { ApiError } from "../data/api.js";
import { newKey } from "../data/new_key.js";
import { signIn } from "../data/session.js";
import { texts } from "../texts/texts.js";
import { CopyButton } from "./copy.js";
import { Dialog } from "./dialog.js";
import { html, useId, useState } from "./html.js";
import { notify } from "./notices.js";

const t = texts({
  en: {
    title: "The new key",
    whose: "{name}, of {owner}, scope {scope}.",
    once: "Copy it now: it is not shown again. The server keeps no copy that it could be read from.",
    field: "The key itself",
    copy: "Copy the key",
    forTab: "From now on this server asks for a key. This tab has none that it takes.",
    use: "Use it in this tab",
    used: "This tab uses the new key now.",
    have: "I have kept it",
    sure: "The key is gone once this is closed. Press “I have kept it”, or Escape once more.",
  },
  zh: {
    title: "新密钥",
    whose: "{name}，所有者 {owner}，权限范围 {scope}。",
    once: "请立即复制：密钥不会再次显示，服务器上也没有可供读取的副本。",
    field: "密钥内容",
    copy: "复制密钥",
    forTab: "从现在起服务器需要密钥，而此标签页没有可用的密钥。",
    use: "在此标签页中使用",
    used: "此标签页现在使用新密钥。",
    have: "我已保存",
    sure: "关闭后密钥将无法找回。请按“我已保存”，或再按一次 Escape。",
  },
});

export function NewKeyShown() {
  const made = newKey.value;
  return made ? html`<${Shown} key=${made.key} made=${made} />` : null;
}

function close() {
  newKey.value = null;
}

/** @param {{made: import("../data/operators.js").NewKey}} props */
function Shown({ made }) {
  const [isSure, setSure] = useState(false);
  const [error, setError] = useState("");
  const id = useId();
  const use = async () => {
    try {
      await signIn(made.key);
    } catch (refusal) {
      if (!(refusal instanceof ApiError)) throw refusal;
      setError(refusal.message);
      return;
    }
    notify(t("used"));
    close();
  };
  return html`<${Dialog} title=${t("title")} onClose=${() => (isSure ? close() : setSure(true))}>
    <div class="column">
      <p class="plain">${t("whose", { name: made.name, owner: made.owner, scope: made.scope })}</p>
      <p class="plain">${t("once")}</p>
      <label class="unseen" for=${id}>${t("field")}</label>
      <input id=${id} class="secret" readonly value=${made.key} spellcheck="false" autocomplete="off"
        onFocus=${(/** @type {any} */ event) => event.currentTarget.select()} />
      ${made.isForTab && html`<p class="plain">${t("forTab")}</p>`}
      <p class="error" role="alert">${error || (isSure && t("sure"))}</p>
      <div class="row end">
        <${CopyButton} text=${made.key} label=${t("copy")} />
        ${made.isForTab && html`<button type="button" class="primary" onClick=${use}>${t("use")}</button>`}
        <button type="button" class=${made.isForTab ? "" : "primary"} onClick=${close}>${t("have")}</button>
      </div>
    </div>
  <//>`;
}
