"""Where the lines of a server go: its log to stderr, and the first line of stdout."""

from __future__ import annotations

import io
import logging
import sys
from contextlib import suppress
from typing import TextIO, cast

import structlog

from unstill.settings.reader import Settings
from unstill.system.log_context import add_job


def say(line: str) -> None:
    """The first line of stdout, alone and plain: programs that start a server read it."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def log_to_stderr(settings: Settings) -> None:
    # What its pools meet is told by who asks for a connection, in a line of ours.
    logging.getLogger("asyncpg").setLevel(logging.CRITICAL)
    renderer: structlog.typing.Processor = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    if settings.server.log_format == "json":
        renderer = structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[
            add_job,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.format_exc_info,
            renderer,
        ],
        # A line is one write: whatever thread it comes from, another's does not begin within it.
        logger_factory=structlog.WriteLoggerFactory(cast("TextIO", Forgiving(sys.stderr))),
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        cache_logger_on_first_use=True,
    )


class Forgiving(io.TextIOBase):
    """A stream for the log: a line that finds no room or no reader is lost, and no job with it."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        with suppress(OSError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError):
            self._stream.flush()
