"""The parts of uvicorn that server/connection_guard.py stands on, which are uvicorn's own affair.

When one of these fails, a release has moved them: read its `httptools_impl.py` beside
server/connection_guard.py, mend the guard, and raise the bound in pyproject.toml
(docs/decisions/016).
"""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from pathlib import Path

import pytest
import uvicorn
from uvicorn.protocols.http import flow_control, httptools_impl
from uvicorn.server import Server, ServerState

ROOT = Path(__file__).parents[2]
MOVED = (
    "uvicorn {version} has moved {part}: server/connection_guard.py stands on it, "
    "see docs/decisions/016"
)


def need(is_there: object, part: str) -> None:
    assert is_there, MOVED.format(version=uvicorn.__version__, part=part)


def attributes_of(kind: type) -> set[str]:
    """What its __init__ sets."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(kind.__init__)))  # type: ignore[misc]
    stored = (node for node in ast.walk(tree) if isinstance(node, ast.Attribute))
    return {node.attr for node in stored if isinstance(node.ctx, ast.Store)}


def names_in(function: object) -> set[str]:
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))  # type: ignore[arg-type]
    return {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}


PROTOCOL, CYCLE, FLOW = (
    httptools_impl.HttpToolsProtocol,
    httptools_impl.RequestResponseCycle,
    flow_control.FlowControl,
)


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        (
            PROTOCOL,
            """access_logger app client connections cycle expect_100_continue flow headers logger
            loop parser pipeline scheme scope server server_state tasks transport""",
        ),
        (
            CYCLE,
            """body default_headers disconnected flow keep_alive message_event more_body on_response
            response_complete response_started scope transport waiting_for_100_continue""",
        ),
        (FLOW, "read_paused write_paused"),
    ],
)
def test_what_the_guard_reads_and_sets_is_there(kind: type, names: str) -> None:
    for name in names.split():
        need(name in attributes_of(kind), f"{kind.__name__}.{name}")


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        (
            PROTOCOL,
            """connection_made connection_lost data_received resume_writing on_message_begin on_url
            on_header on_headers_complete on_body on_message_complete on_response_complete
            send_400_response""",
        ),
        (CYCLE, "run_asgi send receive"),
        (FLOW, "pause_reading resume_reading"),
        (ServerState, "__init__"),
        (Server, "startup on_tick shutdown"),
    ],
)
def test_what_the_guard_overrides_is_there(kind: type, names: str) -> None:
    for name in names.split():
        need(callable(getattr(kind, name, None)), f"{kind.__name__}.{name}()")


@pytest.mark.parametrize(
    ("function", "names"),
    [
        (PROTOCOL.on_message_begin, "url headers scope"),
        (PROTOCOL.on_header, "headers expect_100_continue"),
        # The end of an answer is told by this call, which starts what is kept.
        (CYCLE.send, "on_response response_complete keep_alive"),
        # Whoever waits for a body or a hang-up resumes reading, but for what Flow holds.
        (CYCLE.receive, "resume_reading message_event"),
    ],
)
def test_uvicorn_does_what_the_guard_counts_on(function: object, names: str) -> None:
    used = names_in(function)
    for name in names.split():
        need(name in used, f"the use of {name} in {getattr(function, '__qualname__', function)}")


def test_a_connection_has_few_enough_attributes_for_python_to_share_their_names() -> None:
    assert len(attributes_of(PROTOCOL)) <= 30, "each idle connection would take a kilobyte more"


def bound_of(pyproject: str) -> tuple[int, ...]:
    match = re.search(r'"uvicorn>=[\d.]+,<([\d.]+)"', pyproject)
    assert match is not None, "pyproject.toml has to bound uvicorn from above: see MOVED"
    return numbers(match[1])


def numbers(version: str) -> tuple[int, ...]:
    return tuple(int(each) for each in version.split("."))


def test_no_release_is_let_in_whose_parts_were_not_looked_at() -> None:
    """The bound is the one after the release that is pinned, with which these tests run."""
    pinned = re.search(r"^uvicorn==([\d.]+)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    assert pinned is not None
    major, minor, *_ = numbers(pinned[1])

    assert bound_of((ROOT / "pyproject.toml").read_text()) == (major, minor + 1)


def test_a_missing_bound_is_seen() -> None:
    with pytest.raises(AssertionError, match="has to bound uvicorn"):
        bound_of('dependencies = ["uvicorn>=0.50"]')
