"""A new kind of engine of this machine is its folder: with one that stands here alone, the real
product renders in a real child program that it has never heard of.

What a new kind of local engine touches elsewhere:

    engines/NEW/__init__.py   the engine on the server's side, as `ToyEngine` here
    engines/NEW/__main__.py   its child program and what that is told, as `toy_local_child.py`
    settings/engines.py       its settings, as `ToySettings` here, named in `EngineSettings`
    assembly.py               one line in `LOCAL_KINDS`, as `TOY_KIND` here

What only it needs of its children it says to its own `Pool`: which device is whose, how long a
start may take, when a child is replaced; and to its own `serve()`, how many addresses one may have.
No step, no store and no command has to know it.
"""

from __future__ import annotations

import io
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import av
import httpx2
import msgspec
import pytest

from contract.toy_local_child import ADDRESS_SPACE_BYTES, DEVICE, LOADS_S, Painted, PaintTask
from support.in_process import create_body, created, ended, served, settings_of
from support.requests import HAPPYHORSE, WAN27
from unstill.assembly import LOCAL_KINDS, LocalKind
from unstill.domain.engine import Made, Report, Scene
from unstill.domain.errors import BadField
from unstill.domain.request import VideoRequest
from unstill.media.pool import Pool
from unstill.product import Product
from unstill.settings.engines import LocalSettings
from unstill.settings.models import ModelSettings

HERE = Path(__file__).parent

# --- the engine, its settings, and the one line --------------------------------------------------


class ToySettings(LocalSettings, frozen=True, tag="toy"):
    """`[engines.NAME] kind = "toy"`."""

    devices: int = 1
    loads_s: float = 0.0
    start_within_s: float = 120.0


class ToyEngine:
    """Paints frames of one colour; a child for each device, which stays for good."""

    kind = "toy"
    is_generative = True
    description = "paints, on a device of its own"

    def __init__(self, name: str, own: ToySettings) -> None:
        self.name = name
        self.starts = 0
        self.slots = own.devices
        self._own = own
        self.pool = Pool(
            "toy_local_child",
            size=own.devices,
            recycle_after=None,
            start_within_s=own.start_within_s,
            environment=self._environment,
        )

    def _environment(self, slot: int) -> Mapping[str, str]:
        return {
            "PYTHONPATH": os.pathsep.join((str(HERE), str(HERE.parent))),
            DEVICE: f"toy:{slot}",
            LOADS_S: f"{self._own.loads_s}",
        }

    @property
    def children(self) -> tuple[Pool]:
        return (self.pool,)

    def misfit(self, request: VideoRequest) -> BadField | None:
        last = request.last_frame
        return None if last is None else BadField(last.param, "left out: toy has no use for it")

    @property
    def label(self) -> str:
        return f"{self.name}; kind=toy; paint=wet"

    async def startup(self) -> None:
        self.starts += 1

    async def render(self, scene: Scene, report: Report) -> Made:
        request = scene.request
        task = PaintTask(
            out=str(scene.out),
            size=scene.size,
            frame_rate=request.frame_rate,
            frame_count=request.frame_count,
            prompt=request.prompt,
        )
        await self.pool.run("paint", task, Painted, report=report, silence_s=60)
        usage = {"SR": min(scene.size.width, scene.size.height)}
        return Made(usage=usage, made_by=f"{self.name}; kind=toy; paint=dry")

    async def close(self) -> None:
        await self.pool.close()


TOY_KIND = LocalKind(ToySettings, lambda setup, own: ToyEngine(setup.name, own))

# --- through the real product --------------------------------------------------------------------


class Studio:
    """A server with the toy as the engine of two models."""

    def __init__(self, http: httpx2.AsyncClient, product: Product) -> None:
        self.http = http
        engine = product._locals["studio"]
        assert isinstance(engine, ToyEngine)
        self.engine = engine

    async def create(self, prompt: str, model: str = WAN27, **parameters: object) -> str:
        body = create_body(model, **{"duration": 3} | parameters)
        body["input"]["prompt"] = prompt
        return await created(self.http, body)

    async def made(self, task_id: str) -> tuple[dict[str, Any], dict[str, str]]:
        """The status of a task that has succeeded, and what its file says of itself."""
        status = await ended(self.http, task_id)
        assert status["output"]["task_status"] == "Success", status
        video = await self.http.get(status["output"]["urls"][0])
        with av.open(io.BytesIO(video.content)) as container:
            assert container.streams.video[0].frames == 90
            return status, dict(container.metadata)


