"""An emulator as a process: what it answers with is loaded when it begins."""

from __future__ import annotations

from collections.abc import Callable

from unstill.domain.errors import BadSetting
from unstill.emulators import KINDS, KINDS_IN_MEMORY, Options


def serve(kind: str, options: Options, ready: Callable[[str], None] = lambda _: None) -> None:
    """Answer until SIGINT or SIGTERM; `ready` is told the address once calls are answered.

    Raises BadSetting.
    """
    if kind not in KINDS:
        raise BadSetting("emulate", f"must be one of {', '.join(KINDS)}, got {kind}")
    if options.state is not None and kind in KINDS_IN_MEMORY:
        raise BadSetting("--state", f"{kind} keeps its jobs in memory, a restart loses them")
    from unstill.emulators.lifecycle import run  # noqa: PLC0415  - loads a video encoder

    run(kind, options, ready)
