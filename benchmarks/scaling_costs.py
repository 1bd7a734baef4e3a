"""What a job costs a fleet: of PostgreSQL, of the bucket, and of each process. For docs/scaling.md.

    python -m benchmarks.scaling_costs [--jobs 100]

A gateway and a worker on one PostgreSQL and one SeaweedFS, through real sockets. First nothing is
asked of them, then jobs go through an emulated DashScope, then the camera renders some. What the
idle fleet costs in the same time is taken off. Then status polls; then the first jobs again while a
second gateway, which nobody calls, hears of them; and the size of many rows.
"""

from __future__ import annotations

import argparse
import os
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import httpx2
from benchmarks.count_requests import CountingRelay
from benchmarks.fleet import Fleet, fleet
from benchmarks.process import Running, running
from benchmarks.real_servers import PostgresServer, postgres
from benchmarks.s3_server import S3Server, seaweed_line
from benchmarks.upstream import arguments

from unstill.emulators import Options

KEY = "sk-scaling"
PHOTO = Path(__file__).parents[1] / "photos" / "chelsea.jpg"
ROLES = {
    "gateway": ("serve", "--no-work"),
    "worker": ("worker",),
    "hearer": ("serve", "--no-work"),  # which nobody calls
}
CONFIG = """
[money]
currency = "EUR"
[engines.bailian]
kind = "dashscope"
base_url = "{url}/api/v1"
api_key = "sk-scaling"
[engines.bailian.costs]
"wan2.7-i2v" = {{per_second = 0.05}}
[models."wan2.7-i2v"]
engines = ["bailian"]
[models."wan2.7-i2v".prices]
"720P" = {{per_second = 0.08}}
"""
IDLE_S = 20.0
WITHIN_S = 600.0
POLLS = 1_000
COPIES = 50_000
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")

# PostgreSQL's own counts of transactions and WAL come seconds late: these do not.
_STATEMENTS = """
  SELECT coalesce(sum(calls), 0) FROM pg_stat_statements JOIN pg_database ON dbid = oid
  WHERE datname = '{name}' AND query !~* '^(begin|commit|rollback)'"""
_COMMITS = """
  SELECT coalesce(sum(calls), 0) FROM pg_stat_statements JOIN pg_database ON dbid = oid
  WHERE datname = '{name}' AND query ~* '^commit'"""
_WAL = "SELECT pg_current_wal_insert_lsn() - '0/0'"
_CONNECTIONS = """
  SELECT count(*) FROM pg_stat_activity
  WHERE datname = '{name}' AND application_name = 'unstill'"""
_UNFINISHED = "SELECT count(*) FROM jobs WHERE state NOT IN ('succeeded', 'failed', 'cancelled')"
_FAILED = "SELECT count(*) FROM jobs WHERE state = 'failed'"
# What one finished job has there, many times; ids rise, as real ones do.
_COLUMNS = """
  SELECT string_agg(attname, ',') FROM pg_attribute
  WHERE attnum > 0 AND attidentity = '' AND attrelid = '{table}'::regclass"""
_COPY = """
  INSERT INTO {table} ({names})
  SELECT {values} FROM {table} AS kept, generate_series(1, {copies}) AS copy
  WHERE {key} = (SELECT max(job_id) FROM attempts)"""


class Totals(NamedTuple):
    """Since each began: counts, bytes and CPU seconds."""

    at_s: float
    statements: float
    commits: float
    wal_bytes: float
    requests: float
    bytes_there: float
    bytes_back: float
    gateway_s: float
    worker_s: float
    children_s: float  # the worker's: they look at pictures and videos, and render
    database_s: float
    hearer_s: float

    def since(self, earlier: Totals) -> Totals:
        return Totals(*(now - then for now, then in zip(self, earlier, strict=True)))

    def beyond(self, idle: Totals) -> Totals:
        """Without what as long a rest costs."""
        share = self.at_s / idle.at_s
        ours = (mine - share * theirs for mine, theirs in zip(self, idle, strict=True))
        return Totals(*ours)._replace(at_s=self.at_s)


