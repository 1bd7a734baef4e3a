"""Warm child programs that answer tasks, and are replaced when they die, hang or grow old."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import ExitStack, asynccontextmanager
from heapq import heappop, heappush
from itertools import count
from typing import TypeVar, assert_never

import msgspec
import structlog
from msgspec.structs import asdict

from unstill.domain.engine import Report
from unstill.domain.errors import EngineDied, ShuttingDown, StorageFailed
from unstill.domain.owner import NOBODY, Owner
from unstill.domain.owner_turns import Slots, WeightOf, equal_weight
from unstill.media.child_process import Child, start
from unstill.media.errors import DiedAtWork, error_of
from unstill.media.events import (
    ChildNote,
    ChildReady,
    Event,
    LastWord,
    Progress,
    Stop,
    Task,
    TaskDone,
    TaskLeft,
    TaskRefused,
)
from unstill.system.machine import Confinement
from unstill.system.storage_errors import storage_trouble
from unstill.system.tracing import open_span

log = structlog.get_logger()

T = TypeVar("T")

# Seconds, for all children or by slot; None: as long as one likes.
Silence = float | Callable[[int], float] | None

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
    stop_within_s: a task that is cancelled is stopped, and its child stays warm where it has said
        its last word of it by then; None: the child is ended at once. Until then the caller waits.
    idle_end_s: a child that has had no task for so long is ended, with all that it holds; 0: never.
    noted: told of each note of a child, with its slot, once the log has it.
    engine: whose children they are, for the log; empty: of no engine that there may be several of.
    """

    def __init__(
        self,
        program: str,
        *,
        size: int,
        recycle_after: int | None = RECYCLE_AFTER,
        start_within_s: float = START_WITHIN_S,
        environment: Callable[[int], Mapping[str, str]] | None = None,
        stop_within_s: float | None = None,
        idle_end_s: float = 0,
        noted: Callable[[int, ChildNote], None] | None = None,
        engine: str = "",
        weight_of: WeightOf = equal_weight,
    ) -> None:
        self.program = program
        self.started = 0
        self.died = 0  # without a last word, or ended for their silence or nonsense
        self._in_log = {"program": program} | ({"engine": engine} if engine else {})
        self._facts = {f"unstill.{name}": told for name, told in self._in_log.items()}
        self._recycle_after = recycle_after
        self._start_within_s = start_within_s
        self._environment = environment or _no_more
        self._stop_within_s = stop_within_s
        self._idle_end_s = idle_end_s
        self._noted = noted or _unnoted
        self._numbers = count(1)
        self._slots = Slots(size, weight_of=weight_of)
        self._empty = list(range(size))  # the slots without a child, a heap
        self._children: set[Child] = set()
        # Those without a task, the one that had the last one last, and what ends each for that.
        self._idle: dict[Child, asyncio.TimerHandle | None] = {}
        # Children on their way out of a task or out of the pool, whoever waits for that.
        self._partings: set[asyncio.Task[None]] = set()
        self._is_closed = False
        self.confinement: Confinement | None = None  # its children have it, once one has started

    @property
    def alive(self) -> int:
        """How many children there are now, at work or not."""
        return sum(not child.is_gone for child in self._children)

    async def run(
        self,
        task: str,
        args: msgspec.Struct,
        result: type[T],
        *,
        report: Report | None = None,
        timeout_s: float | None = None,
        silence_s: Silence = None,
        owner: Owner = NOBODY,
    ) -> T:
        """Give the task to the next free child and wait for its answer.

        timeout_s counts from when a child has the task, silence_s from each of its words: a child
        that says nothing for so long has stopped; by slot, it is asked for at each word. Owners
        that wait for a child take turns.
        Cancelling ends that child within a second, or a second after `stop_within_s` if it has not
        heard by then, and disturbs no other task.
        Raises the child's own refusal (BadImage, BadVideo or TaskFailed), EngineDied if it ended
        without a last word, was too slow or spoke nonsense (DiedAtWork if it had the task by then),
        StorageFull or StorageFailed where it could not store, or none could be started for now,
        ShuttingDown once the pool is closed.
        """
        number = next(self._numbers)
        raw_args = msgspec.Raw(msgspec.json.encode(args))
        line = msgspec.json.encode(Task(task=task, args=raw_args, number=number))
        async with self._slots.taken(owner):
            child = await self._take()
            with open_span().part(f"child {task}", self._facts):
                async with self._watched(child, task, timeout_s, DiedAtWork, number=number):
                    child.give(line)
                    last_word = await self._last_word(child, report or _unheard, silence_s)
                    answer = _answer(last_word, result)
            self._keep(child)
        if isinstance(answer, TaskRefused):
            raise error_of(answer)
        return answer

    async def close(self) -> None:
        """End all children, also those at work."""
        self._is_closed = True
        for child in list(self._children):
            self._begin_end(child)
        while self._partings:
            await asyncio.wait(self._partings)

    async def _take(self) -> Child:
        """A warm child, or a new one; it belongs to the caller until it is kept or ended."""
        while (child := self._warm()) is None and not self._empty:
            # All slots have a child, and one of these is being ended or is leaving its task.
            await asyncio.wait(self._partings, return_when=asyncio.FIRST_COMPLETED)
        return child or await self._new()

    def _warm(self) -> Child | None:
        while self._idle:
            child, timer = self._idle.popitem()
            if timer is not None:
                timer.cancel()
            if not child.is_gone:
                return child
            self.died += 1
            self._children.discard(child)
            heappush(self._empty, child.slot)
        return None

    async def _new(self) -> Child:
        """Started in an empty slot, and ready."""
        self._refuse_if_closed()
        child = await self._started(heappop(self._empty))
        async with self._watched(child, "start", self._start_within_s, EngineDied):
            self._refuse_if_closed()  # it may have been closed while the process was made
            ready = await _event(child)
            if not isinstance(ready, ChildReady):
                raise msgspec.DecodeError("it did not begin with ready")
        self._note_confinement(ready.confinement)
        return child

    async def _started(self, slot: int) -> Child:
        with ExitStack() as undo:
            undo.callback(heappush, self._empty, slot)
            try:
                child = await start(self.program, self._environment(slot), slot)
            except FileNotFoundError as error:  # the interpreter itself
                raise EngineDied(self.program, str(error)) from error
            except OSError as error:  # for want of files, processes or memory: uvloop hides which
                why = "the server could not start a child program, for want of files or processes"
                raise storage_trouble(error) or StorageFailed(why) from error
            undo.pop_all()
        self._children.add(child)
        self.started += 1
        return child

    def _note_confinement(self, confinement: Confinement) -> None:
        """Keep how the children are confined, and say once where they are less than they might."""
        is_less = not (confinement.no_new_privileges and confinement.no_network)
        if is_less and confinement != self.confinement:
            log.info("children_less_confined", **self._in_log, **asdict(confinement))
        self.confinement = confinement

    def _keep(self, child: Child) -> None:
        child.tasks_done += 1
        is_old = self._recycle_after is not None and child.tasks_done >= self._recycle_after
        if self._is_closed or is_old:
            self._begin_end(child)
            return
        timer = None
        if self._idle_end_s:
            loop = asyncio.get_running_loop()
            timer = loop.call_later(self._idle_end_s, self._begin_end, child)
        self._idle[child] = timer

    async def _last_word(self, child: Child, report: Report, silence_s: Silence = None) -> LastWord:
        while True:
            match await _event_within(child, silence_s):
                case Progress(fraction=fraction):
                    report(fraction)
                case ChildNote() as note:
                    log.info(note.name, **self._in_log, slot=child.slot, **note.fields)
                    self._noted(child.slot, note)
                case TaskDone() | TaskRefused() | TaskLeft() as last_word:
                    return last_word
                case ChildReady():
                    raise msgspec.DecodeError("ready in the middle of a task")
                case other:
                    assert_never(other)

    @asynccontextmanager
    async def _watched(
        self,
        child: Child,
        what: str,
        timeout_s: float | None,
        death: type[EngineDied],
        *,
        number: int | None = None,
    ) -> AsyncIterator[None]:
        """End the child if anything at all goes wrong inside, and say its death by name.

        A cancelled task is stopped instead, where it has a number and the pool does so.
        """
        try:
            async with asyncio.timeout(timeout_s):
                yield
        except (TimeoutError, EOFError, msgspec.DecodeError) as trouble:
            await asyncio.shield(self._begin_end(child))
            self._refuse_if_closed()
            self.died += 1
            match trouble:
                case _Silent(silence_s=silence_s):
                    how = f"stopped, it said nothing for {silence_s:g} s"
                case TimeoutError():
                    how = f"stopped after {timeout_s:g} s"
                case EOFError():
                    how = child.how_it_ended
                case _:
                    how = f"stopped, it spoke nonsense: {trouble}"
            raise death(f"{self.program} {what} ({how})", child.last_words) from trouble
        except asyncio.CancelledError:
            await asyncio.shield(self._begin_stop(child, number))
            raise
        except BaseException:
            await asyncio.shield(self._begin_end(child))
            raise

    def _begin_end(self, child: Child) -> asyncio.Task[None]:
        """Also of one that is idle: nobody gets it any more."""
        timer = self._idle.pop(child, None)
        if timer is not None:
            timer.cancel()
        ending = self._parting(child.end())
        if child in self._children:  # else it is being ended already
            self._children.discard(child)
            ending.add_done_callback(lambda _: heappush(self._empty, child.slot))
        return ending

    def _begin_stop(self, child: Child, number: int | None) -> asyncio.Task[None]:
        """Have it leave the task of this number; None: it has none, and is ended."""
        if number is None or self._stop_within_s is None or self._is_closed:
            return self._begin_end(child)
        child.write(msgspec.json.encode(Stop(number)))
        return self._parting(self._stopped(child, self._stop_within_s))

    async def _stopped(self, child: Child, within_s: float) -> None:
        """Keep the child if it says its last word in time, whichever that is, else end it."""
        try:
            async with asyncio.timeout(within_s):
                await self._last_word(child, _unheard)
        except (TimeoutError, EOFError, msgspec.DecodeError) as trouble:
            why = f"it did not leave its task within {within_s:g} s"
            if not isinstance(trouble, TimeoutError):
                why = "it ended or spoke nonsense as it was to leave its task"
            if not self._is_closed:
                self.died += 1
                log.warning(
                    "warm_child_lost",
                    **self._in_log,
                    slot=child.slot,
                    why=why,
                    last_words=child.last_words,
                )
            await self._begin_end(child)
        except BaseException:
            self._begin_end(child)
            raise
        else:
            self._keep(child)

    def _parting(self, steps: Coroutine[None, None, None]) -> asyncio.Task[None]:
        """A task of the pool's own: whoever waits for it may be cancelled meanwhile."""
        parting = asyncio.create_task(steps)
        self._partings.add(parting)
        parting.add_done_callback(self._partings.discard)
        return parting

    def _refuse_if_closed(self) -> None:
        if self._is_closed:
            raise ShuttingDown(f"{self.program} is shut down")


