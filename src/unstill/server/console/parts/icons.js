/** Small drawings beside words; a screen reader is told the words alone. */

import { html } from "./html.js";

const PATHS = {
  make: "M4 7h3l1.500-2h7L17 7h3v12H4zM12 16.500a3.500 3.500 0 1 0 0-7 3.500 3.500 0 0 0 0 7z",
  gallery: "M4 4h7v7H4zM13 4h7v7h-7zM4 13h7v7H4zM13 13h7v7h-7z",
  server: "M4 5h16v5H4zM4 14h16v5H4zM7.500 7.500h.01M7.500 16.500h.01",
  sun: "M12 16a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM12 2v3M12 19v3M2 12h3M19 12h3M5 5l2 2M17 17l2 2M5 19l2-2M17 7l2-2",
  moon: "M20 14.500A8.500 8.500 0 0 1 9.500 4 8.500 8.500 0 1 0 20 14.500z",
  auto: "M12 3a9 9 0 1 0 0 18zM12 3a9 9 0 0 1 0 18",
  key: "M14.500 9.500a4 4 0 1 1-3-3.900 4 4 0 0 1 3 3.900zM13.500 12.500 20 19M17 16l2-2",
  play: "M8 5v14l11-7z",
  pause: "M7 5h3.500v14H7zM13.500 5H17v14h-3.500z",
  download: "M12 4v11M7 11l5 5 5-5M5 20h14",
  link: "M10 14a4 4 0 0 0 5.700 0l3-3A4 4 0 0 0 13 5.300l-1 1M14 10a4 4 0 0 0-5.700 0l-3 3A4 4 0 0 0 11 18.700l1-1",
  again: "M4 12a8 8 0 0 1 14-5.300L20 9M20 4v5h-5M20 12a8 8 0 0 1-14 5.300L4 15M4 20v-5h5",
  chain: "M4 6h9v12H4zM13 9h7v12h-9v-3",
  trash: "M5 7h14M10 4h4M7 7l1 13h8l1-13M10 11v5M14 11v5",
  stop: "M7 7h10v10H7z",
  close: "M6 6l12 12M18 6 6 18",
  copy: "M9 9h11v11H9zM5 15H4V4h11v1",
  check: "M5 12.500 10 17.500 19.500 7",
  warning: "M12 4 2.500 20h19zM12 10v4.500M12 17.500h.01",
  upload: "M12 16V5M7 9l5-5 5 5M5 20h14",
  camera: "M4 7h3l1.500-2h7L17 7h3v12H4zM12 16.500a3.500 3.500 0 1 0 0-7 3.500 3.500 0 0 0 0 7z",
  search: "M11 18a7 7 0 1 0 0-14 7 7 0 0 0 0 14zM16 16l5 5",
  code: "M8 7l-5 5 5 5M16 7l5 5-5 5",
  sides: "M4 5h7v14H4zM13 5h7v14h-7z",
};

/** @typedef {keyof typeof PATHS} IconName */

/** @param {{name: IconName}} props */
export const Icon = ({ name }) =>
  html`<svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false"><path d=${PATHS[name]} /></svg>`;
