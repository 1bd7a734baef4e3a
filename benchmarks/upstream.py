"""An emulated upstream with all its options, as a program: `python -m benchmarks.upstream`."""

from __future__ import annotations

import sys

import msgspec

from unstill.emulators import Options
from unstill.emulators.process import serve


def arguments(kind: str, options: Options) -> tuple[str, ...]:
    """What follows `python -m`."""
    return ("benchmarks.upstream", kind, msgspec.json.encode(options).decode())


def main() -> None:
    options = msgspec.json.decode(sys.argv[2], type=Options)
    serve(sys.argv[1], options, lambda url: print(f"ready at {url}", flush=True))


if __name__ == "__main__":
    main()
