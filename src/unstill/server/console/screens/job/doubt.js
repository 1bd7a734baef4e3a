/** An operator says whether a call was billed whose reply was lost. */

import { ApiError } from "../../data/api.js";
import { resolve } from "../../data/operating.js";
import { Field } from "../../parts/field.js";
import { html, useState } from "../../parts/html.js";
import { notify } from "../../parts/notices.js";
import { t } from "../../texts/job.js";

/** @param {{id: string, doubt: import("../../data/answers.js").Doubtful, onSaid: () => void}} props */
export function Doubt({ id, doubt, onSaid }) {
  const [charged, setCharged] = useState(/** @type {boolean | null} */ (null));
  const [ticket, setTicket] = useState(doubt.ticket ?? "");
  const [error, setError] = useState("");
  const [isSaying, setSaying] = useState(false);
  /** @param {SubmitEvent} event */
  const say = async (event) => {
    event.preventDefault();
    if (charged === null) {
      setError(t("sayWhich"));
      return;
    }
    setSaying(true);
    setError("");
    try {
      const named = ticket.trim();
      const said = await resolve(id, named ? { charged, ticket: named } : { charged });
      notify(t(said.continued_by ? "goesOn" : "said"));
      onSaid();
    } catch (refusal) {
      if (!(refusal instanceof ApiError)) throw refusal;
      setError(refusal.isUnreachable ? t("unreachable") : refusal.message);
    }
    setSaying(false);
  };
  /** @param {boolean} value @param {string} text */
  const choice = (
    value,
    text,
  ) => html`<label class="row"><input type="radio" name="charged" checked=${charged === value}
    onChange=${() => setCharged(value)} />${text}</label>`;
  return html`<form class="doubt" onSubmit=${say}>
    <h3>${t("doubt")}</h3>
    <p>${t("doubtAbout", { engine: doubt.engine, message: doubt.message })}</p>
    <fieldset><legend>${t("whatWasIt")}</legend>
      ${choice(true, t("billed"))}
      ${choice(false, t("notBilled"))}
    </fieldset>
    <${Field} label=${t("ticketField")} help=${t("ticketHelp")}>
      ${(
        /** @type {object} */ bound,
      ) => html`<input ...${bound} type="text" autocomplete="off" spellcheck="false"
        value=${ticket} onInput=${(/** @type {any} */ event) => setTicket(event.currentTarget.value)} />`}
    <//>
    ${error && html`<p class="error" role="alert">${error}</p>`}
    <div class="row"><button class="primary" disabled=${isSaying}>${t("say")}</button></div>
  </form>`;
}
