"""Engines of other machines: a server takes their jobs without having what they need."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from support.fleets import Fleet, FleetServer
from support.in_process import create_body, served, settings_of
from support.memory_ports import Memory
from support.memory_store import MemoryStore
from support.requests import HAPPYHORSE, URL, WAN22
from support.scripted_house import opened
from unstill.domain.errors import BadField, BadSetting
from unstill.domain.job import State
from unstill.domain.server_role import NO_WORK, ServerRole, WorkKind
from unstill.product import Product
from unstill.steps.render import Renderer

OPEN = f"""
[engines.gpu1]
kind = "diffusers"
path = "/weights/that/are/not/here"
devices = ["cuda:0", "cuda:1"]

[models."{WAN22}"]
engines = ["gpu1"]
"""


class Shared(MemoryStore):
    """As one of several servers has it."""

    def __init__(self, clock_ms: Callable[[], int]) -> None:
        super().__init__(Memory(), clock_ms)
        self.duties = self.signals = cast("Any", FleetServer(Fleet()))


def product_of(folder: Path, role: ServerRole, toml: str = OPEN) -> Product:
    return Product(
        settings_of(folder, toml), role=role, store_in=lambda _, clock_ms: Shared(clock_ms)
    )


async def test_a_server_that_renders_nothing_takes_jobs_without_the_weights(
    tmp_path: Path,
) -> None:
    product = product_of(tmp_path, NO_WORK)
    async with served(product) as http:
        models = {each["id"]: each for each in (await http.get("/v1/models")).json()["data"]}
        taken = await http.post("/v1/tasks/submit", json=create_body(WAN22, duration=5))
        status = await http.get(
            "/v1/tasks/status", params={"task_id": taken.json()["output"]["task_id"]}
        )

    (engine,) = models[WAN22]["engines"]
    assert (engine["name"], engine["kind"], engine["is_generative"]) == ("gpu1", "diffusers", True)
    assert (taken.status_code, status.json()["output"]["task_status"]) == (200, "Pending")
    assert status.headers["x-unstill-engine"] == "gpu1; kind=diffusers"
    assert product._locals["gpu1"].slots == 2


def test_a_server_that_renders_needs_what_its_engines_need(tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match=r"^engines\.gpu1"):
        product_of(tmp_path, ServerRole(frozenset({WorkKind.RENDER})))
    others = ServerRole(frozenset(WorkKind), frozenset({"camera"}))

    assert product_of(tmp_path, others)._locals["gpu1"].label == "gpu1; kind=diffusers"


def test_what_it_is_never_asked_for_is_known_without_weights(tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match="gpu1"):
        product_of(tmp_path, NO_WORK, OPEN.replace(WAN22, HAPPYHORSE))


async def test_what_an_engine_cannot_do_fails_its_job_in_words_where_others_take_jobs(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path, serves=False) as house:
        house.runner._renderer = Renderer(
            files=house.files,
            engines={"camera": house.engine},
            stalls=house.stalls,
            board=house.board,
            clock_ms=house.clock_ms,
            asks_again=True,
        )
        job_id = await house.submit(URL)
        house.engine.refusal = BadField("duration", "at most 5: it makes no longer video", 8)
        await house.runner.startup()
        job = await house.until(job_id)

    assert job.state is State.FAILED
    assert job.failure is not None
    assert (job.failure.code, job.failure.param) == ("invalid_parameter", "duration")
    assert house.engine.scenes == []
