/** Where in the page one is: the address behind `#`, which no server sees. */

import { signal } from "../vendor/signals.js";

/** @typedef {{screen: string, args: string[], query: URLSearchParams}} Route */

/** @returns {Route} */
function parsed() {
  const [path = "", query = ""] = location.hash.replace(/^#\/?/, "").split("?");
  const [screen = "", ...args] = path.split("/").map((each) => {
    try {
      return decodeURIComponent(each);
    } catch {
      return each;
    }
  });
  return { screen: screen || "make", args, query: new URLSearchParams(query) };
}

export const route = signal(parsed());

addEventListener("hashchange", () => {
  route.value = parsed();
});

/** @param {string} screen @param {string[]} args @param {Record<string, string>} [query] */
export function address(screen, args = [], query = {}) {
  const path = [screen, ...args].map(encodeURIComponent).join("/");
  const asked = new URLSearchParams(query).toString();
  return `#/${path}${asked ? `?${asked}` : ""}`;
}

/** @param {string} screen @param {string[]} [args] @param {Record<string, string>} [query] */
export function go(screen, args, query) {
  location.hash = address(screen, args, query);
}

/**
 * The same in place of the entry of now: going back leads to what was before it.
 *
 * @param {string} screen @param {string[]} [args] @param {Record<string, string>} [query]
 */
export function replace(screen, args, query) {
  history.replaceState(null, "", address(screen, args, query));
  route.value = parsed();
}