class Site(NamedTuple):
    members: Fleet
    database: PostgresServer
    relay: CountingRelay

    @property
    def name(self) -> str:
        return self.members.database.rpartition("/")[2]

    def ask(self, sql: str) -> float:
        """Of the server; asked in another database than that of the jobs, and not counted."""
        return float(self.database.sql(sql.format(name=self.name)) or 0)

    def totals(self) -> Totals:
        return Totals(
            time.monotonic(),
            self.ask(_STATEMENTS),
            self.ask(_COMMITS),
            self.ask(_WAL),
            self.relay.requests.total(),
            self.relay.bytes_there,
            self.relay.bytes_back,
            _cpu_s(self.members, "gateway"),
            _cpu_s(self.members, "worker"),
            _children_cpu_s(self.members, "worker"),
            _tree_cpu_s(self.database.pid),
            _cpu_s(self.members, "hearer") if self.members.members["hearer"].is_up else 0.0,
        )


def _seen(members: Fleet, name: str) -> Running:
    process = members.members[name].process
    assert process is not None  # noqa: S101  - it was started
    return Running(process.pid, "")


def _cpu_s(members: Fleet, name: str) -> float:
    """Of the process, without its children."""
    return _seen(members, name).cpu_s


def _children_cpu_s(members: Fleet, name: str) -> float:
    return _tree_cpu_s(_seen(members, name).pid) - _cpu_s(members, name)


def _tree_cpu_s(pid: int) -> float:
    """Of a process and all its children, with those that ended."""
    total = sum(map(int, _stat(pid)[11:15]))
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in children.read_text().split():
            try:
                total += sum(map(int, _stat(int(child))[11:13]))
            except OSError:  # it ended meanwhile, and is counted as one that has
                continue
    return total / _TICKS_PER_S


