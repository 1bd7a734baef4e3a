"""The numbers in the walk through the code are those of the code."""

from __future__ import annotations

import re

import pytest

from docs import pages
from docs.pages import ROOT
from unstill.domain import backoff
from unstill.domain.backoff import CALL, DOUBT, MODEL, Backoff
from unstill.domain.job import MOVES
from unstill.engines.dashscope.task_list import CLOCKS_DIFFER_MS, CLOCKS_NEAR_MS
from unstill.files.uploads import KEPT_S as UPLOAD_KEPT_S
from unstill.net.fetcher import MAX_REDIRECTS
from unstill.progress.queue import KEPT, MEASURED
from unstill.server.body import MOST_BODY_BYTES
from unstill.server.body_limits import LARGE_BYTES
from unstill.server.lifecycle import ANSWERS_WITHIN_S
from unstill.server.server_limits import OPEN_BODIES_MIB
from unstill.service.new_jobs import DEADLINE_MS
from unstill.steps.fetch_frames import FETCH_TIMEOUT_S as FRAME_TIMEOUT_S
from unstill.steps.poll import FIRST_LOOK_S, LEAST_LATE_LOOKS
from unstill.steps.runner import (
    FRAMES_SLOTS,
    SAVE_AGAIN_SLOTS,
    SAVE_SLOTS,
    SUBMITS_WITHIN_S,
)
from unstill.steps.settle_doubts import ASKED_FOR_MS
from unstill.steps.submit import SUBMIT_WITHIN_MS
from unstill.store.call_journal import MOST_BYTES
from unstill.store.embedded.store import LOCK_WAIT_S
from unstill.upstreams.client import MOST_VIDEO_BYTES, SUBMIT_TIMEOUT_S
from unstill.upstreams.listed_tasks import LIST_FROM
from unstill.upstreams.rate_limits import SUBMIT_SLOTS
from unstill.webhooks.deliverer import (
    LOOK_EVERY_MS,
    MOST_AT_ONCE,
    MOST_PER_OWNER,
    MOST_PER_RECEIVER,
)

MIB = 2**20
AGAIN_S = ", ".join(str(each // 1000) for each in CALL.pauses_ms[:-1])

IN_WORDS = {3: "three", 4: "four", 8: "eight", 10: "ten", 20: "twenty", 30: "half a minute"}
DEADLINE_H = DEADLINE_MS // 3_600_000

SENTENCES = [
    ("01-a-request", f"a body of more than {MOST_BODY_BYTES // MIB} MiB"),
    ("01-a-request", f"new bodies while {OPEN_BODIES_MIB} MiB are being read"),
    ("01-a-request", f"A body of more than {LARGE_BYTES // MIB} MiB lies in a file"),
    (
        "11-webhooks",
        (
            f"at most {MOST_PER_RECEIVER} for one receiver, {MOST_PER_OWNER} for one owner and"
            f" {MOST_AT_ONCE} in all"
        ),
    ),
    ("02-jobs-and-states", f"| {FRAMES_SLOTS}, and as many slots stay free"),
    ("02-jobs-and-states", f"{IN_WORDS[SUBMIT_SLOTS]} for each upstream account"),
    ("02-jobs-and-states", f"| {SAVE_SLOTS} of each engine; {SAVE_AGAIN_SLOTS} |"),
    ("02-jobs-and-states", f"{DEADLINE_H} hours after its create call"),
    ("08-polling-upstreams", f"{IN_WORDS[SUBMIT_SLOTS]} slots and one breaker"),
    ("08-polling-upstreams", f"{DEADLINE_H} hours after its create call"),
    ("08-polling-upstreams", f"{IN_WORDS[CLOCKS_NEAR_MS // 1000]} seconds wider on both sides"),
    ("08-polling-upstreams", f"and {IN_WORDS[CLOCKS_DIFFER_MS // 1000]} for what was not found"),
    ("08-polling-upstreams", f"from {IN_WORDS[LIST_FROM]} tickets on"),
    ("08-polling-upstreams", f"has not answered {IN_WORDS[LEAST_LATE_LOOKS]} more looks"),
    ("08-polling-upstreams", f"{IN_WORDS[MAX_REDIRECTS]} redirects"),
    ("11-webhooks", f"every {LOOK_EVERY_MS // 1000} seconds, since a replay"),
    ("10-queue-and-expected-end", f"the times of the last {KEPT} jobs of each engine and model"),
    ("10-queue-and-expected-end", f"the newest {MEASURED} jobs that succeeded"),
    ("05-frames", f"one deadline of {FRAME_TIMEOUT_S:.0f} seconds"),
    ("09-files-and-links", f"has grown to {MOST_BYTES // MIB} MB"),
    ("09-files-and-links", f"It is found for {UPLOAD_KEPT_S // 3600} hours"),
    ("12-start-stop-kill", f"waits up to {LOCK_WAIT_S:.0f} seconds for a predecessor"),
    ("12-start-stop-kill", f"Other open answers have {ANSWERS_WITHIN_S} seconds"),
    ("12-start-stop-kill", f"up to {SUBMITS_WITHIN_S:.0f} seconds, and settled"),
    (
        "07-calls-that-may-cost",
        (
            f"A call has {SUBMIT_TIMEOUT_S:.0f} seconds, and its attempt is judged after"
            f" {SUBMIT_WITHIN_MS // 1000}"
        ),
    ),
    (
        "07-calls-that-may-cost",
        f"every {DOUBT.longest_ms // 1000} seconds, for {ASKED_FOR_MS // 60_000} minutes",
    ),
    ("07-calls-that-may-cost", f"after {AGAIN_S} seconds, then every minute"),
    ("07-calls-that-may-cost", f"nothing is sent there for {MODEL.first_ms // 1000} seconds"),
    ("08-polling-upstreams", f"first asked for {FIRST_LOOK_S:.0f} seconds after it was accepted"),
    ("08-polling-upstreams", f"a cap of {MOST_VIDEO_BYTES // MIB} MiB"),
]


@pytest.mark.parametrize(("page", "sentence"), SENTENCES)
def test_a_number_in_prose_is_the_codes(page: str, sentence: str) -> None:
    assert sentence in (ROOT / f"docs/how-it-works/{page}.md").read_text("utf-8")


def test_the_picture_of_states_has_the_moves_of_the_code() -> None:
    page = (ROOT / "docs/how-it-works/02-jobs-and-states.md").read_text("utf-8")
    picture = page.split("stateDiagram-v2\n")[1].split("```")[0]

    assert set(re.findall(r"^  (\w+) --> (\w+)", picture, re.MULTILINE)) == {
        (before.value, after.value) for before, afters in MOVES.items() for after in afters
    }


def test_every_pause_before_another_try_is_documented() -> None:
    table = pages.section(ROOT / "docs/how-it-works/04-lanes.md", "What is tried again")
    schedules = {name: each for name, each in vars(backoff).items() if isinstance(each, Backoff)}

    assert [(row[0], row[2]) for row in pages.rows(table)] == [
        (f"`{name}`", ", ".join(f"{pause_ms / 1000:g}" for pause_ms in each.pauses_ms))
        for name, each in schedules.items()
    ]


def test_each_pause_before_another_try_is_used_where_its_row_says() -> None:
    table = pages.section(ROOT / "docs/how-it-works/04-lanes.md", "What is tried again")

    for name, what, _ in pages.rows(table):
        (path,) = re.findall(r"\(\.\./\.\./(src/[^)]*)\)", what)
        assert re.search(rf"\b{name.strip('`')}\b", (ROOT / path).read_text("utf-8")), path
