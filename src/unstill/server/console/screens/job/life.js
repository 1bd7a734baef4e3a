/** Each state that a job came into, when, and for how long. */

import { FINAL } from "../../data/jobs.js";
import { clock, day, moment, span } from "../../parts/format.js";
import { html, useEffect, useState } from "../../parts/html.js";
import { stateWord } from "../../parts/state.js";
import { t } from "../../texts/job.js";

/** @typedef {import("../../data/answers.js").Move} Move */

const TICK_MS = 1_000;

/** The time, as long as something is counted. @param {boolean} isCounting */
function useNow(isCounting) {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    if (!isCounting) return;
    const timer = setInterval(() => setNow(Date.now()), TICK_MS);
    return () => clearInterval(timer);
  }, [isCounting]);
  return now;
}

/** @param {{moves: Move[]}} props */
export function Life({ moves }) {
  const first = moves[0];
  const last = moves.at(-1);
  const isOver = last !== undefined && FINAL.has(last.state);
  const now = useNow(!isOver);
  if (!first || !last) return null;
  const isOneDay = day(first.at_ms) === day(last.at_ms);
  const told = isOneDay ? clock : moment;
  return html`<section class="card" aria-labelledby="life">
    <div class="row apart"><h2 id="life">${t("life")}</h2>
      <span class="muted small">${isOneDay && day(first.at_ms)}</span></div>
    <ol class="life">
      ${moves.map((move, n) => {
        const until = moves[n + 1]?.at_ms ?? now;
        const isEnd = FINAL.has(move.state);
        return html`<li key=${`${n} ${move.state}`} data-state=${move.state} data-now=${move === last && !isOver ? "" : undefined}>
          <span class="word">${stateWord(move.state)}</span>
          <time datetime=${new Date(move.at_ms).toISOString()}>${told(move.at_ms)}</time>
          <span class="lasted">${isEnd ? t("inAll", { span: span(move.at_ms - first.at_ms) }) : span(until - move.at_ms)}</span>
        </li>`;
      })}
    </ol>
  </section>`;
}
