/** What the gallery can be asked for: kept in its address, so that going back works. */

import { passOver } from "../../data/api.js";
import { loadModels, models } from "../../data/models.js";
import { go, replace, route } from "../../data/route.js";
import { Field } from "../../parts/field.js";
import { html, useEffect, useRef, useState } from "../../parts/html.js";
import { Icon } from "../../parts/icons.js";
import { t } from "../../texts/gallery.js";
import { FIELDS, filterIn, queryOf, STATES } from "./filter.js";

/** @typedef {import("./filter.js").Filter} Filter */

const TYPED_MS = 300; // no more is typed by then

const STATE_NAMES = /** @type {const} */ ({
  working: "working",
  succeeded: "succeeded",
  failed: "failed",
  cancelled: "cancelled",
});

/** @param {{label: string, all: string, value: string, options: [value: string, name: string][], onChange: (value: string) => void}} props */
const Choice = ({ label, all, value, options, onChange }) => html`<${Field} label=${label}>
  ${(/** @type {object} */ bound) => html`<select ...${bound} value=${value}
    onChange=${(/** @type {any} */ event) => onChange(event.currentTarget.value)}>
    <option value="">${all}</option>
    ${options.map(([each, name]) => html`<option key=${each} value=${each} selected=${each === value}>${name}</option>`)}
  </select>`}
<//>`;

/** @param {{label: string, value: string, least?: string, most?: string, onChange: (value: string) => void}} props */
const Day = ({ label, value, least, most, onChange }) => html`<${Field} label=${label}>
  ${(
    /** @type {object} */ bound,
  ) => html`<input ...${bound} type="date" value=${value} min=${least || undefined}
    max=${most || undefined} onChange=${(/** @type {any} */ event) => onChange(event.currentTarget.value)} />`}
<//>`;

/** What is typed is asked for once one pauses. @param {{value: string, onChange: (value: string) => void}} props */
function Search({ value, onChange }) {
  const [typed, setTyped] = useState(value);
  const timer = useRef(0);
  useEffect(() => {
    setTyped(value);
    return () => clearTimeout(timer.current);
  }, [value]);
  return html`<${Field} label=${t("search")}>
    ${(
      /** @type {object} */ bound,
    ) => html`<input ...${bound} type="search" maxlength="200" autocomplete="off"
      value=${typed} placeholder=${t("searchHint")}
      onInput=${(/** @type {any} */ event) => {
        const text = event.currentTarget.value;
        setTyped(text);
        clearTimeout(timer.current);
        timer.current = setTimeout(() => onChange(text), TYPED_MS);
      }} />`}
  <//>`;
}

/** The names that a model or an engine may be asked for by. @param {Filter} filter */
function names(filter) {
  const known = models.value ?? [];
  /** @param {string[]} among @param {string} asked @returns {[string, string][]} */
  const options = (among, asked) =>
    [...new Set(asked ? [...among, asked] : among)].map((name) => [name, name]);
  return {
    models: options(
      known.flatMap((each) => [each.id, ...each.aliases]),
      filter.model,
    ),
    engines: options(
      known.flatMap((each) => each.engines.map((engine) => engine.name)),
      filter.engine,
    ),
  };
}

/** @param {{filter: Filter}} props */
export function Bar({ filter }) {
  const [isOpen, setOpen] = useState(false);
  useEffect(() => {
    if (models.value === null) loadModels().catch(passOver);
  }, []);
  const set = (/** @type {Partial<Filter>} */ change) => {
    // As it is by now: what is typed comes late.
    const before = filterIn(route.peek().query);
    const query = queryOf({ ...before, ...change });
    // A search that is typed on is one entry of the history.
    if (change.prompt && before.prompt) replace("gallery", [], query);
    else go("gallery", [], query);
  };
  const among = names(filter);
  const count = FIELDS.filter((name) => name !== "prompt" && filter[name]).length;
  return html`<search class="filters" data-open=${isOpen ? "" : undefined}>
    <${Search} value=${filter.prompt} onChange=${(/** @type {string} */ prompt) => set({ prompt })} />
    <button type="button" class="more" aria-expanded=${isOpen} onClick=${() => setOpen(!isOpen)}>
      <${Icon} name="search" />${count ? t("filtersOn", { n: count }) : t("filters")}</button>
    <${Choice} label=${t("state")} all=${t("anyState")} value=${filter.state}
      options=${Object.keys(STATES).map((name) => [name, t(STATE_NAMES[/** @type {keyof typeof STATE_NAMES} */ (name)])])}
      onChange=${(/** @type {string} */ state) => set({ state })} />
    <${Choice} label=${t("model")} all=${t("anyModel")} value=${filter.model} options=${among.models}
      onChange=${(/** @type {string} */ model) => set({ model })} />
    <${Choice} label=${t("engine")} all=${t("anyEngine")} value=${filter.engine} options=${among.engines}
      onChange=${(/** @type {string} */ engine) => set({ engine })} />
    <${Day} label=${t("from")} value=${filter.from} most=${filter.to}
      onChange=${(/** @type {string} */ from) => set({ from })} />
    <${Day} label=${t("to")} value=${filter.to} least=${filter.from}
      onChange=${(/** @type {string} */ to) => set({ to })} />
  </search>`;
}
