/** The form: model, fields, what it will be, and the button. */

import { models } from "../../data/models.js";
import { Field } from "../../parts/field.js";
import { html, useEffect, useId, useRef, useSignalEffect, useState } from "../../parts/html.js";
import { Icon } from "../../parts/icons.js";
import { EXAMPLES, MOVED_EXAMPLES, t } from "../../texts/make.js";
import { FormField } from "./controls.js";
import {
  chooseModel,
  fields,
  lastFrame,
  model,
  photos,
  setValue,
  takeLastFrame,
  troubles,
} from "./draft.js";
import { Estimate, engineOf } from "./estimate.js";
import { controlsOf, hasLastFrame } from "./fields.js";
import { NoPicture } from "./pictures.js";
import { ProgramsOf } from "./programs_view.js";
import { quote, quoteRefusal } from "./quote.js";
import { isSending, make, refusals } from "./send.js";

/** @typedef {import("../../data/models.js").Model} Model */
/** @typedef {import("./fields.js").Control} Control */

const FORM = "asked";

/** @param {Model} of */
function modelText(of) {
  const engine = of.engines[0];
  if (!engine) return `${of.title} · ${t("noEngine")}`;
  return `${of.title} · ${engine.name}, ${engine.is_generative ? t("generative") : t("notGenerative")}`;
}

/** @param {{of: Model}} props */
const ModelChoice = ({
  of,
}) => html`<${Field} label=${t("model")} help=${of.id} error=${troubles.value.model}>
  ${(/** @type {object} */ bound) => html`<select ...${bound} value=${of.id}
    onChange=${(/** @type {any} */ event) => chooseModel(event.currentTarget.value)}>
    ${models.value?.map((each) => html`<option key=${each.id} value=${each.id}>${modelText(each)}</option>`)}
  </select>`}
<//>`;

/** Prompts to begin with: the camera's moves, and what moves by itself where an engine can do so. */
function Examples() {
  const names = engineOf(quote.value, model.value)?.is_generative
    ? [...MOVED_EXAMPLES, ...EXAMPLES]
    : EXAMPLES;
  return html`<div class="examples" role="group" aria-label=${t("examples")}>
    ${names.map(
      (name) => html`<button key=${name} type="button" class="chip"
      onClick=${() => setValue("prompt", t(name))}>${t(name)}</button>`,
    )}
  </div>`;
}

function LastFrame() {
  const id = useId();
  const picture = lastFrame.value;
  const error = troubles.value.last_frame;
  /** @param {File | null} file */
  const take = async (file) => {
    try {
      await takeLastFrame(file);
    } catch (refusal) {
      if (!(refusal instanceof NoPicture)) throw refusal;
      troubles.value = {
        ...troubles.value,
        last_frame: t("noPicture", { name: refusal.fileName }),
      };
    }
  };
  /** @param {DragEvent} event */
  const drop = (event) => {
    event.preventDefault();
    const file = event.dataTransfer?.files[0];
    if (file) take(file);
  };
  return html`<div class="field last" onDrop=${drop} data-wrong=${error ? "" : undefined}>
    <span class="legend" id="${id}-name">${t("lastFrame")}</span>
    <div class="row">
      <span class="mini">${
        picture?.shown
          ? html`<img src=${picture.shown} alt=${t("photoAlt", { name: picture.name })} />`
          : html`<${Icon} name="chain" />`
      }</span>
      <span class="picker">
        <input id=${id} type="file" accept="image/*" aria-describedby="${id}-help ${id}-error"
          onChange=${(/** @type {any} */ event) => {
            const file = event.currentTarget.files[0];
            event.currentTarget.value = "";
            if (file) take(file);
          }} />
        <label class="button" for=${id}>${picture ? t("anotherLast") : t("chooseLast")}</label>
      </span>
      ${
        picture &&
        html`<button type="button" class="quiet" aria-label=${t("removeLast")} onClick=${() => {
          take(null);
          document.getElementById(id)?.focus();
        }}>
          <${Icon} name="close" /></button><span class="name small">${picture.name}</span>`
      }
    </div>
    <p class="help" id="${id}-help">${t("lastFrameHelp")}</p>
    <p class="error" id="${id}-error" role="alert">${error}</p>
  </div>`;
}

/** What is seldom used; it is not in the page until it is opened. @param {{controls: Control[]}} props */
function Folded({ controls }) {
  const [isOpen, setOpen] = useState(false);
  const isNeeded = controls.some((each) => troubles.value[each.name]);
  useEffect(() => {
    if (isNeeded) setOpen(true);
  }, [isNeeded]);
  if (!controls.length) return null;
  return html`<details class="fold" open=${isOpen}
    onToggle=${(/** @type {any} */ event) => setOpen(event.currentTarget.open)}>
    <summary>${t("moreSettings")}</summary>
    ${isOpen && html`<div class="column">${controls.map((each) => html`<${FormField} key=${each.name} control=${each} />`)}</div>`}
  </details>`;
}

/** A refused quote stands beside its field, if the user has filled that. */
function useQuoteTroubles() {
  useSignalEffect(() => {
    const refusal = quoteRefusal.value;
    const name = refusal?.param;
    if (!refusal || !name || !(name in fields.peek() || name.endsWith("_frame"))) return;
    if (name === "first_frame" && !photos.peek().length) return;
    troubles.value = { ...troubles.peek(), [name]: refusal.message };
  });
}

/** After a refusal the focus is where something is to be mended. */
function useLedToTrouble() {
  const led = useRef(refusals.peek());
  useSignalEffect(() => {
    if (led.current === refusals.value) return;
    led.current = refusals.value;
    requestAnimationFrame(() => {
      const wrong =
        document.querySelector('main [aria-invalid="true"]') ?? document.querySelector("main .top");
      /** @type {HTMLElement | null} */ (wrong)?.focus();
    });
  });
}

/** What it will be, and the button that makes it. */
export function Go() {
  const of = model.value;
  if (!of) return null;
  const count = photos.value.length;
  const trouble = troubles.value[""];
  return html`<section class="card go" aria-label=${t("estimate")}>
    <${Estimate} />
    ${trouble && html`<p class="error top" role="alert" tabindex="-1">${trouble}</p>`}
    <button type="submit" form=${FORM} class="primary" aria-disabled=${isSending.value ? "true" : undefined}>
      <${Icon} name="play" />${count > 1 ? t("makeMany", { count }) : t("makeOne")}</button>
  </section>`;
}

/** @param {{onSent: () => void}} props */
export function Form({ onSent }) {
  useQuoteTroubles();
  useLedToTrouble();
  const of = model.value;
  if (!of) return models.value && html`<p class="card">${t("noModels")}</p>`;
  /** @param {Event} event */
  const submit = (event) => {
    event.preventDefault();
    make();
    onSent();
  };
  const controls = controlsOf(of);
  const size = quote.value?.size;
  return html`<form id=${FORM} class="card column make-form" noValidate onSubmit=${submit}>
    <${ModelChoice} of=${of} />
    <div class="pairs">
      ${controls
        .filter((each) => !each.isFolded)
        .map(
          (each) => html`<div key=${each.name} class=${each.kind === "long" ? "wide" : ""}>
          <${FormField} control=${each}
            placeholder=${each.name === "size" && size ? `${size.width}x${size.height}` : undefined} />
          ${each.name === "prompt" && html`<${Examples} />`}
        </div>`,
        )}
    </div>
    ${hasLastFrame(of) && html`<${LastFrame} />`}
    <${Folded} key=${of.id} controls=${controls.filter((each) => each.isFolded)} />
    <${ProgramsOf} />
  </form>`;
}
