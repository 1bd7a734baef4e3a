/** The videos of the caller's owner, and the jobs under way. */

import { address, go } from "../data/route.js";
import { number } from "../parts/format.js";
import { html, useEffect, useMemo } from "../parts/html.js";
import { Icon } from "../parts/icons.js";
import { Title } from "../parts/title.js";
import { t } from "../texts/gallery.js";
import { Bar } from "./gallery/bar.js";
import { current } from "./gallery/card.js";
import { filterIn, isAsked } from "./gallery/filter.js";
import { Grid, goTo } from "./gallery/grid.js";
import { Many } from "./gallery/many.js";
import { pickAll, picked, pickOnly } from "./gallery/picked.js";
import { held, isLoading, letIn, order, show, trouble, tryAgain } from "./gallery/shelf.js";

const REST_MS = 250;

/** Keep in the history where one is, and come back to it: the page scrolls there by itself. */
function usePlace() {
  useEffect(() => {
    const { y } = history.state ?? {};
    const back = setTimeout(() => y > 0 && current.value && goTo(current.value), 0);
    let timer = 0;
    const look = () => {
      clearTimeout(timer);
      timer = setTimeout(() => history.replaceState({ y: scrollY }, ""), REST_MS);
    };
    addEventListener("scroll", look, { passive: true });
    return () => {
      clearTimeout(back);
      clearTimeout(timer);
      removeEventListener("scroll", look);
    };
  }, []);
}

/** @param {{isFiltered: boolean}} props */
const Empty = ({ isFiltered }) => html`<div class="card gallery-empty">
  <h2>${t(isFiltered ? "nothingFound" : "nothingYet")}</h2>
  <p>${t(isFiltered ? "nothingFoundWhy" : "nothingYetWhy")}</p>
  ${
    isFiltered
      ? html`<button type="button" class="primary" onClick=${() => go("gallery")}>${t("clear")}</button>`
      : html`<a class="button primary" href=${address("make")}><${Icon} name="make" />${t("toMake")}</a>`
  }
</div>`;

/** @param {{isFiltered: boolean}} props */
function Count({ isFiltered }) {
  const n = order.value.length;
  const text = isLoading.value
    ? t("loading", { n: number(n) })
    : t(n === 1 ? "countOne" : "count", { n: number(n) });
  const isAll = n > 0 && picked.value.size >= n;
  return html`<div class="row apart counted">
    <p role="status" aria-live=${isLoading.value ? "off" : "polite"}>${text}</p>
    <div class="row">
      <button type="button" class="quiet clear" data-shown=${isFiltered ? "" : undefined}
        onClick=${() => go("gallery")}>${t("clear")}</button>
      <button type="button" class="quiet" disabled=${n === 0} onClick=${() => (isAll ? pickOnly() : pickAll())}>
        <${Icon} name="check" />${t(isAll ? "pickNone" : "pickAll")}</button>
    </div>
  </div>`;
}

/** Says what came in above while one looks further down. */
function Fresh() {
  const n = held.value.length;
  if (n === 0) return null;
  const look = () => {
    letIn();
    scrollTo({ top: 0 });
    const [first] = order.value;
    if (first) goTo(first);
  };
  return html`<div class="fresh"><button type="button" class="primary" onClick=${look}>
    ${t(n === 1 ? "freshOne" : "fresh", { n })}</button></div>`;
}

function Shown(/** @type {{isFiltered: boolean}} */ { isFiltered }) {
  const n = order.value.length;
  if (trouble.value && n === 0) {
    return html`<div class="card gallery-empty" role="alert"><p class="error">${trouble.value}</p>
      <button type="button" onClick=${tryAgain}>${t("again")}</button></div>`;
  }
  if (n === 0 && !isLoading.value) return html`<${Empty} isFiltered=${isFiltered} />`;
  return html`<${Grid} />`;
}

/** @param {{args: string[], query: URLSearchParams}} props */
export function Gallery({ query }) {
  const text = query.toString();
  const filter = useMemo(() => filterIn(new URLSearchParams(text)), [text]);
  useEffect(() => {
    if (show(filter)) {
      pickOnly();
      current.value = "";
    }
  }, [filter]);
  usePlace();
  const isFiltered = isAsked(filter);
  return html`<${Title}>${t("title")}<//>
    <${Bar} filter=${filter} />
    <${Count} isFiltered=${isFiltered} />
    <${Fresh} />
    <${Shown} isFiltered=${isFiltered} />
    <${Many} />`;
}
