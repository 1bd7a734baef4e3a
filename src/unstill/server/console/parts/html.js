/** What screens are written with: markup in templates, state in signals. */

import htm from "../vendor/htm.js";
import { Fragment, h, render } from "../vendor/preact.js";
import {
  useEffect,
  useId,
  useLayoutEffect,
  useMemo,
  useRef,
  useState,
} from "../vendor/preact-hooks.js";
import {
  batch,
  computed,
  effect,
  signal,
  untracked,
  useComputed,
  useSignal,
  useSignalEffect,
} from "../vendor/signals.js";

/** A template is markup; what stands in `${}` is text, an attribute's value or a component, never markup. */
export const html = htm.bind(h);

export {
  batch,
  computed,
  effect,
  Fragment,
  h,
  render,
  signal,
  untracked,
  useComputed,
  useEffect,
  useId,
  useLayoutEffect,
  useMemo,
  useRef,
  useSignal,
  useSignalEffect,
  useState,
};
