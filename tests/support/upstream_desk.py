"""One server with an engine at each of four emulators, whose jobs end when they are told to."""

from __future__ import annotations

from base64 import b64encode
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2

from support.emulator_process import Emulator
from support.ledger_of_server import ledger, outcomes, rows
from support.requests import SORA, WAN22, WAN27
from support.servers import ENDED, PHOTOS, Serving
from support.settings_files import ONLY_UPSTREAMS, engine, model
from support.waits import hold_until
from unstill.domain.attempts import Outcome
from unstill.domain.job import State

CHELSEA = b64encode((PHOTOS / "chelsea.jpg").read_bytes()).decode()
LONG_S = 600.0  # no job of the emulators ends by itself


class Desk:
    """The server and its four upstreams: `first` and `second` are providers, two are open servers.

    Each answer that callers get is searched for the upstreams' addresses.
    """

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder = folder
        self.first = stack.enter_context(Emulator("dashscope", job_s=LONG_S))
        self.second = stack.enter_context(Emulator("modelverse", job_s=LONG_S))
        self.gpu = stack.enter_context(Emulator("sglang", job_s=LONG_S))
        self.omni = stack.enter_context(Emulator("vllm-omni", job_s=LONG_S))
        self.emulators = (self.first, self.second, self.gpu, self.omni)
        config = (
            ONLY_UPSTREAMS,
            engine("first", self.first),
            engine("second", self.second),
            engine("gpu", self.gpu),
            engine("free", self.gpu, free_to_repeat=True),
            engine("omni", self.omni),
            model("solo", "first", like=WAN27),
            model("pair", "first", "second", like=WAN27),
            model("second", "second", like=WAN27),
            model("gpu", "gpu", like=WAN27),
            model("free", "free", like=WAN27),
            model("omni", "omni", like=WAN27),
            model(WAN22, "first"),
            model(SORA, "first"),
        )
        self.server = stack.enter_context(Serving(folder, config="".join(config)))

    def submit(self, name: str, *, picture: str = CHELSEA, **parameters: object) -> str:
        parameters = {"duration": 5, **parameters}
        given = {"first_frame_url": picture, "prompt": f"push in {uuid4()}"}
        return self.server.submit({"model": name, "input": given, "parameters": parameters})

    def ended(self, job_id: str, *, within_s: float = 30.0) -> dict[str, Any]:
        """The job's status once it has ended; the upstreams are told to finish meanwhile."""
        hold_until(lambda: self._is_ended(job_id), within_s=within_s)
        return dict(self.server.status(job_id)["output"])

    def error(self, job_id: str, *, within_s: float = 30.0) -> str:
        """Why the job failed."""
        output = self.ended(job_id, within_s=within_s)
        assert output["task_status"] == "Failure", output
        return str(output["error_message"])

    def video(self, job_id: str) -> bytes:
        output = self.ended(job_id)
        assert output["task_status"] == "Success", output
        answer = httpx2.get(output["urls"][0])
        assert answer.status_code == 200
        return answer.content

    def outcomes(self, job_id: str) -> list[tuple[str, Outcome]]:
        return outcomes(self.folder, job_id)

    def state(self, job_id: str) -> State:
        return rows(self.folder)[job_id].state

    def is_shut(self, engine_name: str) -> bool:
        """Whether the engine's last answer to a submit lets jobs wait for it, or pass it by."""
        last = [each for each in ledger(self.folder) if each.engine == engine_name][-1:]
        return any(each.outcome in {Outcome.BUSY, Outcome.REFUSED} for each in last)

    def _is_ended(self, job_id: str) -> bool:
        for emulator in self.emulators:
            emulator.finish()
        task = self.server.status(job_id)
        video = self.server.http.get(f"/v1/videos/{job_id}").text
        for emulator in self.emulators:
            assert emulator.url.removeprefix("http://") not in f"{task}{video}"
        return task["output"]["task_status"] in ENDED
