/** A screen's heading: the page is called by it, and it has the focus when one comes to the screen. */

import { route } from "../data/route.js";
import { html, useEffect, useRef } from "./html.js";

/** Where the heading had the focus last; nowhere while the page is as it was opened. */
let focused = placeOf();

function placeOf() {
  const { screen, args } = route.peek();
  return [screen, ...args].join("/");
}

/** @param {{children: string}} props */
export function Title({ children }) {
  const heading = useRef(/** @type {HTMLElement | null} */ (null));
  useEffect(() => {
    document.title = `${children} · unstill`;
  }, [children]);
  const place = placeOf();
  useEffect(() => {
    if (focused === place) return;
    focused = place;
    scrollTo(0, history.state?.y ?? 0); // a screen may have kept where one was
    heading.current?.focus({ preventScroll: true });
  }, [place]);
  return html`<h1 ref=${heading} tabindex="-1">${children}</h1>`;
}