async def _event(child: Child) -> Event:
    """The child's next event; EOFError if it is gone, msgspec.DecodeError if it is none."""
    line = await child.line()
    if line is None:
        raise EOFError
    return _read(_event_decoder, line)


async def _event_within(child: Child, silence: Silence) -> Event:
    silence_s = silence(child.slot) if callable(silence) else silence
    try:
        async with asyncio.timeout(silence_s) as limit:
            return await _event(child)
    except TimeoutError as error:
        if silence_s is None or not limit.expired():
            raise
        raise _Silent(silence_s) from error


def _answer(last_word: LastWord, result: type[T]) -> T | TaskRefused:
    """Raises msgspec.DecodeError where that was none."""
    match last_word:
        case TaskDone(result=value):
            return _read(msgspec.json.Decoder(result), value)
        case TaskRefused():
            return last_word
        case TaskLeft():
            raise msgspec.DecodeError("it left a task that nobody had stopped")
        case other:
            assert_never(other)


def _read(decoder: msgspec.json.Decoder[T], text: bytes | msgspec.Raw) -> T:
    """Raises msgspec.DecodeError, whatever is wrong: a decoder's hole may speak through a child."""
    try:
        return decoder.decode(text)
    except (UnicodeDecodeError, RecursionError) as error:
        raise msgspec.DecodeError(str(error)) from error


def _no_more(slot: int) -> Mapping[str, str]:
    """Children that are alike."""
    del slot
    return {}


def _unheard(fraction: float) -> None:
    """A task's progress that nobody asked for."""
    del fraction


def _unnoted(slot: int, note: ChildNote) -> None:
    """A note for the log alone."""
    del slot, note
