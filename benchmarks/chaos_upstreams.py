"""The fault campaign's upstreams: emulators that misbehave everywhere, and who is behind what.

Not among the faults: a task that a provider forgets before its time. It is asked for until its
deadline, which is a day; the unit tests have that with a clock of their own.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple

import httpx2
from benchmarks.chaos_prices import cost_lines, house_lines, price_lines
from benchmarks.process import running
from benchmarks.upstream import arguments

from unstill.emulators import KINDS_IN_MEMORY, Options
from unstill.emulators.faults import FAULTS_AT, Fault, FaultSite
from unstill.emulators.jobs import EmulatedState
from unstill.settings.engines import HOSTED_KINDS

KEY = "sk-chaos"
JOB_S = 2.0
LISTED_JOB_S = 6.0  # where lists and cancels are to be seen
DELAY_S = 0.5
POLL_INTERVAL_S = 0.3
LOGGED = 20_000
PAGE = 1_000
FREE = "gpu"  # free to repeat: what it loses is sent again

# engine -> kind
ENGINES: Mapping[str, str] = {
    "bailian": "dashscope",
    "modelverse": "modelverse",
    "sora": "openai",
    "ope": "unified",
    "gpu": "sglang",
    "omni": "vllm-omni",
    "rw": "runware",
}
SETTLES = "rw"  # it can tell what became of a call: none of its own is ever in doubt


class Behind(NamedTuple):
    like: str
    duration_s: int
    engines: tuple[str, ...]


# a name that callers may use -> what is behind it
MODELS: Mapping[str, Behind] = {
    "wan-anywhere": Behind("wan2.7-i2v", 2, ("bailian", "ope")),
    "wan-alone": Behind("wan2.7-i2v", 2, ("bailian",)),
    "wan-gateway": Behind("wan2.7-i2v", 2, ("ope", "omni")),
    "sora": Behind("openai/sora-2/image-to-video-pro", 4, ("sora", "modelverse")),
    "wan-old": Behind("Wan-AI/Wan2.2-I2V", 5, ("modelverse", "bailian")),
    "horse": Behind("happyhorse-1.0-i2v", 3, ("omni",)),
    "own": Behind("Wan-AI/Wan2.2-I2V", 5, ("gpu",)),
    "wan-told": Behind("wan2.7-i2v", 2, (SETTLES,)),
}

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


LOST_AT_SETTLES = 0.06  # each: of its replies every second or third says nothing


class Call(NamedTuple):
    """One request to an upstream, of its log."""

    engine: str
    number: int
    place: str
    path: str
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
                    path=each["path"],
                    fault=each["fault"],
                    prompt=_prompt(each["body"]) if each["place"] == FaultSite.SUBMIT else "",
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
def upstreams(seed: int) -> Iterator[list[Upstream]]:
    with ExitStack() as stack:

        def started(engine: str) -> Upstream:
            options = Options(
                keys=(KEY,),
                job_s=LISTED_JOB_S if engine == "bailian" else JOB_S,
                delay_s=DELAY_S,
                faults=_faults(ENGINES[engine]),
                seed=seed,
                logged=LOGGED,
            )
            process = stack.enter_context(running(arguments(ENGINES[engine], options)))
            upstream = Upstream(engine, process.url, process.pid)
            stack.callback(upstream.close)
            return upstream

        with ThreadPoolExecutor() as threads:
            found = list(threads.map(started, ENGINES))
        yield found


def config(found: list[Upstream]) -> str:
    """The unstill.toml that has all of them."""
    lines = ["[server]", 'default_engine = "none"', 'allow_networks = ["127.0.0.0/8"]']
    lines += house_lines()
    for upstream in found:
        kind = ENGINES[upstream.engine]
        is_video_server = kind not in HOSTED_KINDS
        lines += [
            f"[engines.{upstream.engine}]",
            f'kind = "{"openai_videos" if is_video_server else kind}"',
            f'base_url = "{upstream.url}{"/api/v1" if kind == "dashscope" else "/v1"}"',
            f'api_key = "{KEY}"',
            f"poll_interval_s = {POLL_INTERVAL_S}",
            f"free_to_repeat = {'true' if upstream.engine == FREE else 'false'}",
        ]
        lines += [f'server = "{kind}"'] if is_video_server else []
        lines += cost_lines(upstream.engine)
    for name, behind in MODELS.items():
        engines = ", ".join(f'"{engine}"' for engine in behind.engines)
        lines += [f'[models."{name}"]', f"engines = [{engines}]", f'like = "{behind.like}"']
        lines += price_lines(name)
    return "\n".join(lines)


def _faults(kind: str) -> str:
    rates = [
        f"{place}.{fault}={_rate(kind, place, fault)}"
        for place, faults in FAULTS_AT.items()
        for fault in sorted(faults)
        if fault is not Fault.LOSE or kind in KINDS_IN_MEMORY
    ]
    return ",".join(rates)


def _rate(kind: str, place: FaultSite, fault: Fault) -> float:
    is_told = kind == ENGINES[SETTLES] and place is FaultSite.SUBMIT
    if is_told and fault in DOUBTFUL:
        return LOST_AT_SETTLES
    return RATES.get(place, {}).get(fault, RATE)


def never_drawn(seen: Mapping[str, int]) -> list[str]:
    """The faults that have not happened, as `place.fault`."""
    names = [f"{place}.{fault}" for place, faults in FAULTS_AT.items() for fault in sorted(faults)]
    return [name for name in names if name not in seen]


def _prompt(body: Any) -> str:
    match body:
        case [{"positivePrompt": str(prompt)}]:
            return prompt
        case {"input": {"prompt": str(prompt)}} | {"prompt": str(prompt)}:
            return prompt
        case _:
            return ""


def faults_seen(found: list[Upstream]) -> dict[str, int]:
    """How often each fault has happened, as `place.fault`."""
    seen: dict[str, int] = {}
    for upstream in found:
        for call in upstream.calls.values():
            if call.fault is not None:
                name = f"{call.place}.{call.fault}"
                seen[name] = seen.get(name, 0) + 1
    return dict(sorted(seen.items()))
