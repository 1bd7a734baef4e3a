/** The request as programs, one tab each, ready to copy. */

import { at } from "../../data/api.js";
import { account } from "../../data/session.js";
import { CopyButton } from "../../parts/copy.js";
import { html, useId, useState } from "../../parts/html.js";
import { t } from "../../texts/make.js";
import { fields, lastFrame, model } from "./draft.js";
import { hasLastFrame } from "./fields.js";
import { FIRST_FILE, KEY_NAME, LAST_FILE, programsFor } from "./programs.js";

/** @typedef {import("../../data/models.js").Model} Model */

/** Where an arrow leads to among tabs, or null. @param {string} pressed @param {number} now @param {number} count */
function tabAfter(pressed, now, count) {
  if (pressed === "ArrowRight") return (now + 1) % count;
  if (pressed === "ArrowLeft") return (now + count - 1) % count;
  if (pressed === "Home") return 0;
  return pressed === "End" ? count - 1 : null;
}

/** @param {{model: Model, fields: import("./fields.js").Values, hasLast: boolean}} props */
export function Programs({ fields: given, hasLast, model: of }) {
  const [chosen, setChosen] = useState(0);
  const id = useId();
  const programs = programsFor({
    server: at("").replace(/\/$/, ""),
    model: of.id,
    posts: of.capabilities.posts,
    fields: given,
    hasLast,
    asksForKey: account.value?.asks_for_key ?? false,
  });
  const program = programs[chosen] ?? programs[0];
  if (!program) return html`<p>${t("noPost")}</p>`;
  /** @param {any} event */
  const moved = (event) => {
    const next = tabAfter(event.key, chosen, programs.length);
    if (next === null) return;
    event.preventDefault();
    setChosen(next);
    event.currentTarget.children[next].focus();
  };
  const files = hasLast ? `${FIRST_FILE}, ${LAST_FILE}` : FIRST_FILE;
  return html`<div class="programs">
    <div class="tabs" role="tablist" aria-label=${t("programs")} onKeyDown=${moved}>
      ${programs.map(
        (each, at) => html`<button key=${each.id} type="button" role="tab" id="${id}-${each.id}"
        aria-selected=${each === program ? "true" : "false"} aria-controls="${id}-panel"
        tabindex=${each === program ? 0 : -1} onClick=${() => setChosen(at)}>${each.name}</button>`,
      )}
    </div>
    <div role="tabpanel" id="${id}-panel" aria-labelledby="${id}-${program.id}">
      <pre tabindex="0" aria-label=${program.name}><code>${program.text}</code></pre>
      <div class="row apart">
        <span class="muted small">${t("programNeeds", { files })}${
          account.value?.asks_for_key ? ` ${t("programKey", { name: KEY_NAME })}` : ""
        }${program.needs && html` <code>${program.needs}</code>`}</span>
        <${CopyButton} text=${program.text} label=${t("copy")} />
      </div>
    </div>
  </div>`;
}

/** Of what the form holds now. */
export function ProgramsOf() {
  const [isOpen, setOpen] = useState(false);
  const of = model.value;
  if (!of) return null;
  const hasLast = hasLastFrame(of) && lastFrame.value !== null;
  return html`<details class="fold" onToggle=${(/** @type {any} */ event) => setOpen(event.currentTarget.open)}>
    <summary>${t("asProgram")}</summary>
    ${isOpen && html`<${Programs} model=${of} fields=${fields.value} hasLast=${hasLast} />`}
  </details>`;
}
