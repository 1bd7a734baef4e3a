/** Two videos in step: one time for both, which the longer one keeps. */

import { signal } from "../../parts/html.js";

const SEEK_FROM_S = 0.25; // a drift that is too long to catch up with
const CATCH_UP_FROM_S = 0.008;
const CATCH_UP = 3; // of each second of drift, as much faster or slower
const MOST_CATCH_UP = 0.3;
const HAS_NEXT_FRAME = 3; // HTMLMediaElement.HAVE_FUTURE_DATA

/** @typedef {{element: HTMLVideoElement, duration_s: number, frame_rate: number}} Side */

/** They start together, wait for each other, and whichever is ahead is slowed down. */
export class Pair {
  isPlaying = signal(false);
  isLooping = signal(true);
  at_s = signal(0);
  #frame = 0;
  #isHeld = false;
  #clock;
  #other;

  /** @param {Side} one @param {Side} other */
  constructor(one, other) {
    const isLonger = one.duration_s >= other.duration_s;
    this.#clock = isLonger ? one : other;
    this.#other = isLonger ? other : one;
    this.length_s = this.#clock.duration_s;
    this.frame_rate = Math.max(one.frame_rate, other.frame_rate);
  }

  end() {
    this.pause();
    for (const { element } of [this.#clock, this.#other]) {
      element.removeAttribute("src");
      element.load();
    }
  }

  toggle() {
    if (this.isPlaying.value) this.pause();
    else this.play();
  }

  play() {
    if (this.at_s.value >= this.#last(this.#clock)) this.seek(0);
    this.isPlaying.value = true;
    this.#isHeld = true; // until both have what they need
    cancelAnimationFrame(this.#frame);
    this.#frame = requestAnimationFrame(this.#tick);
  }

  pause() {
    cancelAnimationFrame(this.#frame);
    this.isPlaying.value = false;
    this.#stop();
    this.#align();
  }

  /** @param {number} s */
  seek(s) {
    this.at_s.value = Math.min(Math.max(0, s), this.length_s);
    for (const side of [this.#clock, this.#other]) {
      side.element.currentTime = Math.min(this.at_s.value, this.#last(side));
    }
    if (this.isPlaying.value) this.#isHeld = true;
  }

  /** To the middle of a frame, so that no rounding shows its neighbour. @param {number} frames */
  step(frames) {
    this.pause();
    const now = Math.floor(this.at_s.value * this.frame_rate + 0.01);
    this.seek((Math.max(0, now + frames) + 0.5) / this.frame_rate);
  }

  /** Where a video stands still at its end: its last frame. @param {Side} side */
  #last(side) {
    return Math.max(0, side.duration_s - 0.5 / side.frame_rate);
  }

  #stop() {
    for (const { element } of [this.#clock, this.#other]) {
      element.pause();
      element.playbackRate = 1;
    }
  }

  /** What stands still shows the same time exactly. */
  #align() {
    const { element } = this.#other;
    const goal = Math.min(this.at_s.value, this.#last(this.#other));
    if (Math.abs(element.currentTime - goal) > 0.5 / this.frame_rate) element.currentTime = goal;
  }

  #tick = () => {
    this.#frame = requestAnimationFrame(this.#tick);
    const { element: clock } = this.#clock;
    const { element: other } = this.#other;
    const otherIsOver = clock.currentTime >= this.#last(this.#other);
    const isReady = canGoOn(clock) && (otherIsOver || canGoOn(other));
    if (!isReady) {
      if (!this.#isHeld) this.#stop();
      this.#isHeld = true;
      return;
    }
    if (this.#isHeld) {
      this.#isHeld = false;
      start(clock);
      if (!otherIsOver) start(other);
    }
    this.at_s.value = Math.min(clock.currentTime, this.length_s);
    if (clock.ended || clock.currentTime >= this.#last(this.#clock)) this.#over();
    else if (otherIsOver) other.pause();
    else this.#correct(other, other.currentTime - clock.currentTime);
  };

  /** @param {HTMLVideoElement} other @param {number} drift_s */
  #correct(other, drift_s) {
    if (other.paused) start(other);
    if (Math.abs(drift_s) > SEEK_FROM_S) {
      other.currentTime = this.#clock.element.currentTime;
      return;
    }
    const change = Math.max(-MOST_CATCH_UP, Math.min(MOST_CATCH_UP, drift_s * CATCH_UP));
    const rate = Math.abs(drift_s) > CATCH_UP_FROM_S ? 1 - change : 1;
    if (Math.abs(other.playbackRate - rate) > 0.005) other.playbackRate = rate;
  }

  #over() {
    if (this.isLooping.value) {
      this.#stop();
      this.seek(0);
    } else {
      this.at_s.value = this.length_s;
      this.pause();
    }
  }
}

/** @param {HTMLVideoElement} video */
const canGoOn = (video) => !video.seeking && (video.ended || video.readyState >= HAS_NEXT_FRAME);

/** @param {HTMLVideoElement} video */
function start(video) {
  video.play().catch(() => {}); // paused meanwhile
}
