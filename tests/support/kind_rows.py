"""What the contract of engines and the tests of emulators have to know of each kind of upstream."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, NamedTuple

import httpx2
import msgspec

from support.emulator_process import Emulator
from support.servers import PHOTOS
from unstill.domain.request import VideoRequest

PICTURE = "https://example.com/cat.png"
CHELSEA = (PHOTOS / "chelsea.jpg").read_bytes()
CHELSEA_URL = f"data:image/jpeg;base64,{b64encode(CHELSEA).decode()}"
Submit = Callable[[Emulator, str], httpx2.Response]


class Row(msgspec.Struct, frozen=True):
    """What the contract has to know of a kind."""

    asked: VideoRequest  # that its upstream can serve
    base: str = "/v1"  # where its API begins
    has_links: bool = True  # else it serves the video under the job's own address
    cancels: bool = False  # what has not begun
    asks_together: bool = False  # for many tickets by one call
    takes_any_model: bool = False  # it serves whatever weights the operator gave it
    looks_at_frames: bool = True  # when it is given them; else when it renders
    own: Mapping[str, Any] = {}  # settings of its table without which it cannot be tried


class ByHand(NamedTuple):
    """How a kind is called without an engine, and where its answers have what."""

    submit: Submit
    done: str  # the word for it
    poll: str = "/v1/videos/{id}"
    id_at: str = "id"
    word_at: str = "status"
    failed: str = "failed"  # the word for that
    link_at: str = ""  # in an answer; empty: the file is at `content`
    result: str = ""  # which answer has the link; empty: that to a poll
    poll_task: str = ""  # by a body with a task of this type, and not by an address
    content: str = "/v1/videos/{id}/content"  # the file, where no answer has a link
    is_signed: bool = True  # the link that an answer has needs no key
    # The word, with a 200, for a task that is not known; "": it has none. None: a 404.
    lost_word: str | None = None


def of_kind(kind: str) -> tuple[Row, ByHand]:
    """What its file in `support/kinds` says."""
    known = import_module(f"support.kinds.{kind.replace('-', '_')}")
    return known.ROW, known.BY_HAND
