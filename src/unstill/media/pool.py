"""Warm child programs that answer tasks, and are replaced when they die, hang or grow old."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TypeVar, assert_never

import msgspec

from unstill.errors import EngineDied, ShuttingDown
from unstill.media.errors import DiedAtWork, error_of
from unstill.media.events import Done, Event, Failed, Progress, Ready, Report, Task
from unstill.media.process import Child, start

T = TypeVar("T")

_event_decoder: msgspec.json.Decoder[Event] = msgspec.json.Decoder(Event)


class Pool:
    """At most `size` children of one program, each started when it is first needed.

    program: a module for `python -m` that calls `unstill.media.child.serve`.
    recycle_after: tasks after which a child is replaced, so that a library's leak has an end.
    environment: variables for the children on top of the server's own.
    """

    def __init__(
        self,
        program: str,
        *,
        size: int,
        recycle_after: int = 200,
        start_timeout_s: float = 60.0,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._program = program
        self._recycle_after = recycle_after
        self._start_timeout_s = start_timeout_s
        self._environment = dict(environment or {})
        self._turns = asyncio.Semaphore(size)  # first come, first served
        self._children: set[Child] = set()
        self._idle: list[Child] = []
        self._endings: set[asyncio.Task[None]] = set()
        self._is_closed = False

    async def run(
        self,
        task: str,
        args: msgspec.Struct,
        result: type[T],
        *,
        report: Report | None = None,
        timeout_s: float | None = None,
    ) -> T:
        """Give the task to the next free child and wait for its answer.

        timeout_s counts from when a child has the task. Cancelling ends that child within a
        second and disturbs no other task.
        Raises the child's own refusal (BadImage, BadVideo or TaskFailed), EngineDied if it ended
        without a last word, was too slow or spoke nonsense (DiedAtWork if it had the task by then),
        ShuttingDown once the pool is closed.
        """
        line = msgspec.json.encode(Task(task=task, args=msgspec.Raw(msgspec.json.encode(args))))
        async with self._turns:
            child = await self._take()
            async with self._watched(child, task, timeout_s, DiedAtWork):
                child.write(line)
                answer = await _last_word(child, result, report or _unheard)
            self._keep(child)
        if isinstance(answer, Failed):
            raise error_of(answer)
        return answer

    async def close(self) -> None:
        """End all children, also those at work."""
        self._is_closed = True
        await asyncio.gather(
            *[self._begin_end(child) for child in list(self._children)], *self._endings
        )

    async def _take(self) -> Child:
        """A warm child, or a new one; it belongs to the caller until it is kept or ended."""
        while self._idle:
            child = self._idle.pop()
            if not child.is_gone:
                return child
            self._children.discard(child)
        self._refuse_if_closed()
        child = await start(self._program, self._environment)
        self._children.add(child)
        async with self._watched(child, "start", self._start_timeout_s, EngineDied):
            self._refuse_if_closed()  # it may have been closed while the process was made
            if not isinstance(await _event(child), Ready):
                raise msgspec.DecodeError("it did not begin with ready")
        return child

    def _keep(self, child: Child) -> None:
        child.tasks_done += 1
        if self._is_closed or child.tasks_done >= self._recycle_after:
            self._begin_end(child)
        else:
            self._idle.append(child)

    @asynccontextmanager
    async def _watched(
        self, child: Child, what: str, timeout_s: float | None, death: type[EngineDied]
    ) -> AsyncIterator[None]:
        """End the child if anything at all goes wrong inside, and say its death by name."""
        try:
            async with asyncio.timeout(timeout_s):
                yield
        except (TimeoutError, EOFError, msgspec.DecodeError) as trouble:
            await asyncio.shield(self._begin_end(child))
            self._refuse_if_closed()
            match trouble:
                case TimeoutError():
                    how = f"stopped after {timeout_s:g} s"
                case EOFError():
                    how = child.how_it_ended
                case _:
                    how = f"stopped, it spoke nonsense: {trouble}"
            raise death(f"{self._program} {what} ({how})", child.last_words) from trouble
        except BaseException:
            await asyncio.shield(self._begin_end(child))
            raise

    def _begin_end(self, child: Child) -> asyncio.Task[None]:
        """A task of the pool's own: whoever waits for it may be cancelled again meanwhile."""
        self._children.discard(child)
        ending = asyncio.create_task(child.end())
        self._endings.add(ending)
        ending.add_done_callback(self._endings.discard)
        return ending

    def _refuse_if_closed(self) -> None:
        if self._is_closed:
            raise ShuttingDown(f"{self._program} is shut down")


async def _event(child: Child) -> Event:
    """The child's next event; EOFError if it is gone, msgspec.DecodeError if it is none."""
    line = await child.line()
    if line is None:
        raise EOFError
    return _event_decoder.decode(line)


async def _last_word(child: Child, result: type[T], report: Report) -> T | Failed:
    while True:
        match await _event(child):
            case Progress(fraction=fraction):
                report(fraction)
            case Done(result=value):
                return msgspec.json.decode(value, type=result)
            case Failed() as failed:
                return failed
            case Ready():
                raise msgspec.DecodeError("ready in the middle of a task")
            case other:
                assert_never(other)


def _unheard(fraction: float) -> None:
    """A task's progress that nobody asked for."""
    del fraction
