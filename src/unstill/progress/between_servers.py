"""What servers of one job store tell each other of jobs: how far these are, and what holds them up.

It is told a moment later, of each subject the latest only, and some of it may be lost: whoever
hears nothing shows what it heard before. A server without others tells and hears nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import islice
from secrets import token_hex

import msgspec

from unstill.progress.board import Board
from unstill.progress.stalls import StallNews, Stalls
from unstill.store.ports.signals import MOST_CHARS, Signals

PROGRESS, STALLS = "progress", "stalls"
WITHIN_S = 0.5
MOST_AT_ONCE = 500  # subjects; of more, the others are told with the next
MESSAGE_CHARS = 250  # no more is told of a stall's own
MOST_LINE = MOST_CHARS - 9  # beside who tells it


class Subjects:
    """Tells the latest line about each subject, several together, and hears those of others."""

    def __init__(self, signals: Signals, topic: str, heard: Callable[[str], None]) -> None:
        self._signals = signals
        self._topic = topic
        self._heard = heard
        self._server = token_hex(4)  # all hear it too, and this one knows it already
        self._lines: dict[str, str] = {}  # by subject
        self._timer: asyncio.TimerHandle | None = None
        signals.hear(topic, self._hear)

    def put(self, subject: str, line: str) -> None:
        """Tell it soon, in place of what was to be told of the subject."""
        self._lines[subject] = line
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(WITHIN_S, self._tell)

    def _tell(self) -> None:
        self._timer = None
        message = self._server
        for subject in list(islice(self._lines, MOST_AT_ONCE)):
            line = self._lines.pop(subject)
            if len(message) + 1 + len(line) > MOST_CHARS:
                self._signals.tell(self._topic, message)
                message = self._server
            message += f"\n{line}"
        self._signals.tell(self._topic, message)
        if self._lines:
            self._timer = asyncio.get_running_loop().call_later(WITHIN_S, self._tell)

    def _hear(self, message: str) -> None:
        server, *lines = message.split("\n")
        if server != self._server:
            for line in lines:
                self._heard(line)


class SharedProgress:
    """Each whole percent of a job, at most twice a second."""

    def __init__(self, board: Board, signals: Signals) -> None:
        self._board = board
        self._jobs = Subjects(signals, PROGRESS, self._heard)
        board.share_by(self._told)

    def _told(self, job_id: str, fraction: float) -> None:
        self._jobs.put(job_id, f"{job_id} {fraction:.4f}")

    def _heard(self, line: str) -> None:
        job_id, _, fraction = line.partition(" ")
        self._board.hear(job_id, float(fraction))


class SharedStalls:
    """What holds up an engine or a job, once a minute while it lasts, and that it does no more."""

    def __init__(self, stalls: Stalls, signals: Signals) -> None:
        self._stalls = stalls
        self._held_up = Subjects(signals, STALLS, self._heard)
        self._decoder = msgspec.json.Decoder(StallNews)
        stalls.share_by(self._told)

    def _told(self, news: StallNews) -> None:
        short = msgspec.structs.replace(news, message=news.message[:MESSAGE_CHARS])
        line = msgspec.json.encode(short).decode()
        if len(line) > MOST_LINE:  # quotes and signs are written as several
            line = msgspec.json.encode(msgspec.structs.replace(news, message="")).decode()
        self._held_up.put(f"{news.subject} {news.place}", line)

    def _heard(self, line: str) -> None:
        self._stalls.hear(self._decoder.decode(line))
