"""Warm child programs that answer tasks, and are replaced when they die, hang or grow old."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import ExitStack, asynccontextmanager
from heapq import heappop, heappush
from typing import TypeVar, assert_never

import msgspec
import structlog
from msgspec.structs import asdict

from unstill.domain.engine import Report
from unstill.domain.errors import EngineDied, ShuttingDown, StorageFailed
from unstill.domain.owner import NOBODY, Owner
from unstill.domain.owner_turns import Slots
from unstill.media.child_process import Child, start
from unstill.media.errors import DiedAtWork, error_of
from unstill.media.events import ChildReady, Event, Progress, Task, TaskDone, TaskRefused
from unstill.system.machine import Confinement
from unstill.system.storage_errors import storage_trouble

log = structlog.get_logger()

T = TypeVar("T")

RECYCLE_AFTER = 200
START_WITHIN_S = 60.0

_event_decoder: msgspec.json.Decoder[Event] = msgspec.json.Decoder(Event)


class _Silent(TimeoutError):
    def __init__(self, silence_s: float) -> None:
        super().__init__()
        self.silence_s = silence_s


class Pool:
    """At most `size` children of one program, each started when it is first needed.

    program: a module for `python -m` that calls `unstill.media.child_main.serve`, and says there
        how many addresses it may have.
    recycle_after: tasks after which a child is replaced, so that a library's leak has an end; None
        where a start is too dear for that.
    start_within_s: until a child's first word, by when it has loaded what it needs.
    environment: variables of the child in each slot, from 0 on, besides those of the server that it
        may see: its device, say. A slot's next child is started once the last one is gone, with all
        that it held of a device.
    """

    def __init__(
        self,
        program: str,
        *,
        size: int,
        recycle_after: int | None = RECYCLE_AFTER,
        start_within_s: float = START_WITHIN_S,
        environment: Callable[[int], Mapping[str, str]] | None = None,
    ) -> None:
        self._program = program
        self._recycle_after = recycle_after
        self._start_within_s = start_within_s
        self._environment = environment or _no_more
        self._slots = Slots(size)
        self._empty = list(range(size))  # the slots without a child, a heap
        self._children: set[Child] = set()
        self._idle: list[Child] = []
        self._endings: set[asyncio.Task[None]] = set()
        self._is_closed = False
        self.confinement: Confinement | None = None  # its children have it, once one has started

    async def run(
        self,
        task: str,
        args: msgspec.Struct,
        result: type[T],
        *,
        report: Report | None = None,
        timeout_s: float | None = None,
        silence_s: float | None = None,
        owner: Owner = NOBODY,
    ) -> T:
        """Give the task to the next free child and wait for its answer.

        timeout_s counts from when a child has the task, silence_s from each of its words: a child
        that says nothing for so long has stopped. Owners that wait for a child take turns.
        Cancelling ends that child within a second and disturbs no other task.
        Raises the child's own refusal (BadImage, BadVideo or TaskFailed), EngineDied if it ended
        without a last word, was too slow or spoke nonsense (DiedAtWork if it had the task by then),
        StorageFull or StorageFailed where it could not store, or none could be started for now,
        ShuttingDown once the pool is closed.
        """
        line = msgspec.json.encode(Task(task=task, args=msgspec.Raw(msgspec.json.encode(args))))
        async with self._slots.taken(owner):
            child = await self._take()
            async with self._watched(child, task, timeout_s, DiedAtWork):
                child.write(line)
                answer = await _last_word(child, result, report or _unheard, silence_s)
            self._keep(child)
        if isinstance(answer, TaskRefused):
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
            heappush(self._empty, child.slot)
        self._refuse_if_closed()
        child = await self._started(await self._empty_slot())
        async with self._watched(child, "start", self._start_within_s, EngineDied):
            self._refuse_if_closed()  # it may have been closed while the process was made
            ready = await _event(child)
            if not isinstance(ready, ChildReady):
                raise msgspec.DecodeError("it did not begin with ready")
        self._note(ready.confinement)
        return child

    async def _empty_slot(self) -> int:
        """A slot that nobody else has; where all had a child, one of these is being ended."""
        while not self._empty:
            await asyncio.wait(self._endings, return_when=asyncio.FIRST_COMPLETED)
        return heappop(self._empty)

    async def _started(self, slot: int) -> Child:
        with ExitStack() as undo:
            undo.callback(heappush, self._empty, slot)
            try:
                child = await start(self._program, self._environment(slot), slot)
            except FileNotFoundError as error:  # the interpreter itself
                raise EngineDied(self._program, str(error)) from error
            except OSError as error:  # for want of files, processes or memory: uvloop hides which
                why = "the server could not start a child program, for want of files or processes"
                raise storage_trouble(error) or StorageFailed(why) from error
            undo.pop_all()
        self._children.add(child)
        return child

    def _note(self, confinement: Confinement) -> None:
        """Keep how the children are confined, and say once where they are less than they might."""
        is_less = not (confinement.no_new_privileges and confinement.no_network)
        if is_less and confinement != self.confinement:
            log.info("children_less_confined", program=self._program, **asdict(confinement))
        self.confinement = confinement

    def _keep(self, child: Child) -> None:
        child.tasks_done += 1
        is_old = self._recycle_after is not None and child.tasks_done >= self._recycle_after
        if self._is_closed or is_old:
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
                case _Silent(silence_s=silence_s):
                    how = f"stopped, it said nothing for {silence_s:g} s"
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
        ending = asyncio.create_task(child.end())
        self._endings.add(ending)
        ending.add_done_callback(self._endings.discard)
        if child in self._children:  # else it is being ended already
            self._children.discard(child)
            ending.add_done_callback(lambda _: heappush(self._empty, child.slot))
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


async def _event_within(child: Child, silence_s: float | None) -> Event:
    try:
        async with asyncio.timeout(silence_s) as silence:
            return await _event(child)
    except TimeoutError as error:
        if silence_s is None or not silence.expired():
            raise
        raise _Silent(silence_s) from error


async def _last_word(
    child: Child, result: type[T], report: Report, silence_s: float | None
) -> T | TaskRefused:
    while True:
        match await _event_within(child, silence_s):
            case Progress(fraction=fraction):
                report(fraction)
            case TaskDone(result=value):
                return msgspec.json.decode(value, type=result)
            case TaskRefused() as failed:
                return failed
            case ChildReady():
                raise msgspec.DecodeError("ready in the middle of a task")
            case other:
                assert_never(other)


def _no_more(slot: int) -> Mapping[str, str]:
    """Children that are alike."""
    del slot
    return {}


def _unheard(fraction: float) -> None:
    """A task's progress that nobody asked for."""
    del fraction
