"""The port that each emulated upstream fills: its endpoints, and its words for a refusal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from unstill.emulators.faults import FaultSite
from unstill.emulators.wire import Answer, Ask, Endpoint, Refusal


class EmulatedUpstream(Protocol):
    wants_key: bool  # whether a call without any key is refused, when no key is configured
    takes_bare_key: bool  # Authorization without its scheme
    key_scheme: str  # the word before a key

    @property
    def endpoints(self) -> Sequence[Endpoint]: ...

    def render(self, refusal: Refusal, ask: Ask) -> Answer:
        """The refusal in the upstream's envelope."""

    def bad_key(self, *, is_missing: bool) -> Refusal: ...

    def injected(self, status: int, place: FaultSite) -> Refusal:
        """What the upstream says with this status when the trouble is its own."""

    def no_route(self, ask: Ask) -> Refusal: ...
