/** How a job stands, in a word, and how far it is. */

import { texts } from "../texts/texts.js";
import { percent } from "./format.js";
import { html } from "./html.js";

export const stateWord = texts({
  en: {
    queued: "Waits",
    ready: "Waits for its engine",
    submitting: "Is being sent",
    running: "Is being made",
    saving: "Is being checked and saved",
    succeeded: "Done",
    failed: "Failed",
    cancelled: "Cancelled",
  },
  zh: {
    queued: "等待中",
    ready: "等待引擎",
    submitting: "正在提交",
    running: "制作中",
    saving: "检查并保存中",
    succeeded: "完成",
    failed: "失败",
    cancelled: "已取消",
  },
});

/** @param {{state: import("../data/jobs.js").State}} props */
export const StateBadge = ({ state }) =>
  html`<span class="badge" data-state=${state}>${stateWord(state)}</span>`;

/**
 * @param {{fraction: number, label: string}} props fraction: 0 to 1; label: what a screen reader calls it
 */
export const Progress = ({ fraction, label }) => {
  const whole = Math.floor(fraction * 100);
  return html`<div
    class="progress"
    role="progressbar"
    aria-label=${label}
    aria-valuemin="0"
    aria-valuemax="100"
    aria-valuenow=${whole}
    aria-valuetext=${percent(whole / 100)}
  ><div style=${{ transform: `scaleX(${fraction})` }}></div></div>`;
};
