/** Pictures that the user gave: what they are, and small ones to show. */

/**
 * @typedef {object} Picture
 * @property {number} id
 * @property {File} file as it is sent
 * @property {string} name
 * @property {number | null} width as it is shown upright; null if this browser cannot show it
 * @property {number | null} height
 * @property {string | null} shown the address of a small one; null likewise
 */

/** The file is no picture that any engine takes. */
export class NoPicture extends Error {
  /** @param {string} name */
  constructor(name) {
    super(`${name} is no picture`);
    this.fileName = name;
  }
}

let last = 0;

/** Raises NoPicture. @param {File} file @returns {Promise<Picture>} */
export async function readPicture(file) {
  last += 1;
  const id = last;
  const { blob, height, width } = await small(id, file);
  if (blob === null && !isKnown(new Uint8Array(await file.slice(0, 64).arrayBuffer()))) {
    throw new NoPicture(file.name);
  }
  const shown = blob && URL.createObjectURL(blob);
  const picture = {
    id,
    file,
    name: file.name,
    width: width ?? null,
    height: height ?? null,
    shown,
  };
  hold(picture);
  return picture;
}

/** How many places show a picture. @type {Map<number, number>} */
const holders = new Map();

/** @param {Picture} picture */
export function hold(picture) {
  holders.set(picture.id, (holders.get(picture.id) ?? 0) + 1);
}

/** The last one to release a picture frees its small one's memory. @param {Picture | null} picture */
export function release(picture) {
  if (!picture) return;
  const left = (holders.get(picture.id) ?? 1) - 1;
  if (left > 0) {
    holders.set(picture.id, left);
    return;
  }
  holders.delete(picture.id);
  if (picture.shown) URL.revokeObjectURL(picture.shown);
}

/** @typedef {{blob: Blob | null, width?: number, height?: number}} Small */

/** @type {Worker | null} */
let worker = null;
/** @type {Map<number, (small: Small) => void>} */
const awaited = new Map();

/** @param {number} id @param {File} file @returns {Promise<Small>} */
function small(id, file) {
  if (!worker) {
    worker = new Worker(new URL("./thumbnails.worker.js", import.meta.url), { type: "module" });
    worker.onmessage = ({ data }) => {
      awaited.get(data.id)?.(data);
      awaited.delete(data.id);
    };
    worker.onerror = () => {
      for (const tell of awaited.values()) tell({ blob: null });
      awaited.clear();
    };
  }
  const { promise, resolve } = Promise.withResolvers();
  awaited.set(id, resolve);
  worker.postMessage({ id, file });
  return promise;
}

const STARTS = ["\xff\xd8\xff", "\x89PNG", "GIF8", "BM"];
/** ISO 23000-12 and AVIF 1.1: brands of still pictures and of sequences. */
const BRANDS = /^ftyp(?:.{4})*?(?:avi[fs]|he[iv][cmsx]|mif1|msf1)/s;

/** Whether a file begins as a picture that the server may read, though this browser cannot. @param {Uint8Array} head */
function isKnown(head) {
  const text = String.fromCharCode(...head);
  return (
    STARTS.some((each) => text.startsWith(each)) ||
    (text.startsWith("RIFF") && text.slice(8, 12) === "WEBP") ||
    BRANDS.test(text.slice(4))
  );
}

const SAMPLE = new URL("../../samples/dandelion.jpg", import.meta.url).href;

/** The sample photo, as if it had been chosen. Raises an error if the server is away. */
export async function sampleFile() {
  const response = await fetch(SAMPLE, { credentials: "omit" });
  if (!response.ok) throw new Error(`the server answered ${response.status}`);
  return new File([await response.blob()], "dandelion.jpg", { type: "image/jpeg" });
}
