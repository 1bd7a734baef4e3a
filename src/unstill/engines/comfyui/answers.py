"""What ComfyUI's answers come to. Pure.

Source: ComfyUI, server.py and execution.py, as of 2026-11, read 2026-11-28.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlencode

from unstill.domain.redaction import plain
from unstill.upstreams.port import (
    Accepted,
    Done,
    Doubt,
    Failed,
    Gone,
    Rejected,
    Running,
    Submission,
    Verdict,
    Waiting,
    not_taken,
)
from unstill.upstreams.replies import Odd, Reply, at
from unstill.upstreams.submit_answers import Codes, judged
from unstill.upstreams.vocabulary import WordTables

CODES = Codes(not_taken=frozenset({404, 405}), ticket_at="prompt_id")
VIDEOS = (".mp4", ".mov", ".webm", ".mkv")
# A call may lie in a socket for as long as it is waited for, and be taken after all.
SURELY_ARRIVED_S = 60.0


def submission_of(reply: Reply, words: WordTables) -> Submission:
    """What an answer to a submit says of it."""
    fields = reply.fields()
    if reply.status == 400 and isinstance(fields.get("error"), dict):
        error = fields["error"]
        node = _node_error(fields.get("node_errors"))
        code, message = str(error.get("type", "rejected")), str(error.get("message", ""))
        return Rejected(code, plain(node or message or "no reason given"))
    return judged(reply, CODES, words)


def place_in(queue: Reply, ticket: str) -> Waiting | Running | None:
    """Whether the queue has it; None if it has not. Raises Odd for what is no queue."""
    fields = queue.fields()
    verdicts: tuple[Waiting | Running, ...] = (Running(), Waiting())
    for name, verdict in zip(("queue_running", "queue_pending"), verdicts, strict=True):
        items = fields.get(name)
        if not queue.is_ok or not isinstance(items, list):
            raise Odd(f"the upstream answered {queue.head} for its queue")
        # Each is its number, its id, its graph and more.
        if any(isinstance(item, list) and item[1:2] == [ticket] for item in items):
            return verdict
    return None


def is_history(reply: Reply) -> bool:
    """Whether it is one; one without the task is empty."""
    return reply.is_ok and reply.is_json


def has_ended(history: Reply, ticket: str) -> bool:
    return isinstance(history.fields().get(ticket), dict)


def verdict_of(history: Reply, ticket: str, place: Waiting | Running | None) -> Verdict:
    """How the task stands, by its history, and by the queue as it was just before. Raises Odd.

    What is in neither is gone: a task comes into the history as it leaves the queue.
    """
    entry = history.fields().get(ticket)
    if not isinstance(entry, dict):
        return place or Gone("the upstream keeps its tasks in memory and has lost this one")
    status = at(entry, "status.status_str")
    if status == "error":
        return _failed(at(entry, "status.messages"))
    if status not in {None, "success"}:
        raise Odd(f"the upstream answered the unknown state {plain(str(status))[:40]!r}")
    file = _video_in(entry.get("outputs"))
    if file is None:
        return Failed("no_video", "the graph has saved no video")
    names = {name: str(file.get(name, "")) for name in ("filename", "subfolder", "type")}
    return Done(f"/view?{urlencode(names)}")


def settled(queue: Reply, history: Reply, key: str, *, age_s: float) -> Submission:
    """What both say of the call that was to make the task. Raises Odd."""
    if place_in(queue, key) is not None or (is_history(history) and key in history.fields()):
        return Accepted(key)
    if not is_history(history):
        return Doubt("not_said", f"the upstream answered {history.head}")
    if age_s < SURELY_ARRIVED_S:
        return Doubt("not_said", "the upstream has no such task yet")
    return not_taken("the upstream has no such task")


def _node_error(node_errors: object) -> str:
    """What is wrong with the first node that something is wrong with."""
    if not isinstance(node_errors, dict):
        return ""
    for node, told in node_errors.items():
        message, details = at(told, "errors.0.message"), at(told, "errors.0.details")
        if isinstance(message, str):
            more = f": {details}" if details else ""
            return f"node {node} ({at(told, 'class_type')}): {message}{more}"
    return ""


def _failed(messages: object) -> Failed:
    """By the last event that says why."""
    for event in reversed(messages) if isinstance(messages, list) else ():
        match event:
            case ["execution_interrupted", *_]:
                return Failed("cancelled", "the task was cancelled at the upstream")
            case ["execution_error", dict() as told]:
                why = plain(str(told.get("exception_message", "no reason given")))
                return Failed("failed", f"node {told.get('node_id')} ({_class(told)}): {why}")
    return Failed("failed", "the upstream gave no reason")


def _class(told: Mapping[str, Any]) -> str:
    return plain(str(told.get("node_type", "")))


def _video_in(outputs: object) -> Mapping[str, Any] | None:
    """The first video that was saved, before one that is only a preview."""
    files = [each for each in _files(outputs) if str(each.get("filename")).endswith(VIDEOS)]
    saved = [each for each in files if each.get("type") == "output"]
    return next(iter(saved + files), None)


def _files(outputs: object) -> Iterator[Mapping[str, Any]]:
    """SaveVideo puts its file among `images`, others among `gifs` or `videos`."""
    for node in outputs.values() if isinstance(outputs, dict) else ():
        for files in node.values() if isinstance(node, dict) else ():
            if isinstance(files, list):
                yield from (file for file in files if isinstance(file, dict))
