/** A finished video with the browser's own controls. */

import { passOver } from "../data/api.js";
import { freshTicket, videoAddress } from "../data/tickets.js";
import { html, useEffect, useRef, useState } from "./html.js";

const TRIES = 3;

/**
 * The address that it began with stays, as a new one would begin it anew; when a ticket has run out
 * it goes on with a fresh one, from where it was.
 *
 * @param {string} id
 */
export function useVideo(id) {
  const [address, setAddress] = useState(/** @type {string | null} */ (null));
  const place = useRef({ s: 0, plays: false, tries: 0 });
  useEffect(() => {
    let isGone = false;
    freshTicket()
      .then(() => !isGone && setAddress(videoAddress(id)))
      .catch(passOver);
    return () => {
      isGone = true;
    };
  }, [id]);
  /** @param {{currentTarget: EventTarget | null}} event */
  const onError = async ({ currentTarget }) => {
    const video = /** @type {HTMLVideoElement} */ (currentTarget);
    if (place.current.tries >= TRIES) return;
    place.current = { s: video.currentTime, plays: !video.paused, tries: place.current.tries + 1 };
    await freshTicket().catch(passOver);
    setAddress(videoAddress(id));
    video.load();
  };
  /** @param {{currentTarget: EventTarget | null}} event */
  const onLoadedMetadata = ({ currentTarget }) => {
    const video = /** @type {HTMLVideoElement} */ (currentTarget);
    const { s, plays } = place.current;
    if (s > 0) video.currentTime = s;
    if (plays) video.play().catch(() => {}); // paused meanwhile
    place.current = { s: 0, plays: false, tries: s > 0 ? place.current.tries : 0 };
  };
  return { src: address ?? undefined, onError, onLoadedMetadata };
}

/** @param {{id: string, width: number, height: number, label: string}} props */
export function Player({ id, width, height, label }) {
  const bound = useVideo(id);
  return html`<video class="player" ...${bound} aria-label=${label} controls loop playsinline preload="metadata"
    width=${width} height=${height} style=${{ aspectRatio: `${width} / ${height}` }}></video>`;
}
