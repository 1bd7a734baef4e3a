/** What is going to be made: pictures, model and fields, as the user has left them. */

import { key } from "../../data/api.js";
import { modelNamed, models } from "../../data/models.js";
import { batch, computed, effect, signal } from "../../parts/html.js";
import { modelToBeginWith, sentFields } from "./fields.js";
import { NoPicture, readPicture, release } from "./pictures.js";

/** @typedef {import("./fields.js").Value} Value */
/** @typedef {import("./pictures.js").Picture} Picture */

/** The first frames; each makes a video of its own. */
export const photos = signal(/** @type {Picture[]} */ ([]));
/** The one of them that is shown large. */
export const shownId = signal(0);
export const lastFrame = signal(/** @type {Picture | null} */ (null));
export const chosenModel = signal("");
/** What the user has touched. */
export const values = signal(/** @type {Record<string, Value>} */ ({}));
/** What is wrong with a field, by its name; under "" what belongs to none. */
export const troubles = signal(/** @type {Record<string, string>} */ ({}));
/** How many pictures are being read. */
export const reading = signal(0);

export const model = computed(() => {
  const known = models.value ?? [];
  return modelNamed(chosenModel.value) ?? modelToBeginWith(known) ?? null;
});
export const fields = computed(() => (model.value ? sentFields(model.value, values.value) : {}));
export const shownPhoto = computed(
  () => photos.value.find((each) => each.id === shownId.value) ?? photos.value[0] ?? null,
);

/** @param {string} name @param {Value | undefined} value undefined: as if it was never touched */
export function setValue(name, value) {
  const { [name]: _, ...others } = values.value;
  batch(() => {
    values.value = value === undefined || value === "" ? others : { ...others, [name]: value };
    forgive(name);
  });
}

/** @param {string} name */
export function forgive(name) {
  const { [name]: _, "": __, ...others } = troubles.value;
  troubles.value = others;
}

/** @param {string} id */
export function chooseModel(id) {
  batch(() => {
    chosenModel.value = id;
    troubles.value = {};
  });
}

/**
 * Take these pictures, in the place of those before or beside them. Names of files that are none.
 *
 * @param {Iterable<File>} files
 * @param {{isMore?: boolean}} [how]
 * @returns {Promise<string[]>}
 */
export async function takePhotos(files, { isMore = false } = {}) {
  const given = [...files];
  return whileReading(given.length, async () => {
    const { pictures, refused } = await readAll(given);
    if (!pictures.length) return refused;
    const before = photos.value;
    batch(() => {
      photos.value = isMore ? [...before, ...pictures] : pictures;
      shownId.value = pictures[0]?.id ?? 0;
      forgive("first_frame");
    });
    if (!isMore) for (const each of before) release(each);
    return refused;
  });
}

/**
 * Do what brings so many pictures; meanwhile they count as being read.
 *
 * @template T
 * @param {number} count
 * @param {() => Promise<T>} work
 */
export async function whileReading(count, work) {
  reading.value += count;
  try {
    return await work();
  } finally {
    reading.value -= count;
  }
}

/** Wait until no picture is being read. @returns {Promise<void>} */
export function allRead() {
  return new Promise((resolve) => {
    const end = effect(() => {
      if (reading.value > 0) return;
      queueMicrotask(() => {
        end();
        resolve();
      });
    });
  });
}

/** @param {File[]} given */
async function readAll(given) {
  /** @type {Picture[]} */
  const pictures = [];
  /** @type {string[]} */
  const refused = [];
  for (const file of given) {
    try {
      pictures.push(await readPicture(file));
    } catch (error) {
      if (!(error instanceof NoPicture)) throw error;
      refused.push(error.fileName);
    }
  }
  return { pictures, refused };
}

/** @param {Picture} picture */
export function dropPhoto(picture) {
  photos.value = photos.value.filter((each) => each !== picture);
  release(picture);
}

/** Raises NoPicture. @param {File | null} file */
export async function takeLastFrame(file) {
  const picture = file && (await readPicture(file));
  const before = lastFrame.value;
  batch(() => {
    lastFrame.value = picture;
    forgive("last_frame");
  });
  release(before);
}

// Another key is another user, maybe.
let known = key.value;
key.subscribe((now) => {
  if (now === known) return;
  known = now;
  for (const each of [...photos.value, lastFrame.value]) release(each);
  batch(() => {
    photos.value = [];
    lastFrame.value = null;
    values.value = {};
    troubles.value = {};
    chosenModel.value = "";
  });
});
