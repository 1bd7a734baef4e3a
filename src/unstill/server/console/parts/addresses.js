/** A file's address that stays for as long as it is shown, while tickets come and go. */

import { pictureAddress, videoAddress } from "../data/tickets.js";
import { useRef } from "./html.js";

/**
 * null until there is a ticket; then the first address, which the browser has cached what it shows by.
 *
 * @param {string} id
 * @param {"video" | "thumbnail" | "last_frame" | import("../data/answers.js").Role} what
 */
export function useAddress(id, what) {
  const kept = useRef({ of: "", address: /** @type {string | null} */ (null) });
  const of = `${id}/${what}`;
  if (kept.current.of !== of || kept.current.address === null) {
    const address =
      what === "video" || what === "thumbnail" || what === "last_frame"
        ? videoAddress(id, what)
        : pictureAddress(id, what);
    kept.current = { of, address };
  }
  return kept.current.address;
}
