"""Calls by hand to each kind of upstream: a good submit, a poll, a download."""

from __future__ import annotations

from collections.abc import Mapping

import httpx2

from support.emulator_process import Emulator
from support.kind_rows import ByHand, Submit, of_kind
from unstill.emulators import KINDS
from unstill.upstreams.replies import at

BY_HAND: Mapping[str, ByHand] = {kind: of_kind(kind)[1] for kind in KINDS}
SUBMITS: Mapping[str, Submit] = {kind: each.submit for kind, each in BY_HAND.items()}
DONE: Mapping[str, str] = {kind: each.done for kind, each in BY_HAND.items()}


def submitted(emulator: Emulator, prompt: str = "a cat") -> str:
    """The id of a new job."""
    answer = SUBMITS[emulator.kind](emulator, prompt)
    assert answer.is_success, answer.text
    return str(at(answer.json(), BY_HAND[emulator.kind].id_at))


def polled(emulator: Emulator, job_id: str) -> httpx2.Response:
    by_hand = BY_HAND[emulator.kind]
    if by_hand.poll_task:
        task = {"taskType": by_hand.poll_task, "taskUUID": job_id}
        return emulator.http.post(by_hand.poll, json=[task])
    return emulator.http.get(by_hand.poll.format(id=job_id))


def is_unknown(emulator: Emulator, answer: httpx2.Response) -> bool:
    """Whether an answer to a poll says that there is no such job."""
    lost_word = BY_HAND[emulator.kind].lost_word
    if lost_word is None:
        return answer.status_code == 404
    return answer.status_code == 200 and word(answer) == lost_word


def word(answer: httpx2.Response) -> str:
    """The state in an answer to a poll, of whatever kind; "" where it has none."""
    told = answer.json()
    # `*`: the only thing there is, whatever its name.
    inner = next(iter(told.values()), None)
    found = (
        at(inner, each.word_at[2:]) if each.word_at.startswith("*.") else at(told, each.word_at)
        for each in BY_HAND.values()
    )
    return next((text for text in found if isinstance(text, str)), "")


def link_to(emulator: Emulator, job_id: str) -> str:
    """Where the video of a finished job lies."""
    kind = BY_HAND[emulator.kind]
    if not kind.link_at:
        return f"{emulator.url}{kind.content.format(id=job_id)}"
    by_poll = not kind.result
    answer = (
        polled(emulator, job_id) if by_poll else emulator.http.get(kind.result.format(id=job_id))
    )
    return str(at(answer.json(), kind.link_at))


def result_text(emulator: Emulator, job_id: str) -> str:
    """What a job has come to, of a kind that tells it in another answer than that to a poll."""
    kind = BY_HAND[emulator.kind]
    return emulator.http.get(kind.result.format(id=job_id)).text if kind.result else ""


def fetched(emulator: Emulator, job_id: str) -> httpx2.Response:
    link = link_to(emulator, job_id)
    kind = BY_HAND[emulator.kind]
    has_own_key = bool(kind.link_at) and kind.is_signed
    return httpx2.get(link) if has_own_key else emulator.http.get(link)
