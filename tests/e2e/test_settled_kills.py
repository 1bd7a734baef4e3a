"""kill -9 and SIGTERM around a call whose upstream can tell: none is in doubt, none paid twice."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.test_upstream_kills import CHELSEA, WAN27, reach, submit
from support.emulator_process import Emulator
from support.ledger_of_server import attempts, outcomes
from support.requests import KLING
from support.servers import Serving
from support.settings_files import ONLY_UPSTREAMS, engine, model
from support.waits import hold_until
from unstill.domain.attempts import Outcome
from unstill.domain.job import State

pytestmark = pytest.mark.slow

# What the call meets, and the same call when it is sent again to learn what became of it; the
# server is killed meanwhile, and once more when it has begun to ask.
WINDOWS = {
    "on its way": ("delay",),
    "lost before it came": ("drop_before", "503", "drop_before"),
    "taken, its reply lost": ("drop_after", "500", "429"),
    "in trouble": ("503", "drop_before", "401"),
    "taken late": ("500_after", "html", "500"),
}


@pytest.fixture(params=["runware", "comfy"])  # where the same call again tells
def emulator(request: pytest.FixtureRequest) -> Iterator[Emulator]:
    with Emulator(request.param, job_s=0.5, delay_s=2.0) as running:
        yield running


def config_of(emulator: Emulator) -> str:
    return "".join((ONLY_UPSTREAMS, engine("rw", emulator), model(WAN27, "rw")))


@pytest.mark.parametrize("window", WINDOWS)
def test_a_job_is_made_and_paid_once_whenever_its_server_is_killed(
    window: str, tmp_path: Path, emulator: Emulator
) -> None:
    config = config_of(emulator)
    emulator.next("submit", *WINDOWS[window])
    with Serving(tmp_path, config=config) as server:
        job_id = submit(server)
        hold_until(lambda: emulator.charges()["submits"] >= 1)
        reach(tmp_path, job_id, State.SUBMITTING)
        server.kill()
    [opened] = attempts(tmp_path, job_id)
    with Serving(tmp_path, config=config) as server:
        hold_until(lambda: emulator.charges()["submits"] >= 2)
        server.kill()
    with Serving(tmp_path, config=config) as server:
        ended = server.wait(job_id)["output"]["task_status"]
    [attempt] = attempts(tmp_path, job_id)
    [made] = emulator.jobs()
    charges = emulator.charges()

    assert opened.outcome is Outcome.OPEN
    assert ended == "Success"
    assert outcomes(tmp_path, job_id) == [("rw", Outcome.ACCEPTED)]
    assert (attempt.ticket, attempt.call_key) == (made["id"], opened.call_key)
    assert (charges["accepted"], charges["doubles"]) == (1, {})


def test_a_server_that_is_told_to_stop_while_it_asks_leaves_the_rest_to_the_next(
    tmp_path: Path, emulator: Emulator
) -> None:
    config = config_of(emulator)
    emulator.next("submit", "drop_after", *["503"] * 6)
    with Serving(tmp_path, config=config) as server:
        job_id = submit(server)
        hold_until(lambda: emulator.charges()["submits"] >= 2)
        status = server.end()
        log = server.log
    left = attempts(tmp_path, job_id)[0].outcome
    with Serving(tmp_path, config=config) as server:
        ended = server.wait(job_id)["output"]["task_status"]

    assert status in {0, -15}
    assert "Traceback" not in log
    assert left is Outcome.OPEN
    assert ended == "Success"
    assert emulator.charges()["accepted"] == 1


@pytest.mark.parametrize("fault", ["drop_after", "500_after", "html"])
def test_a_call_that_was_taken_is_found_by_its_id_and_not_made_again(
    fault: str, tmp_path: Path
) -> None:
    with Emulator("kling", job_s=0.5) as emulator:
        config = "".join((ONLY_UPSTREAMS, engine("kl", emulator), model(KLING, "kl")))
        emulator.next("submit", fault)
        emulator.next("poll", "503", "503")  # what is asked meanwhile
        with Serving(tmp_path, config=config) as server:
            job_id = server.submit(
                {"model": KLING, "input": {"first_frame_url": CHELSEA, "prompt": "push in"}}
            )
            hold_until(lambda: any(each["place"] == "poll" for each in emulator.log()))
            server.kill()
        [opened] = attempts(tmp_path, job_id)
        with Serving(tmp_path, config=config) as server:
            ended = server.wait(job_id)["output"]["task_status"]
        [attempt] = attempts(tmp_path, job_id)
        [made] = emulator.jobs()
        submits = emulator.charges()["submits"]

    assert opened.outcome is Outcome.OPEN
    assert (ended, submits) == ("Success", 1)
    assert outcomes(tmp_path, job_id) == [("kl", Outcome.ACCEPTED)]
    assert (attempt.ticket, attempt.call_key) == (made["id"], opened.call_key)
