/** The photo, with a frame around what the video keeps of it. */

import { number } from "../../parts/format.js";
import { html } from "../../parts/html.js";
import { Icon } from "../../parts/icons.js";
import { t } from "../../texts/make.js";
import { quote } from "./quote.js";

/** @typedef {import("./pictures.js").Picture} Picture */
/** @typedef {{x: number, y: number, width: number, height: number}} Rectangle */

/** @param {number} part @param {number} whole */
const share = (part, whole) => `${(100 * part) / whole}%`;

/** What is cut, in words. @param {Rectangle} crop @param {number} width @param {number} height */
function cutText(crop, width, height) {
  const across = 1 - crop.width / width;
  const down = 1 - crop.height / height;
  if (across < 0.005 && down < 0.005) return t("keptWhole");
  const percent = number(Math.max(across, down) * 100);
  return across > down ? t("cutSides", { percent }) : t("cutEnds", { percent });
}

/** @param {{picture: Picture}} props */
export function Crop({ picture }) {
  const { height, shown, width } = picture;
  const told = quote.value;
  if (!shown || !width || !height) {
    return html`<div class="photo-stage"><div class="blind">
      <${Icon} name="camera" /><p class="name">${picture.name}</p><p>${t("unseen")}</p></div></div>`;
  }
  const crop = told?.crop;
  return html`<div class="photo-stage">
    <div class="crop" style=${{ "--ratio": String(width / height) }}>
      <img src=${shown} alt=${t("photoAlt", { name: picture.name })} width=${width} height=${height} />
      ${
        crop &&
        html`<div class="kept" style=${{
          left: share(crop.x, width),
          top: share(crop.y, height),
          width: share(crop.width, width),
          height: share(crop.height, height),
        }}>${told.size && html`<span>${sizeText(told.size)}</span>`}</div>`
      }
    </div>
    <p class="kept-text small"><span class="name">${picture.name}</span>
      <span class="cut-text" role="status">${crop && cutText(crop, width, height)}</span></p>
  </div>`;
}

/** @param {{width: number, height: number}} size */
export const sizeText = ({ height, width }) => `${width} × ${height} px`;
