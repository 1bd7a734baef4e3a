/** A table; where there is no room for its columns, each row is a card with the columns' names. */

import { html } from "./html.js";

/**
 * @template T
 * @typedef {{head: string, cell: (row: T) => unknown, isNumber?: boolean}} Column
 */

/**
 * The first column names the row. The roles are written out as a card's `display` takes them away.
 *
 * @template T
 * @param {{caption: string, columns: Column<T>[], rows: T[], keyBy: string, none: string}} props
 *   keyBy: names of what tells rows apart; caption: for screen readers, as a heading stands above it; none: said where there are no rows
 */
export function Table({ caption, columns, rows, keyBy, none }) {
  if (rows.length === 0) return html`<p class="muted">${none}</p>`;
  return html`<div class="rows" data-columns=${columns.length > 5 ? "many" : "few"}>
    <table role="table">
      <caption class="unseen">${caption}</caption>
      <thead role="rowgroup">
        <tr role="row">
          ${columns.map(
            ({ head, isNumber }) => html`<th key=${head} role="columnheader" scope="col"
              class=${isNumber ? "number" : ""}>${head}</th>`,
          )}
        </tr>
      </thead>
      <tbody role="rowgroup">
        ${rows.map((row) => html`<${Row} key=${keyIn(row, keyBy)} columns=${columns} row=${row} />`)}
      </tbody>
    </table>
  </div>`;
}

/** @param {any} row @param {string} keyBy */
const keyIn = (row, keyBy) =>
  keyBy
    .split(" ")
    .map((name) => row[name])
    .join("/");

/** @param {{columns: Column<any>[], row: any}} props */
const Row = ({ columns, row }) => html`<tr role="row">
  ${columns.map(({ head, cell, isNumber }, at) =>
    at === 0
      ? html`<th key=${head} role="rowheader" scope="row">${cell(row)}</th>`
      : html`<td key=${head} role="cell" class=${isNumber ? "number" : ""} data-head=${head}>
          <div>${cell(row)}</div>
        </td>`,
  )}
</tr>`;
