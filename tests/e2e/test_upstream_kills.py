"""kill -9 and SIGTERM while upstreams are at work, and upstreams that are gone."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import httpx2
import pytest

from support.emulator_process import Emulator
from support.free_ports import free_port
from support.ledger_of_server import outcomes, rows
from support.servers import PHOTOS, Serving
from support.settings_files import ONLY_UPSTREAMS, engine, engine_at, model
from support.waits import hold_until
from unstill.domain.attempts import Outcome
from unstill.domain.job import State

pytestmark = pytest.mark.slow

WAN27 = "wan2.7-i2v"
CHELSEA = b64encode((PHOTOS / "chelsea.jpg").read_bytes()).decode()
DELAY_S = 2.0  # a submit's answer comes so late


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with Emulator("dashscope", job_s=600.0, delay_s=DELAY_S) as running:
        yield running


def config_of(emulator: Emulator) -> str:
    return "".join((ONLY_UPSTREAMS, engine("bailian", emulator), model(WAN27, "bailian")))


def submit(server: Serving) -> str:
    given = {"first_frame_url": CHELSEA, "prompt": f"push in {uuid4()}"}
    return server.submit({"model": WAN27, "input": given, "parameters": {"duration": 2}})


def reach(data_dir: Path, job_id: str, state: State) -> None:
    hold_until(lambda: rows(data_dir)[job_id].state is state)


def test_a_server_killed_while_upstreams_work_pays_nothing_twice_and_ends_every_job(
    tmp_path: Path, emulator: Emulator
) -> None:
    config = config_of(emulator)
    with Serving(tmp_path, config=config) as server:
        emulator.next("fetch", "slow")
        saving = submit(server)
        reach(tmp_path, saving, State.RUNNING)
        emulator.finish()
        reach(tmp_path, saving, State.SAVING)
        running = submit(server)
        reach(tmp_path, running, State.RUNNING)
        emulator.next("submit", "delay")
        submitting = submit(server)
        reach(tmp_path, submitting, State.SUBMITTING)
        hold_until(lambda: emulator.charges()["submits"] == 3)  # it has left
        server.kill()
    with Serving(tmp_path, config=config) as server:
        in_doubt = server.wait(submitting)["output"]
        saved = server.wait(saving)["output"]
        still = server.status(running)["output"]
        hold_until(lambda: emulator.charges()["accepted"] == 3)  # it came late
        emulator.finish()
        done = server.wait(running)["output"]
    submits = emulator.charges()["submits"]
    emulator.end()
    with Serving(tmp_path, config=config) as server:
        again = [server.status(job_id)["output"] for job_id in (saving, running)]
        videos = [httpx2.get(output["urls"][0]).content for output in again]
        failure = server.status(submitting)["output"]

    assert in_doubt["task_status"] == failure["task_status"] == "Failure"
    assert in_doubt["error_message"].startswith("submit_unknown: ")
    assert saved["task_status"] == done["task_status"] == "Success"
    assert still["task_status"] == "Running"
    assert submits == 3
    assert outcomes(tmp_path, submitting) == [("bailian", Outcome.UNKNOWN)]
    assert outcomes(tmp_path, saving) == [("bailian", Outcome.ACCEPTED)]
    assert outcomes(tmp_path, running) == [("bailian", Outcome.ACCEPTED)]
    assert [video[4:8] for video in videos] == [b"ftyp", b"ftyp"]


def test_sigterm_waits_for_an_open_submit_and_keeps_its_ticket(
    tmp_path: Path, emulator: Emulator
) -> None:
    config = config_of(emulator)
    with Serving(tmp_path, config=config) as server:
        emulator.next("submit", "delay")
        job_id = submit(server)
        reach(tmp_path, job_id, State.SUBMITTING)
        status = server.end()
        log = server.log
    left = rows(tmp_path)[job_id]
    [upstream] = emulator.jobs()
    emulator.finish()
    with Serving(tmp_path, config=config) as server:
        ended = server.wait(job_id)["output"]["task_status"]

    assert status in {0, -15}
    assert "Traceback" not in log
    assert (left.state, left.ticket) == (State.RUNNING, upstream["id"])
    assert ended == "Success"
    assert emulator.charges()["submits"] == 1


def refusing_until(server: Serving) -> int | None:
    """What /v1/models says of the account behind the model, in Unix seconds."""
    models = server.http.get("/v1/models").json()["data"]
    [engines] = [each["engines"] for each in models if each["id"] == WAN27]
    until_s: int | None = engines[0]["refusing_until"]
    return until_s


def test_jobs_wait_for_an_upstream_that_is_down_and_go_on_when_it_is_back(tmp_path: Path) -> None:
    port = free_port()
    at = engine_at("bailian", "dashscope", f"http://127.0.0.1:{port}")
    config = "".join((ONLY_UPSTREAMS, at, model(WAN27, "bailian")))
    with Serving(tmp_path, config=config) as server:
        jobs = [submit(server) for _ in range(4)]
        hold_until(lambda: refusing_until(server) is not None)
        waiting = [server.status(job_id)["output"]["task_status"] for job_id in jobs]
        with Emulator("dashscope", port=port, job_s=0.3) as emulator:
            ended = [server.wait(job_id)["output"]["task_status"] for job_id in jobs]
            charges = emulator.charges()
        shown_after = refusing_until(server)

    assert waiting == ["Pending"] * 4
    assert shown_after is None
    assert ended == ["Success"] * 4
    assert charges["accepted"] == 4
    assert charges["doubles"] == {}
