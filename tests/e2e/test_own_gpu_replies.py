"""Lost replies of servers on a GPU of one's own: looked up by the call's id, and rendered once."""

from __future__ import annotations

from pathlib import Path

import pytest

from e2e.test_upstream_kills import CHELSEA, WAN27, reach
from support.emulator_process import Emulator
from support.engine_benches import ROWS
from support.ledger_of_server import attempts
from support.servers import Serving
from support.settings_files import ONLY_UPSTREAMS, engine, model
from support.waits import hold_until
from unstill.domain.attempts import Outcome
from unstill.domain.job import State

pytestmark = pytest.mark.slow

ASKED = {
    "model": WAN27,
    "input": {"first_frame_url": CHELSEA},
    "parameters": {"duration": 2, "resolution": "720P"},
}


@pytest.mark.parametrize("kind", ["lightx2v", "comfyui"])
def test_a_job_whose_reply_was_lost_in_a_kill_is_found_and_made_once(
    kind: str, tmp_path: Path
) -> None:
    with Emulator(kind, job_s=0.5) as emulator:
        table = engine("gpu1", emulator, **ROWS[kind].own)
        config = "".join((ONLY_UPSTREAMS, table, model(WAN27, "gpu1")))
        emulator.next("submit", "drop_after")
        with Serving(tmp_path, config=config) as server:
            job_id = server.submit(ASKED)
            hold_until(lambda: emulator.charges()["submits"] >= 1)
            reach(tmp_path, job_id, State.SUBMITTING)
            server.kill()
        with Serving(tmp_path, config=config) as server:
            ended = server.wait(job_id)["output"]["task_status"]
        [attempt] = attempts(tmp_path, job_id)
        charges = emulator.charges()

    assert ended == "Success"
    assert attempt.outcome is Outcome.ACCEPTED
    assert (charges["submits"], charges["accepted"]) == (1, 1)
