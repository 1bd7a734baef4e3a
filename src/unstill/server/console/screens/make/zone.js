/** Where the photo goes: dropped, pasted, chosen, taken with the camera, or the sample. */

import { html, useEffect, useId, useRef, useState } from "../../parts/html.js";
import { Icon } from "../../parts/icons.js";
import { notify } from "../../parts/notices.js";
import { t } from "../../texts/make.js";
import { Crop } from "./crop.js";
import {
  dropPhoto,
  photos,
  reading,
  setValue,
  shownId,
  shownPhoto,
  takePhotos,
  troubles,
  values,
  whileReading,
} from "./draft.js";
import { sampleFile } from "./pictures.js";

/** @typedef {import("./pictures.js").Picture} Picture */

const Empty = () => html`<div class="inside">
  <${Icon} name="upload" />
  <p class="lead"><span class="by-mouse">${t("drop")}</span><span class="by-touch">${t("begin")}</span></p>
  <p class="muted small"><span class="by-mouse">${t("dropMore")}</span> ${t("severalPhotos")}</p>
</div>`;

/** @param {{onTaken: (files: Iterable<File>) => unknown}} props */
function Sample({ onTaken }) {
  const take = async () => {
    try {
      await onTaken([await sampleFile()]);
    } catch {
      notify(t("noSample"), "trouble");
      return;
    }
    // Some models ask for a prompt: the sample has one, and it can be changed.
    if (values.value.prompt === undefined) setValue("prompt", t("example1"));
  };
  return html`<button type="button" class="quiet sample" onClick=${() => whileReading(1, take)}>${t("sample")}</button>`;
}

/** @param {{picture: Picture}} props */
const Thumbnail = ({ picture }) => html`<li><button type="button" class="thumbnail"
  aria-pressed=${picture === shownPhoto.value ? "true" : "false"} aria-label=${picture.name}
  onClick=${() => {
    shownId.value = picture.id;
  }}>${picture.shown ? html`<img src=${picture.shown} alt="" />` : html`<${Icon} name="camera" />`}</button></li>`;

/** @param {{picture: Picture}} props */
const Filled = ({ picture }) => html`<div class="filled">
  <${Crop} picture=${picture} />
  ${
    photos.value.length > 1 &&
    html`<ul class="strip" aria-label=${t("photos")}>
      ${photos.value.map((each) => html`<${Thumbnail} key=${each.id} picture=${each} />`)}</ul>`
  }
</div>`;

/** What can be done with a photo that is there. @param {{onMore: () => void, onRemove: () => void}} props */
const Ways = ({ onMore, onRemove }) => html`
  <button type="button" class="quiet" onClick=${onMore}>${t("more")}</button>
  <button type="button" class="quiet" onClick=${onRemove}>
    <${Icon} name="close" />${t("remove")}</button>`;

/** Take what is dropped or pasted anywhere. @param {(files: File[]) => void} take @param {(isOver: boolean) => void} over */
function useAnywhere(take, over) {
  const taking = useRef(take);
  taking.current = take;
  useEffect(() => {
    const ending = new AbortController();
    const { signal } = ending;
    /** @param {DragEvent} event */
    const drag = (event) => {
      if (!event.dataTransfer?.types.includes("Files")) return;
      event.preventDefault();
      over(event.type === "dragover");
    };
    /** @param {DragEvent} event */
    const drop = (event) => {
      over(false);
      if (event.defaultPrevented || !event.dataTransfer?.files.length) return;
      event.preventDefault();
      taking.current([...event.dataTransfer.files]);
    };
    /** @param {ClipboardEvent} event */
    const paste = (event) => {
      const files = [...(event.clipboardData?.files ?? [])];
      const isText = event.clipboardData?.types.includes("text/plain");
      if (!files.length || (isText && event.target instanceof HTMLTextAreaElement)) return;
      event.preventDefault();
      taking.current(files);
    };
    addEventListener("dragover", drag, { signal });
    addEventListener("dragleave", drag, { signal });
    addEventListener("drop", drop, { signal });
    addEventListener("paste", paste, { signal });
    return () => ending.abort();
  }, [over]);
}

export function Zone() {
  const [isOver, setOver] = useState(false);
  const input = useRef(/** @type {HTMLInputElement | null} */ (null));
  const isMore = useRef(false);
  const id = useId();
  const [refused, setRefused] = useState(/** @type {string[]} */ ([]));
  /** @param {Iterable<File>} files @param {boolean} [adds] */
  const take = async (files, adds = false) => setRefused(await takePhotos(files, { isMore: adds }));
  useAnywhere((files) => take(files), setOver);
  /** @param {Event} event */
  const changed = (event) => {
    const field = /** @type {HTMLInputElement} */ (event.currentTarget);
    const files = [...(field.files ?? [])];
    field.value = ""; // so that the same file can be chosen again
    if (files.length) take(files, isMore.current);
    isMore.current = false;
  };
  const more = () => {
    isMore.current = true;
    input.current?.click();
  };
  const picture = shownPhoto.value;
  // These buttons go when they are pressed: the focus stays at the photo.
  const remove = () => {
    if (picture) dropPhoto(picture);
    input.current?.focus();
  };
  /** @param {Iterable<File>} files */
  const takeSample = (files) => {
    const taking = take(files);
    input.current?.focus();
    return taking;
  };
  const trouble =
    troubles.value.first_frame ?? refused.map((name) => t("noPicture", { name })).join(" ");
  return html`<section class="photo" aria-label=${t("photo")}>
    <div class="zone" data-over=${isOver ? "" : undefined} data-filled=${picture ? "" : undefined}
      data-wrong=${trouble ? "" : undefined}>
      <input ref=${input} id=${id} type="file" accept="image/*" multiple onChange=${changed}
        aria-invalid=${trouble ? "true" : undefined} aria-describedby="${id}-error" />
      ${picture ? html`<${Filled} picture=${picture} />` : html`<${Empty} />`}
      <div key=${picture ? "filled" : "empty"} class="row picks">
        <label class="button" for=${id}><${Icon} name="upload" />${picture ? t("another") : t("choose")}</label>
        <input id="${id}-camera" class="unseen" type="file" accept="image/*" capture="environment" onChange=${changed} />
        <label class="button camera" for="${id}-camera"><${Icon} name="camera" />${t("photograph")}</label>
        ${picture ? html`<${Ways} onMore=${more} onRemove=${remove} />` : html`<${Sample} onTaken=${takeSample} />`}
        <span class="reading muted small" role="status">${reading.value > 0 && t("reading", { count: reading.value })}</span>
        <p class="error" id="${id}-error" role="alert">${trouble}</p>
      </div>
    </div>
  </section>`;
}
