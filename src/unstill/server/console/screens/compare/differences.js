/** What two jobs have in common, and what not. */

import { address } from "../../data/route.js";
import { moment, number } from "../../parts/format.js";
import { html } from "../../parts/html.js";
import { t } from "../../texts/compare.js";

/** @typedef {import("../../data/answers.js").Details} Details */

/** @param {Details} job @returns {[name: string, value: string][]} */
const facts = (job) => [
  [t("prompt"), job.prompt],
  [t("negative"), job.request.negative_prompt ?? ""],
  [t("model"), job.model],
  [t("engine"), job.made_by || job.engine],
  [t("seed"), String(job.seed ?? "")],
  [t("length"), job.video ? t("seconds", { n: number(job.video.duration_s, 2) }) : ""],
  [t("size"), job.video ? `${job.video.width} × ${job.video.height} px` : ""],
  [t("frameRate"), job.video ? t("perSecond", { n: number(job.video.frame_rate, 2) }) : ""],
  ...Object.entries(job.request.options ?? {}).map(
    ([name, value]) => /** @type {[string, string]} */ ([name, String(value)]),
  ),
  [t("made"), moment(job.created_ms)],
];

/** @param {{text: string, differs: boolean}} props */
const Value = ({ text, differs }) =>
  html`<td>${differs && text ? html`<mark>${text}</mark>` : text || "–"}</td>`;

/** @param {{a: Details, b: Details}} props */
export function Differences({ a, b }) {
  const ofA = new Map(facts(a));
  const ofB = new Map(facts(b));
  const names = [...new Set([...ofA.keys(), ...ofB.keys()])];
  return html`<table class="differences">
    <caption class="unseen">${t("differences")}</caption>
    <thead><tr><td></td>
      <th scope="col"><a href=${address("jobs", [a.id])}>A</a></th>
      <th scope="col"><a href=${address("jobs", [b.id])}>B</a></th></tr></thead>
    <tbody>${names.map((name) => {
      const [one = "", other = ""] = [ofA.get(name), ofB.get(name)];
      if (!one && !other) return null;
      const differs = one !== other && name !== t("made");
      return html`<tr key=${name}><th scope="row">${name}${differs && html`<span class="unseen"> ${t("differs")}</span>`}</th>
        <${Value} text=${one} differs=${differs} /><${Value} text=${other} differs=${differs} /></tr>`;
    })}</tbody>
  </table>`;
}
