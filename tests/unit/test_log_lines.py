"""The log of all modules: one way to name an event, a reason, and the job that a line is about."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import unstill
from support.jobs import a_job
from unstill.domain.log_fields import job_fields, row_fields
from unstill.engines.camera import task as notes_of_camera
from unstill.engines.diffusers import task as notes_of_weights
from unstill.steps.poll_schedule import row_of

SOURCES = Path(unstill.__file__).parent
LEVELS = {"debug", "info", "warning", "error", "exception", "critical"}
SNAKE_CASE = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
SECOND_WORDS = {
    "reason",
    "error",
    "message",
    "cause",
    "detail",
    "exc",
    "exception",
}  # see `why`
PRIVATE = re.compile(r"key|prompt|url|link|address|picture|image|bytes|body|secret|token|header")
# Of folders without a row; what is written in a step, which says the rest of its job; and what no
# row is read for.
IDS_ALONE = {"steps/cleanup.py", "store/call_journal.py", "service/callbacks.py"}
# `setting`: its name. `path`: of a call's route, without the query.


class Line:
    """One call that writes a line."""

    def __init__(self, call: ast.Call) -> None:
        self.lineno = call.lineno
        self.events = list(_events(call))
        self.fields = {each.arg for each in call.keywords if each.arg is not None}
        spread = (each.value for each in call.keywords if each.arg is None)
        self.has_job_fields = any("job_fields" in ast.unparse(each) for each in spread)

    def wrongs(self) -> Iterator[str]:
        if not self.events:
            yield "its event is no text"
        for event in self.events:
            if not SNAKE_CASE.fullmatch(event):
                yield f"{event!r} is not in snake_case"
        for field in sorted(self.fields & SECOND_WORDS):
            yield f"{field}=: a reason is why="
        for field in sorted(filter(PRIVATE.search, self.fields)):
            yield f"{field}= has no business in a log"
        if "job_id" in self.fields and not {"owner", "request_id"} <= self.fields:
            yield "whose job it is, say **job_fields(job), **row_fields(row)"


def _events(call: ast.Call) -> Iterator[str]:
    is_by_level = isinstance(call.func, ast.Attribute) and call.func.attr == "log"
    for event in call.args[is_by_level : is_by_level + 1]:
        for each in (event.body, event.orelse) if isinstance(event, ast.IfExp) else (event,):
            if isinstance(each, ast.Constant) and isinstance(each.value, str):
                yield each.value
            elif ast.unparse(each) == "self._event":
                yield "as_it_was_made"  # system/storage_pause.py: see below
            elif ast.unparse(each) == "note.name":
                yield "as_a_child_says"  # media/pool.py: likewise


def is_a_log(node: ast.expr) -> bool:
    return ast.unparse(node) in {"log", "self._log"}


def lines_in(source: str) -> Iterator[Line]:
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Call(func=ast.Attribute(value=value)) if is_a_log(value):
                yield Line(node)


def wrongs_in(source: str) -> list[str]:
    return [f"line {line.lineno}: {wrong}" for line in lines_in(source) for wrong in line.wrongs()]


def aliases_in(source: str) -> list[int]:
    """Where a method of a log is not called at once: a line under another name is not seen."""
    tree = ast.parse(source)
    called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    return [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and is_a_log(node.value) and id(node) not in called
    ]


def shortages_in(source: str) -> list[str]:
    """What the lines of a storage that takes nothing are called."""
    return [
        str(ast.literal_eval(node.args[0]))
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "Shortage"
    ]


def notes_in(source: str) -> list[str]:
    """What the notes of child programs are called, which become lines of the server."""
    return [
        ast.unparse(node.args[0])
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "report.note"
    ]


def names_of_notes() -> list[str]:
    notes = [each for path in SOURCES.rglob("*.py") for each in notes_in(path.read_text())]
    names = vars(notes_of_camera) | vars(notes_of_weights)
    return [str(names[each]) for each in notes]


WRITING = [
    path for path in sorted(SOURCES.rglob("*.py")) if "structlog.get_logger" in path.read_text()
]


@pytest.mark.parametrize("path", WRITING, ids=lambda path: path.stem)
def test_each_line_is_named_and_filled_like_all_others(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    if str(path.relative_to(SOURCES)) in IDS_ALONE:
        source = source.replace("job_id=", "folder=")

    assert wrongs_in(source) == []
    assert aliases_in(source) == []


def test_each_note_of_a_child_is_named_like_a_line() -> None:
    names = names_of_notes()

    assert len(names) >= 3
    assert [each for each in names if not SNAKE_CASE.fullmatch(each)] == []


def test_all_modules_that_write_a_log_are_looked_at() -> None:
    lines = [line for path in WRITING for line in lines_in(path.read_text())]

    assert len(lines) > 60
    assert sum(line.has_job_fields for line in lines) > 10


@pytest.mark.slow
def test_all_that_the_page_of_settings_says_of_the_log_is_in_it() -> None:
    page = (SOURCES.parents[1] / "docs" / "settings.md").read_text(encoding="utf-8")
    section = page.split("\n## The log\n")[1].split("\n## ")[0]
    lines = [line for path in WRITING for line in lines_in(path.read_text())]
    known = {each for line in lines for each in (*line.events, *line.fields)}
    known |= {each for path in SOURCES.rglob("*.py") for each in shortages_in(path.read_text())}
    known |= set(names_of_notes())
    known |= {
        "job_id",
        "owner",
        "request_id",
        "trace_id",
        "snake_case",
        "public_url",
        "trusted_proxies",
        "queued",
    }

    assert set(re.findall(r"`([a-z]+(?:_[a-z]+)*)`", section)) <= known


def test_a_storage_that_takes_nothing_is_named_like_all_others() -> None:
    events = [each for path in SOURCES.rglob("*.py") for each in shortages_in(path.read_text())]

    assert len(events) > 3
    assert all(SNAKE_CASE.fullmatch(event) for event in events)


@pytest.mark.parametrize(
    "line",
    [
        'log.warning("step failed")',
        'log.info("stepFailed", why=why)',
        'log.info(f"failed_{step}")',
        'log.warning("failed", error=str(error))',
        'log.warning("failed", reason=reason)',
        'log.info("asked", prompt=request.prompt)',
        'log.info("asked", api_key=key)',
        'log.info("fetched", url=url)',
        'log.info("read", image_bytes=data)',
        'log.log(level, "not so")',
        'log.info("saved", job_id=job.id)',
        'log.info("saved", job_id=self.job.id, why=why)',
        'log.info("saved", job_id=row.job_id, owner=row.owner)',
    ],
)
def test_a_line_that_is_otherwise_is_seen(line: str) -> None:
    assert wrongs_in(line)


def test_a_line_about_a_job_says_whose_it_is() -> None:
    job = a_job(request_id="r-1")

    assert job_fields(job) == {"job_id": job.id, "owner": job.owner, "request_id": "r-1"}
    assert row_fields(row_of(job)) == job_fields(job)
