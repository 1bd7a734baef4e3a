"""Requests in the shapes of DashScope's documents get answers in their shapes, from create to end.

The pairs are in the documents' shapes, not their samples word for word: videos are made short.
"""

from __future__ import annotations

import time

import pytest

from golden.documents import HERE, Documents, sample_of

FOLDER = "dashscope"
CREATES = {  # and how the query of it ends
    "create-media": "succeeded",
    "create-img-url": "succeeded",
    "create-first-and-last": "succeeded",
    "create-happyhorse": "succeeded-happyhorse",
}
WORDS = ("PENDING", "RUNNING", "SUCCEEDED", "FAILED", "CANCELED")


def hold_until_its_end(documents: Documents, task_id: str, end: str) -> None:
    """Each answer on the way is as documented for its state, the last as in `end`."""
    deadline = time.monotonic() + 90
    while True:
        body = documents.ask(FOLDER, "running", task_id=task_id)
        word = body["output"]["task_status"]
        assert word in WORDS
        name = word.lower() if word in {"PENDING", "RUNNING"} else end
        documents.hold(body, sample_of(FOLDER, name).answer["body"], task_id=task_id)
        if name == end:
            return
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.mark.slow
@pytest.mark.parametrize("name", CREATES)
def test_each_documented_create_is_followed_to_its_end_as_documented(
    documents: Documents, name: str
) -> None:
    task_id = documents.send(FOLDER, name)

    hold_until_its_end(documents, task_id, CREATES[name])


@pytest.mark.slow
def test_a_finished_task_is_listed_and_cannot_be_cancelled_as_documented(
    documents: Documents,
) -> None:
    task_id = documents.send(FOLDER, "create-img-url")
    hold_until_its_end(documents, task_id, "succeeded")

    documents.send(FOLDER, "list", task_id=task_id)
    documents.send(FOLDER, "cancel-too-late", task_id=task_id)


def test_a_waiting_task_is_cancelled_as_documented(documents: Documents) -> None:
    task_id = documents.send(FOLDER, "create-media")
    documents.send(FOLDER, "cancel", task_id=task_id)

    assert documents.ask(FOLDER, "running", task_id=task_id)["output"]["task_status"] == "CANCELED"


def test_a_task_whose_picture_is_lost_fails_as_documented(documents: Documents) -> None:
    task_id = documents.send(FOLDER, "create-media", lost=True)

    hold_until_its_end(documents, task_id, "failed")


@pytest.mark.parametrize("name", ["unknown", "not-asynchronous", "wrong-key"])
def test_what_is_refused_or_not_there_is_answered_as_documented(
    documents: Documents, name: str
) -> None:
    documents.send(FOLDER, name)


def test_every_pair_is_tested() -> None:
    source = (HERE / "test_dashscope.py").read_text("utf-8")
    there = {path.stem for path in (HERE / FOLDER).glob("*.json")}

    assert {name for name in there - {"pending"} if f'"{name}"' not in source} == set()
