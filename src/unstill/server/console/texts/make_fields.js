/** Names and help of the fields that the page knows; others are told in the server's own words. */

import { language } from "../data/settings.js";
import { number } from "../parts/format.js";

/** @typedef {import("../screens/make/fields.js").Control} Control */
/** @typedef {{[name: string]: [title: string, help: string]}} Known */

/** @type {{en: Known, zh: Known}} */
const KNOWN = {
  en: {
    prompt: ["Prompt", ""],
    duration: ["Duration", ""],
    resolution: ["Resolution", ""],
    size: ["Exact size", "Width x height, both even. It wins over the resolution."],
    seed: ["Seed", "The same seed draws the same chance; empty is random."],
    generate_audio: ["Sound", "Whether the video has sound, where the engine can make it."],
    negative_prompt: ["Negative prompt", "What is not to be in the video."],
    watermark: ["Watermark", "A mark in the picture that says what made it."],
    prompt_extend: ["Extend the prompt", "The engine may write more into it before it begins."],
    aspect_ratio: ["Aspect ratio", "The shape of the video, such as 16:9."],
  },
  zh: {
    prompt: ["提示词", ""],
    duration: ["时长", ""],
    resolution: ["分辨率", ""],
    size: ["精确尺寸", "宽 x 高，均为偶数，优先于分辨率。"],
    seed: ["种子", "相同的种子得到相同的随机结果，留空为随机。"],
    generate_audio: ["声音", "引擎支持时，视频是否带声音。"],
    negative_prompt: ["反向提示词", "不希望出现在视频中的内容。"],
    watermark: ["水印", "在画面中标明由什么制作。"],
    prompt_extend: ["扩写提示词", "引擎可在开始前补充提示词。"],
    aspect_ratio: ["宽高比", "视频的形状，例如 16:9。"],
  },
};

/** @param {Control} control */
export const fieldTitle = ({ name, title }) => KNOWN[language.value][name]?.[0] ?? title;

/** @param {Control} control */
export const fieldHelp = ({ about, name }) => KNOWN[language.value][name]?.[1] ?? about;

/** @param {string} name @param {string | number | boolean} value */
export function optionText(name, value) {
  const isChinese = language.value === "zh";
  if (value === true) return isChinese ? "开" : "On";
  if (value === false) return isChinese ? "关" : "Off";
  if (name === "duration")
    return isChinese ? `${number(Number(value))} 秒` : `${number(Number(value))} s`;
  return String(value);
}
