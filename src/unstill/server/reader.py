"""The child program that reads large bodies: `python -m unstill.server.reader`.

What C does with a text of megabytes at one go would stop every thread of the server for as long.
"""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from unstill.domain.engine import Report
from unstill.domain.errors import BadBody
from unstill.media.child_main import serve
from unstill.server.body_pictures import File, unpacked
from unstill.server.content_types import value_of
from unstill.server.large_body import MOST_REST_BYTES, LargeBody, PictureAt, Unpacked
from unstill.system.machine import give_back_memory

# Whoever polls goes first: they wait for the same cores.
NICENESS = 5


def read(body: LargeBody, _report: Report) -> Unpacked:
    answer = _read(body)
    give_back_memory()
    return answer


def _read(body: LargeBody) -> Unpacked:
    path = Path(body.path)
    rest, files = unpacked(value_of(path.read_bytes(), body.content_type))
    encoded = msgspec.json.encode(rest)
    if len(encoded) > MOST_REST_BYTES:
        raise BadBody(
            f"the request body has {len(encoded)} bytes beside its pictures, at most"
            f" {MOST_REST_BYTES}"
        )
    return Unpacked(msgspec.Raw(encoded), _added(path, files))


def _added(path: Path, files: list[File]) -> tuple[PictureAt, ...]:
    """Behind the body, in its file: one for each picture would be thousands of some."""
    pictures = []
    with path.open("ab") as out:
        for steps, data in files:
            pictures.append(PictureAt(steps, out.tell(), len(data)))
            out.write(data)
    return tuple(pictures)


if __name__ == "__main__":
    os.nice(NICENESS)
    serve({"read": read})
