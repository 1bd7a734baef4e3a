"""A program that is an emulator: `python emulating.py KIND OPTIONS`, the options as JSON."""

from __future__ import annotations

import sys

import msgspec

from unstill.emulators import Options
from unstill.emulators.process import serve

if __name__ == "__main__":
    options = msgspec.json.decode(sys.argv[2], type=Options)
    serve(sys.argv[1], options, lambda url: print(url, flush=True))  # noqa: T201
