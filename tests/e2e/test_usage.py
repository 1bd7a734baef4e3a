"""Usage of a real server with a paid upstream: by the command, by HTTP and in the metrics alike."""

from __future__ import annotations

import csv
import io
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import httpx2
import pytest
from prometheus_client.parser import text_string_to_metric_families

from support.emulator_process import Emulator
from support.fork_server import ran
from support.servers import PHOTOS, Serving
from support.settings_files import engine, model
from unstill.domain.usage import FIGURES

pytestmark = pytest.mark.slow

CHELSEA = b64encode((PHOTOS / "chelsea.jpg").read_bytes()).decode()
BYS = ("owner", "key", "model", "engine", "day", "owner,model,engine")
LIKE = "wan2.7-i2v"
MONEY = """
[money]
currency = "EUR"

[money.rates]
CNY = "0.125"

[engines.up.costs."wan2.7-i2v"]
per_second = "0.6"

[models."sold".prices]
"720P" = { per_second = "0.09" }
"""


KEYS = {"UNSTILL_API_KEYS": "ann:sk-ann,bob:sk-bob"}
KNOWN = '[server]\nmetrics_networks = ["127.0.0.0/8"]\n'
BY_OWNER = """\
owner,settled_price,reserved_price,settled_cost,currency,jobs,videos,billed_seconds
ann,0.45,0.45,0.375,EUR,2,1,5
bob,0.375,0,0.375,EUR,2,2,7
"""
RESOLVED = """\
owner,settled_price,reserved_price,settled_cost,currency,jobs,videos,billed_seconds
ann,0.45,0,0.75,EUR,2,1,5
"""


class Shop(NamedTuple):
    server: Serving
    upstream: Emulator
    admin: str

    def run(self, *words: str) -> tuple[int, str]:
        folder = self.server.data_dir
        command = ["-m", "unstill", *words, "--data-dir", str(folder)]
        done = ran([*command, "--config", str(folder / "unstill.toml")])
        return done.returncode, done.stdout

    def made(self, owner: str, name: str, *faults: str) -> tuple[str, str]:
        """A job of that model, whose submit to the upstream gets these faults; and its end."""
        self.upstream.next("submit", *faults)
        small = {"duration": 2, "size": "320*256"}
        body = {
            "model": name,
            "input": {"first_frame_url": CHELSEA, "prompt": "a plan"},
            "parameters": small if name == LIKE else {"duration": 5, "resolution": "720P"},
        }
        self.server.http.headers["authorization"] = f"sk-{owner}"
        job_id = self.server.submit(body)
        return job_id, str(self.server.wait(job_id)["output"]["task_status"])

    def told(self, path: str, key: str, by: str = "owner") -> str:
        """What is told there, as rows for a program."""
        answer = self.server.http.get(path, params={"by": by}, headers={"authorization": key})
        assert answer.status_code == 200, answer.text
        text = io.StringIO()
        rows = csv.DictWriter(text, (*by.split(","), *FIGURES), lineterminator="\n")
        rows.writeheader()
        rows.writerows(answer.json()["data"])
        return text.getvalue()

    def metric(self, name: str, **labels: str) -> float:
        answer = httpx2.get(f"{self.server.url}/metrics")
        return sum(
            sample.value
            for family in text_string_to_metric_families(answer.text)
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with Emulator("modelverse", job_s=0.5) as upstream:
        engines = engine("up", upstream, currency="CNY") + model("sold", "up", like=LIKE)
        config = KNOWN + engines + model("at-cost", "up", like=LIKE) + MONEY
        data_dir = tmp_path / "data"
        data_dir.mkdir()
        command = ["-m", "unstill", "keys", "create", "ops", "--scope", "admin"]
        made = ran([*command, "--data-dir", str(data_dir)])
        with Serving(data_dir, environment=KEYS, config=config) as server:
            yield Shop(server, upstream, made.stdout.splitlines()[0])


def test_the_command_http_and_the_metrics_tell_the_same_and_a_check_proves_it(shop: Shop) -> None:
    lost, word = shop.made("ann", "sold", "drop_after")
    words = [shop.made(*asked)[1] for asked in (("ann", "sold"), ("bob", "at-cost"), ("bob", LIKE))]
    everything = [shop.run("usage", "--csv", "--by", by)[1] for by in BYS]

    assert (word, words) == ("Failure", ["Success"] * 3)
    assert everything[0] == BY_OWNER
    assert [shop.told("/admin/usage", shop.admin, by) for by in BYS] == everything
    assert shop.told("/v1/usage", "sk-ann") == "".join(BY_OWNER.splitlines(keepends=True)[:2])
    assert shop.told("/v1/usage", shop.admin) == BY_OWNER.splitlines(keepends=True)[0]
    assert shop.run("usage", "check")[0] == 0

    assert shop.metric("unstill_charged_prices_total", engine="up") == 0.825
    assert shop.metric("unstill_charged_prices_total", engine="camera") == 0
    assert shop.metric("unstill_charged_costs_total", engine="up") == 0.75
    assert shop.metric("unstill_reserved_prices") == 0.45

    for said in ((), ("--charged", "--free"), ("--charged", "--ticket", "a b")):
        assert shop.run("jobs", "resolve", lost, *said)[0] == 1
    assert shop.told("/v1/usage", "sk-ann") == "".join(BY_OWNER.splitlines(keepends=True)[:2])
    resolved = shop.run("jobs", "resolve", lost, "--charged")
    assert resolved[0] == 0
    assert shop.told("/v1/usage", "sk-ann") == RESOLVED
    assert shop.metric("unstill_charged_costs_total", engine="up") == 1.125
    assert shop.metric("unstill_reserved_prices") == 0
    shop.server.kill()
    assert shop.run("usage", "check")[0] == 0