def _stat(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def submit(http: httpx2.Client, model: str, number: int, parameters: dict[str, Any]) -> str:
    picture = f"data:image/jpeg;base64,{b64encode(PHOTO.read_bytes()).decode()}"
    given = {"first_frame_url": picture, "prompt": f"push in, {number}"}
    body = {"model": model, "input": given, "parameters": parameters}
    answer = http.post("/v1/tasks/submit", json=body)
    answer.raise_for_status()
    return str(answer.json()["output"]["task_id"])


def worked(site: Site, http: httpx2.Client, jobs: int, model: str, **asked: Any) -> Totals:
    """What so many jobs take, from the first one's call to the last one's end."""
    before = site.totals()
    for number in range(jobs):
        submit(http, model, number, asked)
    looks = 0
    until_s = time.monotonic() + WITHIN_S
    while int(site.database.sql(_UNFINISHED, site.name)):
        looks += 1
        if time.monotonic() > until_s:
            raise RuntimeError("the jobs do not end")
        time.sleep(2)
    failed = int(site.database.sql(_FAILED, site.name))
    if failed:
        raise RuntimeError(f"{failed} jobs failed")
    done = site.totals().since(before)
    seen = looks + 2
    return done._replace(statements=done.statements - seen)


def show(title: str, spent: Totals, jobs: int) -> None:
    print(f"\n{title}: {jobs} in {spent.at_s:.0f} s; each, beyond what a rest costs")
    rows = [
        ("statements", spent.statements, ",.1f"),
        ("transactions that write", spent.commits, ",.1f"),
        ("WAL, KB", spent.wal_bytes / 1000, ",.1f"),
        ("requests to the bucket", spent.requests, ",.1f"),
        ("to the bucket, KB", spent.bytes_there / 1000, ",.0f"),
        ("from the bucket, KB", spent.bytes_back / 1000, ",.0f"),
        ("gateway, ms of a core", spent.gateway_s * 1000, ",.2f"),
        ("worker, without children, ms of a core", spent.worker_s * 1000, ",.1f"),
        ("its children, ms of a core", spent.children_s * 1000, ",.0f"),
        ("PostgreSQL, ms of a core", spent.database_s * 1000, ",.2f"),
        ("a gateway that hears of them, ms of a core", spent.hearer_s * 1000, ",.2f"),
    ]
    for what, value, form in rows:
        print(f"  {what:<42}{value / jobs:>12{form}}")


def rested(site: Site) -> Totals:
    before = site.totals()
    time.sleep(IDLE_S)
    return site.totals().since(before)


def show_rest(spent: Totals, processes: int) -> None:
    print(f"\nat rest, a second, {processes} processes together")
    for what, value in (
        ("statements", spent.statements),
        ("transactions that write", spent.commits),
        ("WAL, KB", spent.wal_bytes / 1000),
        ("requests to the bucket", spent.requests),
        ("gateway, ms of a core", spent.gateway_s * 1000),
        ("worker, ms of a core", spent.worker_s * 1000),
        ("PostgreSQL, ms of a core", spent.database_s * 1000),
    ):
        print(f"  {what:<42}{value / spent.at_s:>12,.1f}")


def show_sizes(site: Site) -> None:
    """Bytes of each table for a job, indexes included, over many copies of a finished one."""
    print(f"\nsizes, of {COPIES:,} copies of a finished job's rows")
    total = 0.0
    for table, key in (("jobs", "id"), ("charges", "job_id"), ("attempts", "job_id")):
        site.database.sql(f"VACUUM FULL {table}", site.name)
        before = _size(site, table)
        names = site.database.sql(_COLUMNS.format(table=table), site.name)
        # Ids that no real one has: the copies lie side by side.
        made = f"'0000' || lpad(copy::text, 8, '0') || right({key}, 24)"
        values = ",".join(made if each == key else each for each in names.split(","))
        copied = _COPY.format(table=table, names=names, values=values, copies=COPIES, key=key)
        site.database.sql(copied, site.name)
        size = (_size(site, table) - before) / COPIES
        total += size
        print(f"  {table:<42}{size:>12,.0f}")
    print(f"  {'all of them':<42}{total:>12,.0f}")


def _size(site: Site, table: str) -> int:
    return int(site.database.sql(f"SELECT pg_total_relation_size('{table}')", site.name))


@contextmanager
def sites() -> Iterator[Site]:
    with (
        running(arguments("dashscope", Options(keys=(KEY,), job_s=3.0))) as upstream,
        postgres("shared_preload_libraries=pg_stat_statements") as database,
        TemporaryDirectory(prefix="unstill-s3-") as folder,
        closing(CountedStorage(Path(folder))) as s3,
    ):
        database.sql("CREATE EXTENSION pg_stat_statements")
        config = CONFIG.format(url=upstream.url)
        with fleet(database, s3, config, roles=ROLES) as members:
            members.start()
            members.wait_ready()
            members.members["hearer"].end()
            yield Site(members, database, s3.relay)


class CountedStorage(S3Server):
    """A storage that is reached through a relay that counts."""

    def __init__(self, folder: Path) -> None:
        super().__init__(*seaweed_line(folder), folder / "weed.log")
        self.relay = CountingRelay(self.port)
        self.relay.start()

    @property
    def variables(self) -> dict[str, str]:
        return {**super().variables, "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.relay.port}"}

    def close(self) -> None:
        self.relay.close()
        self.end()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scaling_costs")
    parser.add_argument("--jobs", type=int, default=100)
    jobs = parser.parse_args().jobs
    with sites() as site, httpx2.Client(base_url=site.members.gateways[0].url, timeout=60) as http:
        first = submit(http, "happyhorse-1.0-i2v", 0, {"resolution": "720P", "duration": 3})
        while http.get(f"/v1/tasks/status?task_id={first}").json()["output"]["task_status"] not in {
            "Success",
            "Failure",
        }:
            time.sleep(0.5)
        idle = rested(site)
        show_rest(idle, 2)
        spent = worked(site, http, jobs, "wan2.7-i2v", resolution="720P", duration=5)
        show("jobs of an emulated DashScope", spent.beyond(idle), jobs)
        print(f"  {'connections of both, now':<42}{site.ask(_CONNECTIONS):>12,.0f}")
        for name in ("gateway", "worker"):
            memory = _seen(site.members, name).memory.rss_mib
            print(f"  {name + ', MiB':<42}{memory:>12,.0f}")
        print(f"  {'by method, in all':<42}{dict(site.relay.requests)}")
        few = max(1, jobs // 5)
        spent = worked(site, http, few, "happyhorse-1.0-i2v", resolution="720P", duration=3)
        show("jobs of the camera, 720P, 3 s", spent.beyond(idle), few)
        print(f"  {'by method, in all':<42}{dict(site.relay.requests)}")
        before = site.totals()
        for _ in range(POLLS):
            http.get(f"/v1/tasks/status?task_id={first}").raise_for_status()
        show("status polls", site.totals().since(before).beyond(idle), POLLS)
        site.members.members["hearer"].start()
        site.members.wait_ready()
        idle = rested(site)
        show_rest(idle, 3)
        spent = worked(site, http, jobs, "wan2.7-i2v", resolution="720P", duration=5)
        show("the first jobs again, with one more gateway", spent.beyond(idle), jobs)
        show_sizes(site)


if __name__ == "__main__":
    main()