@asynccontextmanager
async def studio(tmp_path: Path, **own: object) -> AsyncIterator[Studio]:
    models = dict.fromkeys((WAN27, HAPPYHORSE), ModelSettings(engines=("studio",)))
    settings = msgspec.structs.replace(
        settings_of(tmp_path),
        engines={"studio": msgspec.convert({"kind": "toy"} | own, ToySettings)},
        models=models,
    )
    product = Product(settings, local_kinds=(*LOCAL_KINDS, TOY_KIND))
    async with served(product) as http:
        yield Studio(http, product)


async def test_a_video_of_an_engine_that_only_this_file_knows_is_made_and_sent(
    tmp_path: Path,
) -> None:
    async with studio(tmp_path) as toy:
        status, metadata = await toy.made(await toy.create("grey"))
        confinement = toy.engine.pool.confinement
        model = (await toy.http.get(f"/v1/models/{WAN27}")).json()

    assert metadata["comment"] == "painted by toy:0"
    assert status["usage"]["duration"] == 3
    assert confinement is not None
    assert confinement.address_space_bytes == ADDRESS_SPACE_BYTES
    assert (model["engines"][0]["name"], model["engines"][0]["kind"]) == ("studio", "toy")


async def test_its_answers_say_what_it_is_and_in_the_end_what_the_video_was_made_by(
    tmp_path: Path,
) -> None:
    body = create_body(duration=3)
    async with studio(tmp_path) as toy:
        begun = await toy.http.post("/v1/tasks/submit", json=body)
        task_id = begun.json()["output"]["task_id"]
        await toy.made(task_id)
        ended = await toy.http.get("/v1/tasks/status", params={"task_id": task_id})
        events = await toy.http.get(f"/v1/videos/{task_id}/events")

        assert toy.engine.starts == 1
    assert begun.headers["x-unstill-engine"] == "studio; kind=toy; paint=wet"
    assert ended.headers["x-unstill-engine"] == "studio; kind=toy; paint=dry"
    assert events.headers["x-unstill-engine"] == "studio; kind=toy; paint=dry"


async def test_two_devices_render_side_by_side_each_in_its_own_child(tmp_path: Path) -> None:
    meeting = tmp_path / "meeting"
    meeting.mkdir()
    async with studio(tmp_path, devices=2) as toy:
        tasks = [await toy.create(f"meet {meeting}") for _ in range(2)]
        told = [metadata["comment"] for _, metadata in [await toy.made(each) for each in tasks]]

    assert sorted(told) == ["painted by toy:0", "painted by toy:1"]


async def test_what_the_engine_tells_of_its_render_is_the_usage_where_the_card_counts_it(
    tmp_path: Path,
) -> None:
    async with studio(tmp_path) as toy:
        status = await ended(toy.http, await toy.create("grey", HAPPYHORSE))

    assert status["usage"]["SR"] == 256
    assert status["usage"]["video_count"] == 1


async def test_what_it_cannot_do_is_refused_before_the_job_exists(tmp_path: Path) -> None:
    body = create_body()
    body["input"]["last_frame_url"] = body["input"]["first_frame_url"]
    async with studio(tmp_path) as toy:
        answer = await toy.http.post("/v1/tasks/submit", json=body)
        listed = (await toy.http.get("/v1/videos")).json()

    assert answer.status_code == 400
    assert "toy has no use for it" in answer.text
    assert listed["data"] == []


async def test_a_child_that_dies_is_asked_once_more(tmp_path: Path) -> None:
    async with studio(tmp_path) as toy:
        _, metadata = await toy.made(await toy.create(f"die-once {tmp_path / 'note'}"))

    assert (tmp_path / "note").exists()
    assert metadata["comment"] == "painted by toy:0"


@pytest.mark.slow
async def test_a_child_may_load_for_as_long_as_the_engine_lets_it(tmp_path: Path) -> None:
    async with studio(tmp_path, loads_s=0.5, start_within_s=60.0) as toy:
        await toy.made(await toy.create("grey"))


async def test_a_child_that_loads_for_longer_ends_the_job_and_says_so(tmp_path: Path) -> None:
    async with studio(tmp_path, loads_s=60.0, start_within_s=0.3) as toy:
        output = (await ended(toy.http, await toy.create("grey")))["output"]

    assert output["task_status"] == "Failure"
    assert "start (stopped after 0.3 s)" in output["error_message"]
