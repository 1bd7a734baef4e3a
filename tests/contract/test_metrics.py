"""The metrics of a product, over every store: what was done is counted, and read by Prometheus."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import httpx2
import pytest
from prometheus_client.parser import text_string_to_metric_families

from support.books import ANN, BOB, BORN_MS, a_book_in
from support.in_process import create_body, created, ended, served, settings_of
from support.memory_ports import Memory
from support.memory_store import MemoryStore
from unstill.domain.limits import Limits
from unstill.product import Product
from unstill.server.metrics.families import FAMILIES
from unstill.settings.reader import read_settings
from unstill.store.embedded.owners_beside import change_owner_in
from unstill.system.clock import clock_ms

Make = Callable[[], Product]
Labels = dict[str, str]


@pytest.fixture(params=["embedded", "memory"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    """A product over the same data, each time it is called."""
    memory = Memory()

    def make() -> Product:
        if request.param == "embedded":
            return Product(settings_of(tmp_path))
        return Product(settings_of(tmp_path), store_in=lambda _, clock: MemoryStore(memory, clock))

    return make


async def metrics(http: httpx2.AsyncClient) -> dict[str, list[tuple[Labels, float]]]:
    """Each sample's labels and value, by the sample's name."""
    answer = await http.get("/metrics")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    found: dict[str, list[tuple[Labels, float]]] = {}
    for family in text_string_to_metric_families(answer.text):
        for sample in family.samples:
            found.setdefault(sample.name, []).append((dict(sample.labels), sample.value))
    return found


def total(rows: list[tuple[Labels, float]], **labels: str) -> float:
    return sum(value for has, value in rows if labels.items() <= has.items())


async def test_a_job_is_counted_from_its_submit_to_its_end(make: Make) -> None:
    async with served(make()) as http:
        await ended(http, await created(http, create_body()))
        refused = await http.post("/v1/tasks/submit", json={"model": "wan2.7-i2v"})
        found = await metrics(http)

    assert refused.status_code == 400
    assert total(found["unstill_submits_taken_total"]) == 1
    assert found["unstill_submits_refused_total"] == [({"code": "missing_parameter"}, 1)]
    assert found["unstill_jobs_ended_total"] == [
        ({"state": "cancelled"}, 0),
        ({"state": "failed"}, 0),
        ({"state": "succeeded"}, 1),
    ]
    assert total(found["unstill_jobs"]) == 0
    assert total(found["unstill_job_state_seconds_count"], engine="camera", state="running") == 1
    assert total(found["unstill_job_state_seconds_sum"], state="running") > 0.01
    assert total(found["unstill_commit_seconds_count"]) >= 5
    assert total(found["unstill_commits_failed_total"]) == 0
    assert total(found["unstill_children_started_total"], program="unstill.engines.camera") == 1
    assert total(found["unstill_children_alive"], program="unstill.engines.camera") == 1
    assert total(found["unstill_children_died_total"]) == 0
    assert total(found["unstill_lane_slots"], lane="frames") == 64
    assert total(found["unstill_lane_busy"]) == 0
    assert total(found["unstill_connections_open"]) >= 1
    assert total(found["unstill_webhooks_owed"]) == 0
    assert total(found["unstill_disk_free_bytes"]) > 0
    assert total(found["unstill_disk_reserve_bytes"]) == 200e6
    assert total(found["unstill_process_resident_memory_bytes"]) > 2**20


async def test_gauges_are_right_after_a_restart_and_counters_begin_anew(make: Make) -> None:
    long = create_body(duration=15, size="1280*720")
    async with served(make()) as http:
        for _ in range(6):
            await created(http, long)
        found = await metrics(http)
        before = (total(found["unstill_jobs"]), total(found["unstill_submits_taken_total"]))
    async with served(make()) as http:
        found = await metrics(http)
        queued, oldest = (
            total(found[f"unstill_queue_{each}"], engine="camera")
            for each in ("jobs", "oldest_seconds")
        )
        after = (total(found["unstill_jobs"]), total(found["unstill_submits_taken_total"]))
        for job in (await http.get("/v1/videos")).json()["data"]:
            await http.delete(f"/v1/videos/{job['id']}")
        gone = await metrics(http)

    assert (before, after) == ((6, 6), (6, 0))
    assert 3 <= queued <= 6
    assert 0 < oldest < 120
    assert total(gone["unstill_jobs"]) == 0
    assert total(gone["unstill_jobs_ended_total"], state="cancelled") == 6
    assert total(gone["unstill_queue_oldest_seconds"]) == 0


async def test_every_metric_is_told_from_the_start_with_its_kind_and_its_meaning(
    make: Make,
) -> None:
    async with served(make()) as http:
        text = (await http.get("/metrics")).text
    kinds = {
        line.split()[2]: line.split()[3] for line in text.splitlines() if line.startswith("# TYPE ")
    }

    assert {family.name: family.kind for family in FAMILIES}.items() <= kinds.items()
    assert all(name.startswith("unstill_") for name in kinds)
    assert len({family.name for family in FAMILIES}) == len(FAMILIES)
    for word in ("submit", "doubt", "charge", "upstream", "queue", "lane", "child", "webhook"):
        assert word in text.lower()


async def test_two_scrapes_at_once_both_have_everything(make: Make) -> None:
    async with served(make()) as http:
        both = await asyncio.gather(*(metrics(http) for _ in range(2)))

    assert both[0].keys() == both[1].keys()


async def test_money_is_told_of_the_whole_book_and_how_much_of_each_budget_is_used(
    tmp_path: Path,
) -> None:
    settings = settings_of(tmp_path)
    folder = await a_book_in(Path(settings.server.data_dir), is_over=True)
    change_owner_in(folder, BOB, lambda _: Limits(budget_day=900_000, budget_month=0))
    change_owner_in(folder, ANN, lambda _: Limits(queue=9))
    since_ms = clock_ms() - BORN_MS
    told = []
    for _ in range(2):  # a restart begins nothing anew
        async with served(Product(settings, wall_ms=lambda: clock_ms() - since_ms)) as http:
            told.append(await metrics(http))

    for found in told:
        assert total(found["unstill_charged_prices_total"], engine="ali") == 0.99
        assert total(found["unstill_charged_prices_total"], engine="camera") == 0
        assert total(found["unstill_charged_costs_total"]) == 1.35
        assert total(found["unstill_reserved_prices"]) == 0.45
        assert found["unstill_budget_used_ratio"] == [
            ({"owner": "bob", "period": "month"}, 1),
            ({"owner": "bob", "period": "day"}, 0.5),
        ]


async def test_without_a_book_and_budgets_nothing_is_charged(make: Make) -> None:
    async with served(make()) as http:
        found = await metrics(http)

    assert found["unstill_charged_prices_total"] == [({"engine": "camera"}, 0)]
    assert found["unstill_charged_costs_total"] == [({"engine": "camera"}, 0)]
    assert total(found["unstill_reserved_prices"]) == 0
    assert "unstill_budget_used_ratio" not in found


# --- ready --------------------------------------------------------------------------------------


def limited(folder: Path, limit: str) -> Product:
    settings = settings_of(folder)
    file = folder / "unstill.toml"
    file.write_text(f'[server]\ndata_dir = "{settings.server.data_dir}"\n{limit}\n')
    return Product(read_settings(file=file, environment={}, command_line={}))


async def test_a_server_whose_disk_is_full_is_alive_and_not_ready(tmp_path: Path) -> None:
    async with served(limited(tmp_path, f"least_free_mb = {10**9}")) as http:
        ready = await http.get("/ready")
        health = await http.get("/health")
        submit = await http.post("/v1/tasks/submit", json=create_body())
        found = await metrics(http)

    assert (ready.status_code, ready.json()["status"]) == (503, "not_ready")
    assert ready.json()["reasons"] == ["disk"]
    assert (health.status_code, submit.status_code) == (200, 507)
    assert total(found["unstill_submits_refused_total"], code="storage_full") == 1
    assert total(found["unstill_disk_free_bytes"]) < total(found["unstill_disk_reserve_bytes"])


async def test_a_server_that_is_well_is_ready_for_no_reason(make: Make) -> None:
    async with served(make()) as http:
        ready = await http.get("/ready")

    assert (ready.status_code, ready.json()) == (
        200,
        {"status": "ready", "reasons": [], "engines": [], "jobs_held_up": 0},
    )


async def test_a_server_that_is_stopping_or_whose_store_is_away_says_so(tmp_path: Path) -> None:
    product = Product(settings_of(tmp_path))
    async with served(product) as http:
        database = tmp_path / "data" / "unstill.sqlite3"
        database.rename(tmp_path / "away")
        away = await http.get("/ready")
        scraped = await http.get("/metrics")
        (tmp_path / "away").rename(database)
        back = await http.get("/ready")
        product.stop_taking()
        stopping = await http.get("/ready")

    assert (away.status_code, away.json()["reasons"]) == (503, ["store"])
    assert scraped.status_code == 200
    assert back.status_code == 200
    assert (stopping.status_code, stopping.json()["reasons"]) == (503, ["stopping"])
    assert stopping.json()["status"] == "stopping"


@pytest.mark.parametrize(("held_mb", "status"), [(0, 200), (1, 503)])
async def test_a_folder_that_holds_as_much_as_it_may_is_told_and_is_a_full_disk(
    tmp_path: Path, held_mb: int, status: int
) -> None:
    product = limited(tmp_path, "most_data_mb = 1")
    (tmp_path / "data" / "large").write_bytes(bytes(held_mb * 10**6))
    async with served(product) as http:
        ready = await http.get("/ready")
        found = await metrics(http)

    assert ready.status_code == status
    assert ready.json()["reasons"] == (["disk"] if held_mb else [])
    assert total(found["unstill_disk_folder_limit_bytes"]) == 1e6
    assert (total(found["unstill_disk_folder_bytes"]) >= 1e6) == bool(held_mb)


async def test_a_folder_without_a_limit_is_not_counted(make: Make) -> None:
    async with served(make()) as http:
        found = await metrics(http)

    assert "unstill_disk_folder_bytes" not in found
