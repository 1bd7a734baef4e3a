"""The fault campaign's upstreams: emulators that misbehave everywhere, and who is behind what.

Not among the faults: a task that a provider forgets before its time. It is asked for until its
deadline, which is a day; the unit tests have that with a clock of their own.
"""

from __future__ import annotations

import os
import re
import signal
import zlib
from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple

import httpx2
import msgspec
from benchmarks.chaos_engines import ENGINES, FREE, PROMPT, SETTLES, models_at
from benchmarks.chaos_prices import cost_lines, house_lines, price_lines
from benchmarks.process import running
from benchmarks.upstream import arguments

from unstill.emulators import KINDS_IN_MEMORY, Options
from unstill.emulators.faults import FAULTS_AT, Fault, FaultSite
from unstill.emulators.jobs import EmulatedState

KEY = "sk-chaos"
DELAY_S = 0.5
POLL_INTERVAL_S = 0.3
LOGGED = 20_000
PAGE = 1_000

# How often each fault is drawn; where there is none, `RATE`.
RATE = 0.01
RATES: Mapping[FaultSite, Mapping[Fault, float]] = {
    FaultSite.SUBMIT: {Fault.DELAY: 0.3, Fault.BUSY: 0.03, Fault.FAIL: 0.03, Fault.BAD_KEY: 0.004},
    # Some cost their seconds, or half a gigabyte: they come by script, see `HARD`.
    FaultSite.FETCH: {
        Fault.SLOW: 0.0,
        Fault.ENDLESS: 0.0,
        Fault.DEAD_LINK: 0.03,
        Fault.TRUNCATED: 0.03,
    },
    FaultSite.CANCEL: dict.fromkeys(FAULTS_AT[FaultSite.CANCEL], 0.05),
    # These places are seldom seen.
    FaultSite.UPLOAD: dict.fromkeys(FAULTS_AT[FaultSite.UPLOAD], 0.02),
    FaultSite.LIST: dict.fromkeys(FAULTS_AT[FaultSite.LIST], 0.06),
}
# Downloads of the first upstreams in a large campaign, one after the other.
HARD: Mapping[str, tuple[Fault, ...]] = {
    "bailian": (Fault.SLOW, Fault.ENDLESS, Fault.SLOW, Fault.SLOW),
    "modelverse": (Fault.SLOW, Fault.SLOW, Fault.ENDLESS, Fault.SLOW),
    "ope": (Fault.EMPTY, Fault.HUGE),  # by chance as well, but not surely
}
TOO_LARGE = frozenset({Fault.HUGE, Fault.ENDLESS})
# After these a caller cannot know whether the task was taken.
DOUBTFUL = frozenset(
    {
        Fault.DROP_BEFORE,
        Fault.DROP_AFTER,
        Fault.ERROR,
        Fault.ERROR_AFTER,
        Fault.UNAVAILABLE,
        Fault.GARBAGE,
        Fault.HTML,
    }
)
# Where an upstream can tell, each: of its replies every second or third says nothing.
LOST_AT_SETTLES = 0.06


class Call(NamedTuple):
    """One request to an upstream, of its log."""

    engine: str
    number: int
    place: str
    path: str  # of a cancel its body too
    fault: str | None
    prompt: str  # of a submit
    task: str | None  # its id, where one was taken; it may be forgotten by now


class Billed(NamedTuple):
    """A task of an upstream's own book."""

    prompt: str
    model: str
    duration_s: int  # 0 where it is not billed
    videos: int  # likewise


class Upstream:
    """One emulator."""

    def __init__(self, engine: str, url: str, pid: int) -> None:
        self.engine = engine
        self.url = url
        self._pid = pid
        self.calls: dict[int, Call] = {}
        self._http = httpx2.Client(base_url=url, timeout=30)

    def script(self, place: FaultSite, *faults: Fault) -> None:
        answer = self._http.post("/_emulator/faults", json={"next": {place: faults}})
        answer.raise_for_status()

    def read_log(self) -> None:
        """Remember what it has been asked since the last time."""
        for each in self._http.get("/_emulator/log").json()["requests"]:
            if each["place"] is not None:  # again: it may have been under way the last time
                self.calls[each["number"]] = Call(
                    engine=self.engine,
                    number=each["number"],
                    place=each["place"],
                    path=_what_for(each),
                    fault=each["fault"],
                    prompt=_prompt_in(each["body"]) if each["place"] == FaultSite.SUBMIT else "",
                    task=each["job_id"],
                )

    def finished(self) -> frozenset[str]:
        """The ids of the tasks whose videos it has, and gives to whoever asks for them."""
        found: set[str] = set()
        offset, has_more = 0, True
        while has_more:
            bounds = {"offset": offset, "limit": PAGE}
            page = self._http.get("/_emulator/jobs", params=bounds).json()
            found |= {each["id"] for each in page["jobs"] if each["state"] == EmulatedState.DONE}
            offset, has_more = offset + PAGE, page["has_more"]
        return frozenset(found)

    def billed(self) -> list[Billed]:
        """Its whole book, what has been deleted or lost since included."""
        found: list[Billed] = []
        has_more = True
        while has_more:
            bounds = {"offset": len(found), "limit": PAGE}
            page = self._http.get("/_emulator/charges/jobs", params=bounds).json()
            for each in page["jobs"]:
                duration_s, videos = each["usage"]["duration"], each["usage"]["video_count"]
                found.append(Billed(str(each["prompt"]), each["model"], duration_s, videos))
            has_more = page["has_more"]
        return found

    def charges(self) -> dict[str, Any]:
        return dict(self._http.get("/_emulator/charges").json())

    def freeze(self) -> None:
        """Answer nothing, and take nothing in, until `thaw`."""
        os.kill(self._pid, signal.SIGSTOP)

    def thaw(self) -> None:
        os.kill(self._pid, signal.SIGCONT)

    def close(self) -> None:
        self._http.close()


