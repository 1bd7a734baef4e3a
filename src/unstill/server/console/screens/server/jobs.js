/** The jobs of all owners, newest first, by what is asked for in the address. */

import { address, go } from "../../data/route.js";
import { Field } from "../../parts/field.js";
import { moment, percent } from "../../parts/format.js";
import { html, useState } from "../../parts/html.js";
import { useFigures } from "../../parts/live.js";
import { StateBadge, stateWord } from "../../parts/state.js";
import { Table } from "../../parts/table.js";
import { into, TextField } from "../../parts/text_field.js";
import { t } from "../../texts/figures.js";
import { Section, View } from "./view.js";

/** @import { JobRow } from "../../data/operators.js" */
/** @import { Column } from "../../parts/table.js" */

const LIMIT = 50;
const WAITING = "queued,ready";
const UNDER_WAY = "submitting,running,saving";
const STATES = /** @type {const} */ ([
  "queued",
  "ready",
  "submitting",
  "running",
  "saving",
  "succeeded",
  "failed",
  "cancelled",
]);
const FILTERS = /** @type {const} */ (["state", "owner", "model", "engine"]);

/** @typedef {Record<typeof FILTERS[number], string>} Filters */

/** @param {{query: URLSearchParams}} props */
export function Jobs({ query }) {
  const asked = /** @type {Filters} */ (
    Object.fromEntries(FILTERS.map((name) => [name, query.get(name) ?? ""]))
  );
  const filter = new URLSearchParams(Object.entries(asked).filter(([, value]) => value)).toString();
  // Pages of another filter are none of this one.
  const [pages, setPages] = useState({ filter, before: /** @type {string[]} */ ([]) });
  const before = pages.filter === filter ? pages.before : [];
  const turn = (/** @type {string[]} */ to) => setPages({ filter, before: to });
  const after = before.at(-1);
  const page = new URLSearchParams({ limit: String(LIMIT), ...(after ? { after } : {}) });
  const figures = useFigures({ jobs: `admin/jobs?${page}${filter && `&${filter}`}` });
  /** @type {{data: JobRow[], next: string | null} | undefined} */
  const told = figures.told.jobs;
  const next = told?.next ?? null;
  return html`<${View} figures=${figures} names=${["jobs"]}>
    <${Filtering} asked=${asked} filter=${filter} />
    <${Section} title=${t("found")} figures=${figures} names=${["jobs"]}
      action=${before.length > 0 && html`<span class="muted">${t("page", { n: before.length + 1 })}</span>`}>
      <${Found} rows=${told?.data} hasNext=${next !== null} />
      <div class="row end">
        <button type="button" aria-disabled=${before.length === 0 ? "true" : undefined}
          onClick=${() => turn([])}>${t("newest")}</button>
        <button type="button" aria-disabled=${next === null ? "true" : undefined}
          onClick=${() => next && turn([...before, next])}>${t("next")}</button>
      </div>
    <//>
  <//>`;
}

/** @param {{asked: Filters, filter: string}} props filter: the same as a query */
function Filtering({ asked, filter }) {
  const [draft, setDraft] = useState({ filter, given: asked });
  const given = draft.filter === filter ? draft.given : asked;
  const setGiven = (/** @type {Filters} */ changed) => setDraft({ filter, given: changed });
  /** @param {SubmitEvent} event */
  const show = (event) => {
    event.preventDefault();
    const set = Object.entries(given).map(([name, value]) => [name, value.trim()]);
    go("server", ["jobs"], Object.fromEntries(set.filter(([, value]) => value)));
  };
  const text = (
    /** @type {"owner" | "model" | "engine"} */ name,
  ) => html`<${TextField} label=${t(name)} value=${given[name]}
    onValue=${(/** @type {string} */ value) => setGiven({ ...given, [name]: value })} />`;
  return html`<form class="job-filters card" aria-label=${t("filters")} onSubmit=${show}>
    <${Field} label=${t("state")}>
      ${(/** @type {object} */ bound) => html`<select ...${bound} value=${given.state}
        onChange=${into((value) => setGiven({ ...given, state: value }))}>
        <option value="">${t("anyState")}</option>
        <option value=${WAITING}>${t("waiting")}</option>
        <option value=${UNDER_WAY}>${t("underWay")}</option>
        ${STATES.map((each) => html`<option key=${each} value=${each}>${stateWord(each)}</option>`)}
      </select>`}
    <//>
    ${text("owner")} ${text("model")} ${text("engine")}
    <div class="row">
      <button class="primary">${t("show")}</button>
      <a class="button" href=${address("server", ["jobs"])}>${t("clear")}</a>
    </div>
  </form>`;
}

/** @param {{rows: JobRow[], hasNext: boolean}} props */
function Found({ rows, hasNext }) {
  /** @type {Column<JobRow>[]} */
  const columns = [
    {
      head: t("job"),
      cell: (row) => html`<a href=${address("jobs", [row.id])}><code>${row.id}</code></a>`,
    },
    { head: t("owner"), cell: (row) => row.owner },
    { head: t("model"), cell: (row) => row.model },
    { head: t("engine"), cell: (row) => row.engine },
    {
      head: t("state"),
      cell: (row) =>
        html`<${StateBadge} state=${row.state} />${row.is_held && html` <span class="tag">${t("held")}</span>`}`,
    },
    {
      head: t("progress"),
      cell: (row) => percent(row.progress),
      isNumber: true,
    },
    { head: t("created"), cell: (row) => moment(row.created_ms) },
    {
      head: t("trouble"),
      cell: (row) =>
        (row.error ?? row.waiting) ? html`<code>${row.error ?? row.waiting}</code>` : "–",
    },
  ];
  return html`<${Table} caption=${t("found")} columns=${columns} rows=${rows} none=${t(hasNext ? "jobNoneHere" : "jobNone")}
    keyBy="id" />`;
}
