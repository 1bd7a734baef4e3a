"""Traces of a real server: one for each job, to a real collector, and none where nobody asked."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from base64 import b64encode
from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx2
import pytest

from support.emulator_process import Emulator
from support.free_ports import free_port
from support.servers import LOOPBACK_ALLOWED, PHOTOS, Serving
from support.settings_files import engine, model
from support.span_collector import Collector, SpanGot, collecting
from support.waits import hold_until
from support.webhook_receiver import SECRET, receiving
from unstill.system.installed import note

CHELSEA = b64encode((PHOTOS / "chelsea.jpg").read_bytes()).decode()
KEY = "sk-secret-of-team-a"
CALLERS = LOOPBACK_ALLOWED | {
    "UNSTILL_API_KEYS": f"team-a:{KEY}",
    "UNSTILL_WEBHOOK_SECRET": SECRET,
    "UNSTILL_LOG_FORMAT": "json",
}
PROMPT = "a plan that is nobody's business"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACEPARENT = f"00-{TRACE}-00f067aa0ba902b7-00"
SMALL = {"duration": 2, "size": "320*256"}
CALL = "POST /v1/tasks/submit"


@pytest.fixture
def upstream() -> Iterator[Emulator]:
    with Emulator("modelverse", job_s=0.3) as emulator:
        yield emulator


def config(upstream: Emulator) -> str:
    return engine("up", upstream) + model("up", "up", like="wan2.7-i2v")


def submit(server: Serving, name: str, headers: Mapping[str, str], **more: object) -> str:
    body = {
        "model": name,
        "input": {"first_frame_url": CHELSEA, "prompt": PROMPT},
        "parameters": {"duration": 5} if name == "up" else SMALL,
    }
    answer = server.http.post("/v1/tasks/submit", json=body | more, headers=headers)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["output"]["task_id"])


def whole(collector: Collector, job_id: str, *names: str) -> dict[str, SpanGot]:
    """The spans of a job by their names, once those have come."""
    hold_until(lambda: set(names) <= collector.names_of(job_id))
    (trace_id,) = {each.trace_id for each in collector.of_job(job_id)}
    return {each.name: each for each in collector.spans if each.trace_id == trace_id}


@pytest.mark.slow
def test_one_trace_goes_from_the_call_through_a_restart_to_the_webhook(tmp_path: Path) -> None:
    with Emulator("modelverse", job_s=600) as slow, collecting() as collector:
        environment = CALLERS | collector.environment
        callers = {"authorization": KEY, "traceparent": TRACEPARENT, "tracestate": "their=own"}
        with receiving() as receiver:
            with Serving(tmp_path, environment=environment, config=config(slow)) as server:
                job_id = submit(server, "up", callers, webhook_url=receiver.url)
                hold_until(lambda: len(slow.jobs()) == 1)
            before = collector.names_of(job_id)
            slow.finish()
            with Serving(tmp_path, environment=environment, config=config(slow)) as server:
                server.http.headers["authorization"] = KEY
                assert server.wait(job_id)["output"]["task_status"] == "Success"
                receiver.wait(1)
                spans = whole(collector, job_id, "poll", "save", "webhook")
                lines = server.log
        sent = [*(each["headers"] for each in slow.log()), receiver.got[0].headers]

    assert {CALL, "frames", "prepare", "submit"} <= before
    assert {"poll", "save", "webhook"}.isdisjoint(before)
    assert {each.trace_id for each in spans.values()} == {TRACE}
    ids = {each.id for each in collector.spans}
    assert {each.parent_id for each in spans.values()} <= ids | {TRACEPARENT.split("-")[2]}
    assert {spans[each].parent_id for each in ("submit", "poll", "save")} == {spans[CALL].id}
    assert spans[CALL].kind == "server"
    assert (
        spans[CALL].facts.items()
        >= {
            "http.request.method": "POST",
            "http.route": "/v1/tasks/submit",
            "http.response.status_code": 200,
            "unstill.owner": "team-a",
            "unstill.engine": "up",
        }.items()
    )
    assert [each.kind for each in collector.spans if each.name == "POST"] == ["client"] * 2
    assert spans["submit"].facts["unstill.outcome"] == "accepted"
    assert {each.service for each in spans.values()} == {"unstill"}
    assert not any(each.is_failed for each in spans.values())
    assert f'"trace_id": "{TRACE}"' in lines
    assert not any({"traceparent", "tracestate", "baggage"} & set(each) for each in sent)


@pytest.mark.slow
def test_a_render_here_is_one_trace_with_what_its_child_did_and_no_poll_is_in_it(
    tmp_path: Path,
) -> None:
    with collecting() as collector:
        environment = LOOPBACK_ALLOWED | collector.environment
        with Serving(tmp_path, environment=environment) as server:
            job_id = submit(server, "wan2.7-i2v", {"traceparent": "00-of-a-stranger-who-guesses"})
            server.wait(job_id)
        spans = whole(collector, job_id, "frames", "render", "save")

    assert set(spans) == {
        CALL,
        "frames",
        "child check_frame",
        "render",
        "child render",
        "save",
        "child check_video",
    }
    assert spans["child render"].parent_id == spans["render"].id
    assert spans[CALL].parent_id == ""
    assert {each.trace_id for each in collector.spans} == {spans[CALL].trace_id}


def test_failures_are_told_by_their_codes_and_strangers_make_no_spans(
    tmp_path: Path, upstream: Emulator
) -> None:
    with collecting() as collector:
        environment = CALLERS | collector.environment
        with Serving(tmp_path, environment=environment, config=config(upstream)) as server:
            stranger = server.http.post("/v1/tasks/submit", json={}, headers={"authorization": "x"})
            headers = {"authorization": KEY}
            bad = server.http.post("/v1/tasks/submit", json={"model": "no"}, headers=headers)
            upstream.next("submit", "drop_after")
            job_id = submit(server, "up", headers)
            server.http.headers["authorization"] = KEY
            assert server.wait(job_id)["output"]["task_status"] == "Failure"
        spans = whole(collector, job_id, "submit")
        refused = [each for each in collector.spans if each.name == CALL and each.facts != spans]

    assert (stranger.status_code, bad.status_code) == (401, 400)
    assert [each.facts["http.response.status_code"] for each in refused] == [400, 200]
    assert refused[0].facts["error.type"] == "missing_parameter"
    assert not refused[0].is_failed  # the caller's error, not the server's
    assert spans["submit"].is_failed
    assert spans["submit"].facts["error.type"] == "unknown"


@pytest.mark.slow
def test_neither_log_nor_spans_nor_figures_have_prompts_keys_or_pictures(
    tmp_path: Path, upstream: Emulator
) -> None:
    with collecting() as collector, receiving() as receiver:
        environment = CALLERS | collector.environment
        environment |= {
            "UNSTILL_METRICS_NETWORKS": "127.0.0.0/8",
            "OTEL_EXPORTER_OTLP_HEADERS": "x-collector-key=c0llector",
        }
        with Serving(tmp_path, environment=environment, config=config(upstream)) as server:
            server.http.headers["authorization"] = KEY
            upstream.next("submit", "403", "drop_after", "fail")
            hook = f"{receiver.url}?t0ken=of-the-hook"
            jobs = [submit(server, "up", {}, webhook_url=hook) for _ in range(3)]
            jobs.append(submit(server, "wan2.7-i2v", {}))
            for job_id in jobs:
                server.wait(job_id)
            with_text = {"first_frame_url": f"http://127.0.0.1:{free_port()}/s1gned/cat.jpg"}
            server.wait(submit(server, "up", {}, input=with_text | {"prompt": PROMPT}))
            server.http.delete(f"/v1/videos/{jobs[0]}")
            receiver.wait(3)
            hold_until(lambda: all("save" in collector.names_of(each) for each in jobs[3:]))
            figures = server.http.get("/metrics").text
            paths = server.http.get("/openapi.json").json()["paths"]
            books = "".join(server.http.get(path).text for path in paths if path.endswith("/usage"))
        log, sent = server.log, b"".join(collector.bodies).decode("latin-1")

    assert collector.headers[0]["x-collector-key"] == "c0llector"
    for text in (PROMPT, KEY, "sk-test", SECRET, "c0llector", "t0ken", "s1gned", CHELSEA[200:260]):
        for told in (log, sent, figures, books):
            assert text not in told
    raw = (PHOTOS / "chelsea.jpg").read_bytes()[1000:1020].decode("latin-1")
    assert raw not in sent


# --- a collector that is away ------------------------------------------------------------------


@pytest.mark.slow
def test_without_a_collector_jobs_go_on_and_the_log_says_so(tmp_path: Path) -> None:
    away = {
        "UNSTILL_TRACES": "otlp",
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{free_port()}",
        "OTEL_BSP_SCHEDULE_DELAY": "50",
        "OTEL_EXPORTER_OTLP_TIMEOUT": "0.2",
    }
    with Serving(tmp_path, environment=LOOPBACK_ALLOWED | away) as server:
        assert server.wait(submit(server, "wan2.7-i2v", {}))["output"]["task_status"] == "Success"
        hold_until(lambda: "traces_not_sent" in server.log)
        assert server.end() == -signal.SIGTERM

    assert server.log.count("traces_not_sent") == 1
    assert "Traceback" not in server.log
    assert "opentelemetry" not in server.log


@pytest.mark.slow
def test_a_collector_that_hangs_holds_up_neither_a_job_nor_the_end(tmp_path: Path) -> None:
    with collecting(hangs=True) as collector:
        environment = LOOPBACK_ALLOWED | collector.environment
        with Serving(tmp_path, environment=environment) as server:
            status = server.wait(submit(server, "wan2.7-i2v", {}))
            assert server.end() == -signal.SIGTERM

    assert status["output"]["task_status"] == "Success"
    assert "traces_given_up" in server.log


# --- off, and not installed --------------------------------------------------------------------


def environment_with(**variables: str) -> dict[str, str]:
    known = {k: v for k, v in os.environ.items() if not k.startswith(("OTEL_", "UNSTILL_"))}
    return known | variables


def imported(folder: Path, **variables: str) -> str:
    """All modules that a server has imported by the end of a job, as Python lists them."""
    note(folder / "unstill-data")
    command = [sys.executable, "-X", "importtime", "-m", "unstill", "serve", "--port", "0"]
    with (
        (folder / "imports").open("w") as listing,
        subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=listing,
            text=True,
            cwd=folder,
            env=environment_with(**variables),
        ) as process,
    ):
        assert process.stdout is not None
        address = process.stdout.readline().split(" is ready at ")[1].split()[0]
        body = {
            "model": "wan2.7-i2v",
            "input": {"first_frame_url": CHELSEA},
            "parameters": SMALL,
        }
        made = httpx2.post(f"{address}/v1/tasks/submit", json=body, timeout=60).json()
        asked = f"{address}/v1/tasks/status?task_id={made['output']['task_id']}"
        hold_until(lambda: "Success" in httpx2.get(asked, timeout=60).text)
        process.terminate()
    return (folder / "imports").read_text()


@pytest.mark.slow
@pytest.mark.parametrize(("traces", "is_there"), [("off", False), ("otlp", True)])
def test_opentelemetry_is_imported_where_traces_are_wanted_alone(
    tmp_path: Path, traces: str, *, is_there: bool
) -> None:
    (tmp_path / "unstill-data").mkdir()
    listing = imported(tmp_path, UNSTILL_TRACES=traces, OTEL_EXPORTER_OTLP_TIMEOUT="0.1")

    assert " unstill.system.tracing" in listing
    assert ("opentelemetry" in listing) == is_there
    assert ("google.protobuf" in listing) == is_there


WITHOUT = "import sys; sys.modules['opentelemetry'] = None; from unstill.cli import main; main()"
MAIN = "from unstill.cli import main; main()"


@pytest.mark.parametrize(
    ("program", "variables", "said"),
    [
        (WITHOUT, {}, 'server.traces: "otlp" needs OpenTelemetry: pip install "unstill[otel]"'),
        (MAIN, {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "OTEL_EXPORTER_OTLP_PROTOCOL: must be "),
    ],
)
def test_a_start_without_the_extra_or_to_another_protocol_says_so_in_one_line(
    tmp_path: Path, program: str, variables: dict[str, str], said: str
) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", program, "serve", "--port", "0", "--data-dir", str(tmp_path / "d")],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env=environment_with(UNSTILL_TRACES="otlp", **variables),
    )

    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith(f"unstill: {said}")
    assert ended.stderr.count("\n") == 1
