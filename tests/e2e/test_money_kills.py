"""kill -9 while money is at work: the book is proved after each, and no budget is passed."""

from __future__ import annotations

import subprocess
import sys
from base64 import b64encode
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from pathlib import Path
from uuid import uuid4

import httpx2
import pytest
from msgspec.structs import replace

from support.emulator_process import Emulator
from support.ledger_of_server import rows
from support.servers import PHOTOS, Serving
from support.settings_files import ONLY_UPSTREAMS, engine, model
from support.waits import hold_until
from unstill.domain.book_check import Proof
from unstill.domain.job import State
from unstill.domain.money import MILLION
from unstill.domain.owner import EVERYONE
from unstill.domain.usage import UsageSum, usage_asked
from unstill.store.embedded.owners_beside import change_owner_in
from unstill.store.embedded.usage_beside import proof_of, usage_of

pytestmark = pytest.mark.slow

WAN27 = "wan2.7-i2v"
CHELSEA = b64encode((PHOTOS / "chelsea.jpg").read_bytes()).decode()
DELAY_S = 2.0  # a submit's answer comes so late
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
    with Emulator("dashscope", job_s=600.0, delay_s=DELAY_S) as running:
        yield running


def config_of(emulator: Emulator) -> str:
    at = engine("bailian", emulator, currency="CNY")
    return "".join((ONLY_UPSTREAMS, at, model(WAN27, "bailian"), MONEY))


def a_body() -> dict[str, object]:
    given = {"first_frame_url": CHELSEA, "prompt": f"push in {uuid4()}"}
    parameters = {"duration": 2, "resolution": "720P"}
    return {"model": WAN27, "input": given, "parameters": parameters}


def reach(data_dir: Path, job_id: str, state: State) -> None:
    hold_until(lambda: rows(data_dir)[job_id].state is state)


def proved(data_dir: Path) -> Proof:
    proof = proof_of(data_dir)
    assert proof is not None
    assert list(proof.wrongs) == []
    return proof


def sums(data_dir: Path) -> UsageSum:
    proved(data_dir)
    [of_everyone] = usage_of(data_dir, usage_asked(None, None, None, dashes="--"))
    return of_everyone


def resolve(data_dir: Path, *words: str) -> tuple[int, str]:
    command = [sys.executable, "-m", "unstill", "jobs", "resolve", *words]
    command += ["--data-dir", str(data_dir), "--config", str(data_dir / "unstill.toml")]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=60, cwd=data_dir
    )
    return done.returncode, done.stdout + done.stderr


def test_a_kill_in_each_window_leaves_a_book_that_agrees_with_the_jobs(
    tmp_path: Path, emulator: Emulator
) -> None:
    config = config_of(emulator)
    with Serving(tmp_path, config=config) as server:
        emulator.next("fetch", "slow")
        saving = server.submit(a_body())
        reach(tmp_path, saving, State.RUNNING)
        emulator.finish()
        reach(tmp_path, saving, State.SAVING)
        running = server.submit(a_body())
        reach(tmp_path, running, State.RUNNING)
        emulator.next("submit", "delay")
        submitting = server.submit(a_body())
        reach(tmp_path, submitting, State.SUBMITTING)
        hold_until(lambda: emulator.charges()["submits"] == 3)  # it has left
        server.kill()
    killed = sums(tmp_path)
    with Serving(tmp_path, config=config) as server:
        server.wait(submitting)
        server.wait(saving)
        hold_until(lambda: emulator.charges()["accepted"] == 3)  # it came late
        emulator.finish()
        server.wait(running)
        in_doubt = sums(tmp_path)
        said = resolve(tmp_path, submitting, "--charged")
        again = resolve(tmp_path, submitting, "--free")
        other = resolve(tmp_path, running, "--free")
        server.kill()
    ended = sums(tmp_path)

    assert (killed.reserved_price, killed.settled_price, killed.settled_cost) == (3 * PRICE, 0, 0)
    assert (in_doubt.reserved_price, in_doubt.settled_price) == (PRICE, 2 * PRICE)
    assert in_doubt.settled_cost == 2 * COST
    assert said[0] == 0
    assert said[1].splitlines() == [
        f"{submitting} is resolved: its call was billed",
        "released: 0.18 EUR",
        "cost: 0.15 EUR",
    ]
    assert (again[0], other[0]) == (1, 1)
    assert f"{submitting} is resolved: its call was billed, at " in again[1]
    assert f"{running} is not in doubt: it is succeeded" in other[1]
    assert (ended.reserved_price, ended.settled_price) == (0, 2 * PRICE)
    assert ended.settled_cost == 3 * COST  # as many as the emulator has accepted


def test_no_budget_is_passed_by_calls_at_once_while_the_server_is_killed_and_killed_again(
    tmp_path: Path, emulator: Emulator
) -> None:
    room = 7
    change_owner_in(
        tmp_path, EVERYONE, lambda limits: replace(limits, budget_month=room * PRICE + PRICE - 1)
    )
    statuses: list[int] = []
    for _ in range(3):
        with Serving(tmp_path, config=config_of(emulator)) as server:
            url = f"{server.url}/v1/tasks/submit"
            with ThreadPoolExecutor(6) as callers:
                answers = [callers.submit(httpx2.post, url, json=a_body()) for _ in range(6)]
                wait(answers, timeout=60, return_when=FIRST_COMPLETED)
                server.kill()
            statuses += [each.result().status_code for each in answers if not each.exception()]
        assert sums(tmp_path).reserved_price <= room * PRICE
    with Serving(tmp_path, config=config_of(emulator)) as server:
        last = [server.http.post("/v1/tasks/submit", json=a_body()) for _ in range(room + 1)]
        statuses += [each.status_code for each in last]
        reserved = sums(tmp_path).reserved_price
        server.kill()

    assert set(statuses) == {200, 402}
    assert statuses.count(200) <= room
    assert reserved == room * PRICE
    assert "budget" in last[-1].text
    assert proved(tmp_path).sums.cost < MILLION
