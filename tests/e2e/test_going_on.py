"""A paid call whose end was in doubt: a job goes on from its ticket, and its video comes home."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import msgspec
import pytest

from support.emulator_process import Emulator
from support.fork_server import ran
from support.ledger_of_server import rows
from support.servers import LOOPBACK_ALLOWED, PHOTOS, Serving
from support.settings_files import ONLY_UPSTREAMS, engine, model
from support.waits import hold_until
from support.webhook_listing import SIGNING
from support.webhook_receiver import Receiver, receiving
from unstill.domain.job import State
from unstill.domain.usage import usage_asked
from unstill.store.embedded.usage_beside import proof_of, usage_of

pytestmark = pytest.mark.slow

SIGNED = LOOPBACK_ALLOWED | SIGNING
WAN27 = "wan2.7-i2v"
CHELSEA = b64encode((PHOTOS / "chelsea.jpg").read_bytes()).decode()
MONEY = """
[money.rates]
CNY = "0.125"

[engines.bailian.costs."wan2.7-i2v"]
per_second = "0.6"

[models."wan2.7-i2v".prices]
"720P" = { per_second = "0.09" }
"""
PRICE, COST = 180_000, 150_000  # of two seconds, in millionths of EUR


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with Emulator("dashscope", job_s=600.0, delay_s=2.0) as running:
        yield running


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as listening:
        yield listening


def config_of(emulator: Emulator) -> str:
    at = engine("bailian", emulator, currency="CNY")
    return "".join((ONLY_UPSTREAMS, at, model(WAN27, "bailian"), MONEY))


def lost_call(data_dir: Path, emulator: Emulator, config: str, hook: str) -> str:
    """A job whose server is killed when its call has left, and that the upstream then takes."""
    with Serving(data_dir, config=config, environment=SIGNED) as server:
        emulator.next("submit", "delay")
        given = {"first_frame_url": CHELSEA, "prompt": f"push in {uuid4()}"}
        parameters = {"duration": 2, "resolution": "720P"}
        body = {"model": WAN27, "input": given, "parameters": parameters}
        job_id = server.submit(body | {"webhook_url": hook})
        hold_until(lambda: rows(data_dir)[job_id].state is State.SUBMITTING)
        hold_until(lambda: emulator.charges()["submits"] == 1)
        server.kill()
    hold_until(lambda: emulator.charges()["accepted"] == 1)
    return job_id


def unstill(data_dir: Path, *words: str) -> str:
    command = ["-m", "unstill", *words, "--data-dir", str(data_dir)]
    done = ran([*command, "--config", str(data_dir / "unstill.toml")], folder=data_dir)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("way", ["by a command", "by HTTP", "without a server"])
def test_a_video_that_was_paid_for_comes_home(
    tmp_path: Path, emulator: Emulator, receiver: Receiver, way: str
) -> None:
    config = config_of(emulator)
    lost = lost_call(tmp_path, emulator, config, receiver.url)
    [task] = emulator.jobs()
    words = ("jobs", "resolve", lost, "--charged", "--ticket", task["id"])
    if way == "without a server":
        with Serving(tmp_path, config=config, environment=SIGNED) as server:
            server.wait(lost)
        unstill(tmp_path, *words)
    with Serving(tmp_path, config=config, environment=SIGNED) as server:
        failed = server.wait(lost)
        if way == "by a command":
            unstill(tmp_path, *words)
        elif way == "by HTTP":
            body = {"charged": True, "ticket": task["id"]}
            answer = server.http.post(f"/admin/jobs/{lost}/resolve", json=body)
            assert answer.status_code == 200, answer.text
        again = unstill(tmp_path, *words)
        following = again.splitlines()[-1].split()[2]
        emulator.finish()
        done = server.wait(following)
        [url] = done["output"]["urls"]
        video = server.http.get(url).content
        listed = [each["id"] for each in server.http.get("/v1/videos").json()["data"]]
        shown = server.http.get(f"/admin/jobs/{following}").json()
        events = [msgspec.json.decode(each.body) for each in receiver.wait(2)]
        none_left = unstill(tmp_path, "jobs", "doubts")
        still_failed = server.status(lost)
    [sums] = usage_of(tmp_path, usage_asked(None, None, None, dashes="--"))
    proof = proof_of(tmp_path)

    assert failed["output"]["task_status"] == "Failure"
    assert still_failed["output"] == failed["output"]
    assert done["output"]["task_status"] == "Success"
    assert video[4:8] == b"ftyp"
    assert listed == [following, lost]
    assert again.splitlines()[-1] == f"the job {following} goes on from it, as {task['id']}"
    assert (shown["continues"], shown["ticket"], shown["state"]) == (lost, task["id"], "succeeded")
    assert none_left.startswith("no call is in doubt")
    assert [(each["type"], each["data"]["id"]) for each in events] == [
        ("video.failed", lost),
        ("video.completed", following),
    ]
    assert emulator.charges()["accepted"] == 1
    assert (sums.reserved_price, sums.settled_price, sums.settled_cost) == (0, PRICE, COST)
    assert proof is not None
    assert not proof.wrongs
