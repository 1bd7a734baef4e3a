/** A dialog that sets the limits of an owner or a key. */

import { call } from "../../data/api.js";
import { Dialog } from "../../parts/dialog.js";
import { Field } from "../../parts/field.js";
import { html, useRef, useState } from "../../parts/html.js";
import { notify } from "../../parts/notices.js";
import { t } from "../../texts/owners.js";
import { changed, LimitFields, OF_KEYS, OF_OWNERS, written } from "./limits.js";
import { errorsOf, focusWrong } from "./refusals.js";

/**
 * Whose limits: an owner, named or yet to be named (""), or one of its keys.
 *
 * @typedef {{kind: "owners" | "keys", id: string, name: string, limits: import("./limits.js").Limits}} Party
 */

/** @param {{party: Party, onClose: () => void, onSaved: () => void}} props */
export function SetLimits({ party, onClose, onSaved }) {
  const [before] = useState(() => written(party.limits));
  const [fields, setFields] = useState(before);
  const [id, setId] = useState(party.id);
  const [errors, setErrors] = useState(/** @type {import("./refusals.js").Errors} */ ({}));
  const [isSaving, setSaving] = useState(false);
  const form = useRef(/** @type {HTMLFormElement | null} */ (null));
  const among = party.kind === "owners" ? OF_OWNERS : OF_KEYS;
  /** @param {SubmitEvent} event */
  const save = async (event) => {
    event.preventDefault();
    const limits = changed(fields, before);
    if (party.id && Object.keys(limits).length === 0) {
      onClose();
      return;
    }
    setSaving(true);
    try {
      await call("PATCH", `admin/${party.kind}/${encodeURIComponent(id.trim() || " ")}`, {
        json: limits,
      });
    } catch (refusal) {
      setErrors(errorsOf(refusal, ["owner", ...among]));
      setSaving(false);
      focusWrong(form.current);
      return;
    }
    notify(t("saved", { name: party.name || id }));
    onSaved();
  };
  return html`<${Dialog} title=${party.id ? t("setLimitsOf", { name: party.name }) : t("setOther")} onClose=${onClose}>
    <form class="column" ref=${form} onSubmit=${save} noValidate>
      <p class="plain small muted">${t("limitsAbout")} ${party.kind === "keys" && t("limitsOfKey")}</p>
      ${
        !party.id &&
        html`<${Field} label=${t("owner")} error=${errors.owner}>
          ${(
            /** @type {object} */ bound,
          ) => html`<input ...${bound} autocomplete="off" spellcheck="false" value=${id}
            onInput=${(/** @type {any} */ event) => setId(event.currentTarget.value)} />`}
        <//>`
      }
      <${LimitFields} among=${among} fields=${fields} errors=${errors} onInput=${setFields} />
      <p class="error" role="alert">${errors[""]}</p>
      <div class="row end">
        <button type="button" onClick=${onClose}>${t("cancel")}</button>
        <button class="primary" disabled=${isSaving}>${t("save")}</button>
      </div>
    </form>
  <//>`;
}
