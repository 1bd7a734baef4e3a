/** What the server does, and who may use it: the screen of operators, in several views. */

import { address } from "../data/route.js";
import { html, useEffect, useRef } from "../parts/html.js";
import { Title } from "../parts/title.js";
import { t } from "../texts/server.js";
import { Activity } from "./server/activity.js";
import { Jobs } from "./server/jobs.js";
import { Overview } from "./server/overview.js";
import { Owners } from "./server/owners.js";
import { Queues } from "./server/queues.js";
import { Spend } from "./server/spend.js";

/** Each view by the second part of its address; without one it is the first. */
const VIEWS = /** @type {const} */ ({
  overview: Overview,
  queues: Queues,
  activity: Activity,
  spend: Spend,
  jobs: Jobs,
  owners: Owners,
});

/** @typedef {keyof typeof VIEWS} View */

const names = /** @type {View[]} */ (Object.keys(VIEWS));

/** @param {View} view */
const place = (view) => address("server", view === "overview" ? [] : [view]);

/** @param {{args: string[], query: URLSearchParams}} props */
export function Server({ args, query }) {
  const list = useRef(/** @type {HTMLElement | null} */ (null));
  const shown = names.find((each) => each === args[0]) ?? "overview";
  useEffect(() => {
    // On a phone the names scroll.
    const current = list.current?.querySelector(`[href="${place(shown)}"]`);
    current?.scrollIntoView({ block: "nearest", inline: "center" });
  }, [shown]);
  return html`
    <${Title}>${shown === "overview" ? t("title") : t("titleOf", { view: t(shown) })}<//>
    <ul class="views" ref=${list} aria-label=${t("views")}>
      ${names.map(
        (each) => html`<li key=${each}><a href=${place(each)}
          aria-current=${each === shown ? "page" : undefined}>${t(each)}</a></li>`,
      )}
    </ul>
    <${VIEWS[shown]} key=${shown} query=${query} />`;
}
