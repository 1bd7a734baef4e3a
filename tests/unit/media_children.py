"""A child program for the pool's tests: tasks that answer, print, hang, lie and die."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Never

import msgspec

from unstill.domain.engine import Report
from unstill.domain.errors import BadImage, Overloaded
from unstill.media.child_main import Reports, TaskStopped, serve
from unstill.media.errors import BadVideo


class Words(msgspec.Struct, frozen=True):
    text: str = ""
    number: int = 0


def echo(words: Words, _report: Report) -> Words:
    return words


def process_id(_words: Words, _report: Report) -> int:
    return os.getpid()


def device(_words: Words, _report: Report) -> str:
    return os.environ["DEVICE"]


def note_device(words: Words, report: Report) -> None:
    """Write the own device to the file `text`, then sleep `number` seconds."""
    note = Path(words.text)
    note.with_suffix(".new").write_text(os.environ["DEVICE"])
    note.with_suffix(".new").rename(note)
    rest(words, report)


def hold_device(words: Words, _report: Report) -> bool:
    """Whether nobody else holds the file `text`; it is held until this process is gone."""
    held = os.open(words.text, os.O_CREAT | os.O_RDWR)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # its end takes a while
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def count(words: Words, report: Report) -> int:
    for step in range(words.number):
        report((step + 1) / words.number)
    return words.number


def swell(words: Words, _report: Report) -> str:
    return "x" * words.number


def chat(words: Words, _report: Report) -> int:
    print(words.text)  # noqa: T201  - printing is what it is for
    os.write(1, words.text.encode() + b"\n")
    os.write(2, b"e" * words.number)
    return len(words.text)


def read_stdin(_words: Words, _report: Report) -> str:
    return sys.stdin.read()


def fail_disk(words: Words, _report: Report) -> Never:
    """A file that cannot be written, for the reason of this number."""
    raise OSError(words.number, os.strerror(words.number), "/var/lib/somewhere/video-1.part")


def tick(words: Words, report: Report) -> int:
    """Say something every 50 ms, so many times."""
    for step in range(words.number):
        report((step + 1) / words.number)
        time.sleep(0.05)
    return words.number


def rest(words: Words, _report: Report) -> None:
    time.sleep(words.number)


def note_and_sleep(words: Words, report: Report) -> None:
    """Write the own process id to the file `text`, then sleep `number` seconds."""
    note = Path(words.text)
    note.with_suffix(".new").write_text(str(os.getpid()))
    note.with_suffix(".new").rename(note)
    rest(words, report)


def sleep_deaf(words: Words, report: Report) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    note_and_sleep(words, report)


def tick_for_ever(words: Words, report: Reports) -> Never:
    """Write the own process id to the file `text`, then say something every 10 ms."""
    note_and_sleep(Words(text=words.text), report)
    while True:
        report(0.5)
        time.sleep(0.01)


def tick_slowly(words: Words, report: Reports) -> Never:
    """Write the own process id to the file `text`, then say something every two seconds."""
    while True:
        note_and_sleep(Words(text=words.text, number=2), report)
        report(0.5)


def _until_stopped(words: Words, report: Reports) -> None:
    with suppress(TaskStopped):
        tick_for_ever(words, report)


def finish_when_stopped(words: Words, report: Reports) -> int:
    _until_stopped(words, report)
    return 1


def refuse_when_stopped(words: Words, report: Reports) -> Never:
    _until_stopped(words, report)
    raise BadVideo("half of it")


def crash_when_stopped(words: Words, report: Reports) -> Never:
    _until_stopped(words, report)
    raise ZeroDivisionError


def note_when_stopped(words: Words, report: Reports) -> Never:
    _until_stopped(words, report)
    report.note("hooks_taken_off", hooks=2)
    raise TaskStopped


def stop_by_itself(_words: Words, _report: Reports) -> Never:
    raise TaskStopped


def nap(words: Words, _report: Reports) -> int:
    """Say nothing for so many milliseconds."""
    time.sleep(words.number / 1000)
    return os.getpid()


def mumble(words: Words, report: Reports) -> int:
    """Note something every 50 ms, so many times."""
    for step in range(words.number):
        report.note("step_made", step=step)
        time.sleep(0.05)
    return words.number


def note_well(words: Words, report: Reports) -> None:
    report.note("weights_loaded", memory=words.text, tensors=words.number, took_s=0.5, is_cold=True)


def note_badly(words: Words, report: Reports) -> None:
    """By a name that no line of the log has."""
    report.note(words.text)


def say(words: Words, report: Any) -> None:
    """Whatever a program may write to its events, a byte for each character."""
    report._events.write(words.text.encode("latin-1") + b"\n")


def crash(words: Words, _report: Report) -> Never:
    raise ZeroDivisionError(words.text)


def die(words: Words, _report: Report) -> Never:
    os.kill(os.getpid(), words.number)
    raise AssertionError("still alive")


def leave_a_process(words: Words, _report: Report) -> Never:
    """Start a process that holds this one's stderr, note its id, and crash."""
    left = subprocess.Popen(["sleep", "60"])
    Path(words.text).write_text(str(left.pid))
    os._exit(3)


def finish_and_die(words: Words, _report: Report) -> msgspec.Raw:
    """Say the last word in the very moment of dying."""
    signal.setitimer(signal.ITIMER_REAL, 0.000_1 * words.number)
    return msgspec.Raw(b"1")


def refuse_image(words: Words, _report: Report) -> Never:
    raise BadImage("img_url", words.text)


def refuse_video(words: Words, _report: Report) -> Never:
    raise BadVideo(words.text)


def refuse(words: Words, _report: Report) -> Never:
    raise Overloaded(words.text)


def lie(_words: Words, _report: Report) -> msgspec.Raw:
    return msgspec.Raw(b"{not json")


def allocate(words: Words, _report: Report) -> int:
    return len(bytearray(words.number))


if __name__ == "__main__":
    time.sleep(float(os.environ.get("MEDIA_CHILDREN_LOAD_S", "0")))
    serve(
        {
            function.__name__: function
            for function in (
                *(
                    echo,
                    process_id,
                    device,
                    note_device,
                    hold_device,
                    count,
                    swell,
                    chat,
                    read_stdin,
                    rest,
                    note_and_sleep,
                    sleep_deaf,
                ),
                *(tick_for_ever, tick_slowly, stop_by_itself, nap),
                *(finish_when_stopped, refuse_when_stopped, crash_when_stopped, note_when_stopped),
                *(mumble, note_well, note_badly, say),
                *(crash, die, leave_a_process, finish_and_die, allocate),
                *(refuse_image, refuse_video, refuse, fail_disk, tick, lie),
            )
        },
        address_space_bytes=1024**3,
        system=os.environ.get("MEDIA_CHILDREN_SYSTEM", sys.platform),
    )
