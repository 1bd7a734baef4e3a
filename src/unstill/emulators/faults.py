"""What an emulator does wrong, where, and how often: by chance from a seed, or by script."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Mapping, Sequence
from enum import StrEnum

from unstill.domain.errors import BadSetting


class FaultSite(StrEnum):
    SUBMIT = "submit"
    POLL = "poll"
    LIST = "list"
    CANCEL = "cancel"
    FETCH = "fetch"
    UPLOAD = "upload"


class Fault(StrEnum):
    # anywhere
    DROP_BEFORE = "drop_before"  # the connection ends, nothing was done
    DROP_AFTER = "drop_after"  # it was done (and charged), the answer is lost; a download is cut
    DELAY = "delay"  # a right answer, late
    BUSY = "429"  # with Retry-After
    BUSY_BARE = "429_bare"  # without
    ERROR = "500"  # nothing was done
    ERROR_AFTER = "500_after"  # it was done
    UNAVAILABLE = "503"
    BAD_KEY = "401"
    FORBIDDEN = "403"
    NOT_FOUND = "404"
    GARBAGE = "garbage"  # it was done, the answer is no JSON
    HTML = "html"  # it was done, the answer is a page with status 200
    # submit
    REJECT = "400"  # nothing was done: what was sent is at fault, as a moderation finds
    FAIL = "fail"  # accepted, and the job will fail
    # poll and list
    UNKNOWN_STATE = "unknown_state"  # a state word that no document has
    LOSE = "lose"  # the upstream forgets this job
    # fetch
    DEAD_LINK = "dead_link"  # this link is dead from now on; a new one works
    TRUNCATED = "truncated"  # the file lacks its last third
    HTML_VIDEO = "html_video"  # a page that says it is video/mp4
    SLOW = "slow"  # a byte now and then
    WRONG_LENGTH = "wrong_length"  # a good video of another duration
    EMPTY = "empty"  # 200 and not a byte
    HUGE = "huge"  # 50 GB are announced
    ENDLESS = "endless"  # zeros, as fast as they are taken


_ANYWHERE = frozenset(
    {
        Fault.DROP_BEFORE,
        Fault.DROP_AFTER,
        Fault.DELAY,
        Fault.BUSY,
        Fault.BUSY_BARE,
        Fault.ERROR,
        Fault.ERROR_AFTER,
        Fault.UNAVAILABLE,
        Fault.BAD_KEY,
        Fault.FORBIDDEN,
        Fault.NOT_FOUND,
        Fault.GARBAGE,
        Fault.HTML,
    }
)
_OF_A_VIDEO = frozenset(
    {
        Fault.DEAD_LINK,
        Fault.TRUNCATED,
        Fault.HTML_VIDEO,
        Fault.SLOW,
        Fault.WRONG_LENGTH,
        Fault.EMPTY,
        Fault.HUGE,
        Fault.ENDLESS,
    }
)
FAULTS_AT: Mapping[FaultSite, frozenset[Fault]] = {
    FaultSite.SUBMIT: _ANYWHERE | {Fault.FAIL, Fault.REJECT},
    FaultSite.POLL: _ANYWHERE | {Fault.UNKNOWN_STATE, Fault.LOSE},
    FaultSite.LIST: _ANYWHERE | {Fault.UNKNOWN_STATE},
    FaultSite.CANCEL: _ANYWHERE,
    FaultSite.FETCH: _ANYWHERE | _OF_A_VIDEO,
    FaultSite.UPLOAD: _ANYWHERE,
}
STATUS_OF: Mapping[Fault, int] = {  # answered instead of doing anything
    Fault.REJECT: 400,
    Fault.BUSY: 429,
    Fault.BUSY_BARE: 429,
    Fault.ERROR: 500,
    Fault.UNAVAILABLE: 503,
    Fault.BAD_KEY: 401,
    Fault.FORBIDDEN: 403,
    Fault.NOT_FOUND: 404,
}
WELL = "ok"  # in a script: the next request is answered as it should be

Rates = Mapping[FaultSite, Mapping[Fault, float]]


class Faults:
    """Chooses at most one fault for a request.

    Each place has a sequence of its own, so that a poll more does not change the submits.
    """

    def __init__(self, rates: Rates, *, seed: int) -> None:
        self.rates = rates
        self._chance = {place: random.Random(f"{seed} {place}") for place in FaultSite}
        self._script: dict[FaultSite, deque[Fault | None]] = {place: deque() for place in FaultSite}

    def replace(self, rates: Rates) -> None:
        self.rates = rates

    def script(self, place: FaultSite, faults: Sequence[Fault | None]) -> None:
        """The next requests at this place get these, before chance is asked again."""
        self._script[place].extend(faults)

    def draw(self, place: FaultSite) -> Fault | None:
        if self._script[place]:
            return self._script[place].popleft()
        drawn = self._chance[place].random()
        for fault, rate in self.rates.get(place, {}).items():
            if drawn < rate:
                return fault
            drawn -= rate
        return None


def parse_rates(text: str) -> Rates:
    """`submit.drop_after=0.02,poll.503=0.1`. Raises BadSetting."""
    rates: dict[FaultSite, dict[Fault, float]] = {}
    for item in filter(None, (each.strip() for each in text.split(","))):
        name, _, rate = item.partition("=")
        place_name, _, fault_name = name.partition(".")
        place, fault = parse_fault(place_name, fault_name)
        rates.setdefault(place, {})[fault] = _rate(item, rate)
    for place, of_place in rates.items():
        if sum(of_place.values()) > 1:
            raise BadSetting("--faults", f"the probabilities at {place} are more than 1 together")
    return rates


def parse_fault(place_name: str, fault_name: str) -> tuple[FaultSite, Fault]:
    """Raises BadSetting."""
    try:
        place = FaultSite(place_name)
    except ValueError:
        places = ", ".join(FaultSite)
        raise BadSetting("--faults", f"{place_name!r} is none of {places}") from None
    allowed = FAULTS_AT[place]
    if fault_name not in allowed:
        names = ", ".join(sorted(allowed))
        raise BadSetting("--faults", f"{fault_name!r} at {place} is none of {names}")
    return place, Fault(fault_name)


def parse_script(
    place_name: str, fault_names: Sequence[str]
) -> tuple[FaultSite, list[Fault | None]]:
    """Raises BadSetting."""
    place = parse_fault(place_name, Fault.DELAY)[0]
    return place, [
        None if name == WELL else parse_fault(place_name, name)[1] for name in fault_names
    ]


def _rate(item: str, text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = -1.0
    if not 0 <= rate <= 1:
        raise BadSetting("--faults", f"{item!r} must be place.fault=probability, from 0 to 1")
    return rate