@contextmanager
def upstreams(seed: int, engines: Collection[str]) -> Iterator[list[Upstream]]:
    with ExitStack() as stack:

        def started(engine: str) -> Upstream:
            options = Options(
                keys=(KEY,),
                job_s=ENGINES[engine].job_s,
                delay_s=DELAY_S,
                faults=_faults(engine),
                seed=zlib.crc32(f"{seed} {engine}".encode()),  # no two draw the same faults
                logged=LOGGED,
            )
            process = stack.enter_context(running(arguments(ENGINES[engine].kind, options)))
            upstream = Upstream(engine, process.url, process.pid)
            stack.callback(upstream.close)
            return upstream

        with ThreadPoolExecutor() as threads:
            found = list(threads.map(started, engines))
        yield found


def config(found: list[Upstream]) -> str:
    """The unstill.toml that has all of them."""
    lines = ["[server]", 'default_engine = "none"', 'allow_networks = ["127.0.0.0/8"]']
    lines += house_lines()
    for upstream in found:
        row = ENGINES[upstream.engine]
        lines += [
            f"[engines.{upstream.engine}]",
            f'kind = "{row.kind if row.has_room else "openai_videos"}"',
            f'base_url = "{upstream.url}{row.base}"',
            f'api_key = "{KEY}"',
            f"poll_interval_s = {POLL_INTERVAL_S}",
            f"free_to_repeat = {'true' if upstream.engine == FREE else 'false'}",
        ]
        lines += row.own if row.has_room else [f'server = "{row.kind}"']
        lines += cost_lines(upstream.engine)
    for name, behind in models_at({upstream.engine for upstream in found}).items():
        engines = ", ".join(f'"{engine}"' for engine in behind.engines)
        lines += [f'[models."{name}"]', f"engines = [{engines}]", f'like = "{behind.like}"']
        lines += price_lines(name)
    return "\n".join(lines)


def _faults(engine: str) -> str:
    rates = [
        f"{place}.{fault}={_rate(engine, place, fault)}"
        for place, faults in FAULTS_AT.items()
        for fault in sorted(faults)
        if fault is not Fault.LOSE or ENGINES[engine].kind in KINDS_IN_MEMORY
    ]
    return ",".join(rates)


def _rate(engine: str, place: FaultSite, fault: Fault) -> float:
    if engine in SETTLES and place is FaultSite.SUBMIT and fault in DOUBTFUL:
        return LOST_AT_SETTLES
    return RATES.get(place, {}).get(fault, RATE)


def never_drawn(seen: Mapping[str, int]) -> list[str]:
    """The faults that have not happened, as `place.fault`."""
    names = [f"{place}.{fault}" for place, faults in FAULTS_AT.items() for fault in sorted(faults)]
    return [name for name in names if name not in seen]


def _what_for(entry: Mapping[str, Any]) -> str:
    """Its path; of a cancel with its body, which may be where the task is named."""
    body = entry["body"] if entry["place"] == FaultSite.CANCEL else None
    return entry["path"] if body is None else f"{entry['path']} {body}"


def _prompt_in(body: object) -> str:
    """Wherever its API has it; empty where it has none."""
    found = re.search(PROMPT, msgspec.json.encode(body).decode())
    return "" if found is None else found[0]


def faults_seen(found: list[Upstream]) -> dict[str, int]:
    """How often each fault has happened, as `place.fault`."""
    seen: dict[str, int] = {}
    for upstream in found:
        for call in upstream.calls.values():
            if call.fault is not None:
                name = f"{call.place}.{call.fault}"
                seen[name] = seen.get(name, 0) + 1
    return dict(sorted(seen.items()))
