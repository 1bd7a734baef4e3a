"""What operators see of the last hours, and of what receivers of webhooks are owed."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.admin_team import ProductMaker, ended_by, team_of
from support.in_process import settings_of
from support.jobs import a_job
from unstill.domain.job import Failure, failed
from unstill.domain.job_ids import new_id
from unstill.product import Product

NOW_MS = 1_763_600_400_000


async def test_the_last_hours_are_told_of_all_owners(make_product: ProductMaker) -> None:
    async with team_of(make_product()) as team:
        for owner in ("ann", "bob"):
            await ended_by(team, await team.submitted(owner))
        told = await team.told("GET", "/admin/activity?hours=1")
        usual = await team.told("GET", "/admin/activity")

    assert told["step_ms"] == 120_000
    assert told["data"][0]["at_ms"] == told["since_ms"]
    assert len(told["data"]) == 31
    assert sum(each["made"] for each in told["data"]) == 2
    assert sum(each["succeeded"] for each in told["data"]) == 2
    assert sum(each["video_s"] for each in told["data"]) == pytest.approx(4, abs=0.2)
    assert told["errors"] == []
    [engine] = told["engines"]
    assert (engine["engine"], engine["succeeded"], engine["failed"]) == ("camera", 2, 0)
    assert engine["render_ms_p50"] > 0
    assert usual["step_ms"] == 1_800_000


@pytest.mark.parametrize("hours", ["0", "721", "1.5", "x", ""])
async def test_other_hours_are_refused_by_name(tmp_path: Path, hours: str) -> None:
    async with team_of(Product(settings_of(tmp_path))) as team:
        status, code, message = await team.refused("GET", f"/admin/activity?hours={hours}")

    assert (status, code) == (400, "invalid_parameter")
    assert message.startswith("hours must be ")


async def test_720_hours_are_the_most(tmp_path: Path) -> None:
    async with team_of(Product(settings_of(tmp_path))) as team:
        told = await team.told("GET", "/admin/activity?hours=720")

    assert told["step_ms"] == 24 * 3_600_000


async def test_what_is_owed_is_told_without_its_address(make_product: ProductMaker) -> None:
    product = make_product()
    url = "https://Hooks.example.com/a?key=secret"
    async with team_of(product) as team:
        nothing = await team.told("GET", "/admin/webhooks")
        job = a_job(id=new_id(NOW_MS), webhook_url=url, created_ms=NOW_MS)
        await product._store.jobs.add(job)
        await product._store.jobs.change(job.id, failed(Failure("x", "y"), NOW_MS))
        answer = await team.ask("GET", "/admin/webhooks")

    told = answer.json()
    assert nothing == {
        "owed": 0,
        "oldest_ms": None,
        "failing": 0,
        "given_up_day": 0,
        "data": [],
    }
    [delivery] = told["data"]
    assert (delivery["job_id"], delivery["owner"]) == (job.id, "team-a")
    assert delivery["receiver"] == "hooks.example.com"
    assert "secret" not in answer.text
