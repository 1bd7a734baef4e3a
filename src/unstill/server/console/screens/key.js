/** Asks for a key where the server wants one. */

import { ApiError, key, keyTrouble } from "../data/api.js";
import { signIn } from "../data/session.js";
import { Field } from "../parts/field.js";
import { html, useState } from "../parts/html.js";
import { Title } from "../parts/title.js";
import { t } from "../texts/app.js";

export function Key() {
  const [given, setGiven] = useState("");
  const [error, setError] = useState("");
  const [isAsking, setAsking] = useState(false);
  /** @param {SubmitEvent} event */
  const submit = async (event) => {
    event.preventDefault();
    if (!given.trim()) {
      setError(t("keyEmpty"));
      return;
    }
    setAsking(true);
    try {
      await signIn(given.trim());
    } catch (refusal) {
      if (!(refusal instanceof ApiError)) throw refusal;
      setError(refusal.isUnreachable ? t("away") : t("keyRefused", { message: refusal.message }));
      setAsking(false);
    }
  };
  const ended = key.value ? keyTrouble.value : "";
  return html`<form class="card narrow" onSubmit=${submit}>
    <${Title}>${t("keyTitle")}<//>
    ${ended && !error && html`<p class="error" role="alert">${t("keyEnded", { message: ended })}</p>`}
    <p>${t("keyWhy")}</p>
    <${Field} label=${t("keyField")} error=${error}>
      ${(/** @type {object} */ bound) => html`<input ...${bound} type="password" autocomplete="off"
        spellcheck=${false} value=${given}
        onInput=${(/** @type {any} */ event) => setGiven(event.currentTarget.value)} />`}
    <//>
    <div class="row end"><button class="primary" disabled=${isAsking}>${t("keyUse")}</button></div>
  </form>`;
}
