/** A dialog that makes a key. */

import { call, passOver } from "../../data/api.js";
import { loadModels, models } from "../../data/models.js";
import { newKey } from "../../data/new_key.js";
import { Dialog } from "../../parts/dialog.js";
import { Field } from "../../parts/field.js";
import { html, useEffect, useId, useRef, useState } from "../../parts/html.js";
import { Icon } from "../../parts/icons.js";
import { into, TextField } from "../../parts/text_field.js";
import { t } from "../../texts/owners.js";
import { changed, errorsOf, focusWrong, LimitFields, OF_KEYS, written } from "./limits.js";

const FIELDS = ["owner", "name", "scope", "models", "networks", "expires", ...OF_KEYS];

/**
 * @typedef {{owner: string, name: string, scope: string, models: string[], networks: string, expires: string,
 *   limits: import("./limits.js").Written}} Given
 */

/** @param {Given} given */
function bodyOf(given) {
  const networks = given.networks.split(/[\s,]+/).filter(Boolean);
  const limits = changed(given.limits, {});
  return {
    owner: given.owner.trim(),
    scope: given.scope,
    ...(given.name.trim() ? { name: given.name.trim() } : {}),
    ...(given.models.length > 0 ? { models: given.models } : {}),
    ...(networks.length > 0 ? { networks } : {}),
    ...(given.expires.trim() ? { expires: given.expires.trim() } : {}),
    ...(Object.keys(limits).length > 0 ? { limits } : {}),
  };
}

/**
 * @param {{owners: string[], isFirst: boolean, onClose: () => void, onMade: () => void}} props
 *   isFirst: the server asks for no key yet, and does from this one on
 */
export function MakeKey({ owners, isFirst, onClose, onMade }) {
  const [given, setGiven] = useState(
    /** @type {Given} */ ({
      owner: isFirst ? "ops" : "",
      name: "",
      scope: isFirst ? "admin" : "user",
      models: [],
      networks: "",
      expires: "",
      limits: written({}),
    }),
  );
  const [errors, setErrors] = useState(/** @type {import("./limits.js").Errors} */ ({}));
  const [isMaking, setMaking] = useState(false);
  const form = useRef(/** @type {HTMLFormElement | null} */ (null));
  /** @param {Partial<Given>} change */
  const set = (change) => setGiven({ ...given, ...change });
  /** @param {SubmitEvent} event */
  const make = async (event) => {
    event.preventDefault();
    setMaking(true);
    try {
      const made = await call("POST", "admin/keys", { json: bodyOf(given) });
      newKey.value = { ...made, isForTab: isFirst };
    } catch (refusal) {
      setErrors(errorsOf(refusal, FIELDS));
      setMaking(false);
      focusWrong(form.current);
      return;
    }
    onMade();
  };
  return html`<${Dialog} title=${t("makeTitle")} onClose=${onClose}>
    <form class="column" ref=${form} onSubmit=${make} noValidate>
      ${isFirst && html`<p class="warning"><${Icon} name="warning" /><span>${t("makeFirst")}</span></p>`}
      <${WhoseKey} given=${given} errors=${errors} owners=${owners} set=${set} />
      ${isFirst && given.scope === "user" && html`<p class="warning" role="alert"><${Icon} name="warning" /><span>${t("firstUser")}</span></p>`}
      <${ModelsField} chosen=${given.models} error=${errors.models} onChosen=${(/** @type {string[]} */ chosen) => set({ models: chosen })} />
      <${Text} name="networks" given=${given} errors=${errors} set=${set} />
      <${Text} name="expires" given=${given} errors=${errors} set=${set} />
      <details><summary>${t("limits")}</summary>
        <p class="small muted">${t("limitsAbout")} ${t("limitsOfKey")}</p>
        <${LimitFields} among=${OF_KEYS} fields=${given.limits} errors=${errors}
          onInput=${(/** @type {any} */ limits) => set({ limits })} />
      </details>
      <p class="error" role="alert">${errors[""]}</p>
      <div class="row end">
        <button type="button" onClick=${onClose}>${t("cancel")}</button>
        <button class="primary" disabled=${isMaking}>${t("makeYes")}</button>
      </div>
    </form>
  <//>`;
}

/** @param {{given: Given, errors: Record<string, string>, owners: string[], set: (change: Partial<Given>) => void}} props */
function WhoseKey({ given, errors, owners, set }) {
  const list = useId();
  return html`
    <${TextField} label=${t("owner")} help=${t("ownerHelp")} error=${errors.owner} more=${{ list }}
      value=${given.owner} onValue=${(/** @type {string} */ owner) => set({ owner })} />
    <datalist id=${list}>${owners.map((each) => html`<option key=${each} value=${each}></option>`)}</datalist>
    <${Text} name="name" given=${given} errors=${errors} set=${set} />
    <${Field} label=${t("scope")} help=${t("scopeHelp")} error=${errors.scope}>
      ${(/** @type {object} */ bound) => html`<select ...${bound} value=${given.scope}
        onChange=${into((value) => set({ scope: value }))}>
        <option value="user">${t("user")}</option>
        <option value="admin">${t("admin")}</option>
      </select>`}
    <//>`;
}

const TEXTS = /** @type {const} */ ({
  name: { label: "name", help: "nameHelp" },
  networks: { label: "networksField", help: "networksHelp" },
  expires: { label: "expiresField", help: "expiresHelp" },
});

/** @param {{name: keyof typeof TEXTS, given: Given, errors: Record<string, string>, set: (change: Partial<Given>) => void}} props */
const Text = ({
  name,
  given,
  errors,
  set,
}) => html`<${TextField} label=${t(TEXTS[name].label)} help=${t(TEXTS[name].help)}
  error=${errors[name]} value=${given[name]} onValue=${(/** @type {string} */ value) => set({ [name]: value })} />`;

/** @param {{chosen: string[], error?: string, onChosen: (chosen: string[]) => void}} props */
function ModelsField({ chosen, error, onChosen }) {
  useEffect(() => {
    // Without them any model is allowed, which is the usual.
    if (models.value === null) loadModels().catch(passOver);
  }, []);
  if (!models.value?.length) return null;
  return html`<fieldset class="choices">
    <legend>${t("modelsField")}</legend>
    ${models.value.map(
      ({
        id,
      }) => html`<label key=${id} class="row"><input type="checkbox" checked=${chosen.includes(id)}
        onChange=${() => onChosen(chosen.includes(id) ? chosen.filter((each) => each !== id) : [...chosen, id])} />
        <code>${id}</code></label>`,
    )}
    <p class="help">${t("modelsHelp")}</p>
    <p class="error" role="alert">${error}</p>
  </fieldset>`;
}
