/** The page: its head, the screen that its address names, and what goes on behind all screens. */

import { isAnswering, keyTrouble } from "./data/api.js";
import { follow } from "./data/jobs.js";
import { address, route } from "./data/route.js";
import { account, asksForKey, isKnown, isOperator, loadAccount, signOut } from "./data/session.js";
import { language, speak, theme, wear } from "./data/settings.js";
import { keepFresh } from "./data/tickets.js";
import { Boundary } from "./parts/boundary.js";
import { effect, html, render, untracked, useEffect, useRef } from "./parts/html.js";
import { Icon } from "./parts/icons.js";
import { NewKeyShown } from "./parts/new_key.js";
import { Notices, notify } from "./parts/notices.js";
import { Title } from "./parts/title.js";
import { Compare } from "./screens/compare.js";
import { Gallery } from "./screens/gallery.js";
import { Job } from "./screens/job.js";
import { Key } from "./screens/key.js";
import { Make } from "./screens/make.js";
import { Server } from "./screens/server.js";
import { t } from "./texts/app.js";

const RETRY_MS = 3_000;

/** Each screen by the first part of its address, with the entry of the head that it belongs to. */
const SCREENS = /** @type {const} */ ({
  make: { screen: Make, entry: "make" },
  gallery: { screen: Gallery, entry: "gallery" },
  compare: { screen: Compare, entry: "gallery" },
  jobs: { screen: Job, entry: "gallery" },
  server: { screen: Server, entry: "server" },
});

/** @typedef {"make" | "gallery" | "server"} Entry */

const THEMES = /** @type {const} */ (["auto", "light", "dark"]);
const THEME_NAMES = /** @type {const} */ ({
  auto: "themeAuto",
  light: "themeLight",
  dark: "themeDark",
});
const THEME_ICONS = /** @type {const} */ ({ auto: "auto", light: "sun", dark: "moon" });

/** @returns {{screen: import("./vendor/preact.js").ComponentType<any>, entry: Entry} | undefined} */
function current() {
  const found = Object.entries(SCREENS).find(([name]) => name === route.value.screen)?.[1];
  return found?.entry === "server" && !isOperator.value ? undefined : found;
}

/** @param {{entry: Entry}} props */
const Entry = ({ entry }) => html`<a href=${address(entry)}
  aria-current=${current()?.entry === entry ? "page" : undefined}>
  <${Icon} name=${entry} /><span>${t(entry)}</span></a>`;

function Head() {
  const worn = theme.value;
  const next = THEMES[(THEMES.indexOf(worn) + 1) % THEMES.length] ?? "auto";
  const who = account.value;
  return html`<header class="head">
    <a class="brand" href=${address("make")}><img src=${new URL("./icon.svg", import.meta.url).href} alt="" width="28" height="28" />unstill</a>
    <nav aria-label=${t("screens")}>
      <${Entry} entry="make" />
      <${Entry} entry="gallery" />
      ${isOperator.value && html`<${Entry} entry="server" />`}
    </nav>
    <div class="tools">
      <a class="quiet" href="docs">${t("docs")}</a>
      <button type="button" class="quiet" lang=${language.value === "zh" ? "en" : "zh-CN"}
        onClick=${() => speak(language.value === "zh" ? "en" : "zh")}>${t("otherLanguage")}</button>
      <button type="button" class="quiet" aria-label=${t(THEME_NAMES[worn])} title=${t(THEME_NAMES[worn])}
        onClick=${() => wear(next)}><${Icon} name=${THEME_ICONS[worn]} /></button>
      ${
        who?.asks_for_key &&
        html`<button type="button" class="quiet"
        aria-label=${`${t("signedIn", { owner: who.owner })}. ${t("signOut")}`} title=${t("signOut")}
        onClick=${() => signOut()}><${Icon} name="key" /><span class="wide">${who.owner}</span></button>`
      }
    </div>
  </header>`;
}

function Nothing() {
  return html`<${Title}>${t("nothingHere")}<//><p><a href=${address("make")}>${t("toStart")}</a></p>`;
}

function Screen() {
  if (!isKnown.value) return html`<p class="loading">${t("loading")}</p>`;
  if (asksForKey.value || keyTrouble.value) return html`<${Key} />`;
  const { args, query, screen } = route.value;
  const Shown = current()?.screen ?? Nothing;
  return html`<${Boundary} key=${screen}><${Shown} args=${args} query=${query} /><//>`;
}

/** Says when the server is gone, and when it is back. */
function Answering() {
  const wasAway = useRef(false);
  const isAway = !isAnswering.value;
  useEffect(() => {
    if (wasAway.current && !isAway) notify(t("back"));
    wasAway.current = isAway;
  }, [isAway]);
  return html`<div class="banner" role="alert">
    ${isAway && html`<p><${Icon} name="warning" />${t("away")}</p>`}
  </div>`;
}

function App() {
  const main = useRef(/** @type {HTMLElement | null} */ (null));
  /** @param {Event} event */
  const skip = (event) => {
    event.preventDefault();
    main.current?.focus();
  };
  return html`
    <a class="skip" href="#main" onClick=${skip}>${t("skip")}</a>
    <${Head} />
    <${Answering} />
    <main id="main" ref=${main} tabindex="-1"><${Screen} /></main>
    <${NewKeyShown} />
    <${Notices} />`;
}

/** Ask who we are until the server says so. */
async function begin() {
  for (;;) {
    try {
      await loadAccount();
      return;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }
}

// Behind all screens, for as long as somebody is let in: the stream of events, and tickets.
let following = new AbortController();
effect(() => {
  const who = account.value;
  following.abort();
  following = new AbortController();
  if (who === null) return;
  const { signal } = following;
  untracked(() => {
    follow(signal);
    keepFresh(signal);
  });
});

const place = document.getElementById("app");
if (place) {
  place.replaceChildren();
  render(html`<${App} />`, place);
}
if (!location.hash) history.replaceState(null, "", address("make"));
begin();
