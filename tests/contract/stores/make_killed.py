"""Make the folder that release 0.1.0 leaves when it is killed with jobs of every kind under way.

    python tests/contract/stores/make_killed.py CHECKOUT

CHECKOUT is the code of 0.1.0 with a `.venv` of its own. What comes of it, and what is in it, says
killed-0.1.0/README.md.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import apsw
import httpx2
from PIL import Image

MADE = Path(__file__).parent / "killed-0.1.0"
# Of tests: the key is made up, the secret is the example of Standard Webhooks.
CALLER_KEY, UPSTREAM_KEY = "sk-team-a", "sk-test"
ENVIRONMENT = {
    "UNSTILL_API_KEYS": f"team-a:{CALLER_KEY}",
    "UNSTILL_WEBHOOK_SECRET": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "UNSTILL_ALLOW_NETWORKS": "127.0.0.0/8",
}
CONFIG = """\
[engines.camera]
kind = "camera"
slots = 1

[engines.bailian]
kind = "dashscope"
base_url = "{upstream}/api/v1"
api_key = "{key}"
poll_interval_s = 0.2

[models."wan2.7-i2v"]
engines = ["bailian"]

[webhooks]
team-a = "{hooks}/of-the-owner"
"""
SDK = {"x-stainless-lang": "python", "x-stainless-retry-count": "0"}

Call = dict[str, Any]  # path, headers, body: as it was sent, and as it is sent again


class Old:
    """A program of the old release: what it said when it was ready, and the means to end it."""

    def __init__(self, checkout: Path, cwd: Path, *words: str) -> None:
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("UNSTILL_")}
        self.process = subprocess.Popen(
            [checkout / ".venv/bin/python", "-m", "unstill", *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=cwd,
            env=inherited | ENVIRONMENT,
        )
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().split(" at ")[1].split()[0]
        self.http = httpx2.Client(
            base_url=self.url, headers={"authorization": f"Bearer {CALLER_KEY}"}, timeout=30
        )

    def end(self, sent: signal.Signals = signal.SIGTERM) -> None:
        self.http.close()
        self.process.send_signal(sent)
        self.process.wait(timeout=40)
        assert self.process.stdout is not None
        self.process.stdout.close()


def main() -> None:
    parser = argparse.ArgumentParser(prog="make_killed.py")
    parser.add_argument("checkout", type=Path)
    checkout = parser.parse_args().checkout
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        work = Path(folder)
        hooks, pictures = (stack.enter_context(silent_host()) for _ in range(2))
        state = work / "upstream.jsonl"
        words = ("dashscope", "--key", UPSTREAM_KEY, "--job-seconds", "600", "--state", str(state))
        upstream = Old(checkout, work, "emulate", *words)
        stack.callback(upstream.end)
        config = CONFIG.format(upstream=upstream.url, key=UPSTREAM_KEY, hooks=hooks)
        (work / "unstill.toml").write_text(config)
        made = leave(checkout, work, upstream, Calls(hooks, pictures))
        made["origins"] = {"upstream": upstream.url, "hooks": hooks, "pictures": pictures}
        keep(work, state, made)


def leave(checkout: Path, work: Path, upstream: Old, calls: Calls) -> dict[str, Any]:
    """Two servers on one folder: one that ends in peace, and one that is killed."""
    data_dir = work / "data"
    words = ("serve", "--port", "0", "--data-dir", str(data_dir))
    server = Old(checkout, work, *words)
    finished = leave_finished(server, data_dir, upstream, calls)
    server.end()
    server = Old(checkout, work, *words)
    under_way = leave_under_way(server, data_dir, upstream, calls)
    server.end(signal.SIGKILL)
    killed_ms = time.time_ns() // 1_000_000
    until(lambda: charges(upstream)["accepted"] == 4)  # the call arrived, the reply did not
    return {
        "killed_ms": killed_ms,
        "jobs": finished["jobs"] | under_way["jobs"],
        "calls": finished["calls"] | under_way["calls"],
        "link": finished["link"],
        "video_sha256": finished["video_sha256"],
    }


def leave_finished(server: Old, data_dir: Path, upstream: Old, calls: Calls) -> dict[str, Any]:
    with_key = calls.paid("a finished one", webhook=True)
    with_key["headers"] = {"idempotency-key": "order 1"}
    job_id = create(server, with_key)
    reach(data_dir, job_id, "running")
    upstream.http.post("/_emulator/finish").raise_for_status()
    reach(data_dir, job_id, "succeeded")
    task = server.http.get(f"/v1/tasks/status?task_id={job_id}").json()
    link = task["output"]["urls"][0].removeprefix(server.url)
    return {
        "jobs": {"succeeded": job_id},
        "calls": {"with_key": with_key},
        "link": link,
        "video_sha256": hashlib.sha256(server.http.get(link).content).hexdigest(),
    }


def leave_under_way(server: Old, data_dir: Path, upstream: Old, calls: Calls) -> dict[str, Any]:
    jobs: dict[str, str] = {}
    scripted(upstream, "fetch", "slow")
    jobs["saving"] = create(server, calls.paid("one that is being fetched"))
    reach(data_dir, jobs["saving"], "running")
    upstream.http.post("/_emulator/finish").raise_for_status()
    reach(data_dir, jobs["saving"], "saving")
    by_sdk = calls.video("one of an SDK")
    jobs["running"] = create(server, by_sdk)
    reach(data_dir, jobs["running"], "running")
    jobs["rendering"] = create(server, calls.camera("one that renders"))
    reach(data_dir, jobs["rendering"], "running")
    jobs["waiting"] = create(server, calls.camera("one that waits for the camera"))
    reach(data_dir, jobs["waiting"], "ready")
    jobs["queued"] = create(server, calls.camera("one without its frame yet", is_fetched=True))
    scripted(upstream, "submit", "delay")
    jobs["submitting"] = create(server, calls.paid("one whose reply is not heard"))
    reach(data_dir, jobs["submitting"], "submitting")
    until(lambda: charges(upstream)["submits"] == 4)
    return {"jobs": jobs, "calls": {"by_sdk": by_sdk}}


class Calls:
    """The create calls, each as a path, headers and a body."""

    def __init__(self, hooks: str, pictures: str) -> None:
        self._hook = f"{hooks}/of-the-caller"
        self._remote = f"{pictures}/photo.jpg"
        self._photo = b64encode(photo()).decode()

    def paid(self, prompt: str, *, webhook: bool = False) -> Call:
        body: dict[str, Any] = {
            "model": "wan2.7-i2v",
            "input": {"first_frame_url": self._photo, "prompt": prompt},
            "parameters": {"duration": 2, "seed": 7},
        }
        if webhook:
            body["webhook_url"] = self._hook
        return {"path": "/v1/tasks/submit", "headers": {}, "body": body}

    def camera(self, prompt: str, *, is_fetched: bool = False) -> Call:
        picture = self._remote if is_fetched else self._photo
        body = {
            "model": "sora-2",
            "input": {"first_frame_url": picture, "prompt": prompt},
            "parameters": {"duration": 4, "size": "320x256", "seed": 7},
        }
        return {"path": "/v1/tasks/submit", "headers": {}, "body": body}

    def video(self, prompt: str) -> Call:
        picture = f"data:image/jpeg;base64,{self._photo}"
        body = {
            "model": "wan2.7-i2v",
            "prompt": prompt,
            "seconds": "2",
            "input_reference": {"image_url": picture},
        }
        return {"path": "/v1/videos", "headers": SDK, "body": body}


def photo() -> bytes:
    """A JPEG of 2 KB, large enough for every model."""
    file = io.BytesIO()
    Image.linear_gradient("L").resize((320, 256)).convert("RGB").save(file, "JPEG", quality=40)
    return file.getvalue()


def create(server: Old, call: Call) -> str:
    answer = server.http.post(call["path"], json=call["body"], headers=call["headers"])
    answer.raise_for_status()
    found: Mapping[str, Any] = answer.json()
    return str(found["id"] if "id" in found else found["output"]["task_id"])


def scripted(upstream: Old, place: str, fault: str) -> None:
    answer = upstream.http.post("/_emulator/faults", json={"next": {place: [fault]}})
    answer.raise_for_status()


def charges(upstream: Old) -> dict[str, Any]:
    return dict(upstream.http.get("/_emulator/charges").json())


def reach(data_dir: Path, job_id: str, state: str) -> None:
    def found() -> str:
        flags = apsw.SQLITE_OPEN_READONLY
        with closing(apsw.Connection(str(data_dir / "unstill.sqlite3"), flags=flags)) as connection:
            query = "SELECT state FROM jobs WHERE id = ?"
            return str(connection.execute(query, (job_id,)).fetchall()[0][0])

    until(lambda: found() == state)


def until(is_true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not is_true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@contextmanager
def silent_host() -> Iterator[str]:
    """A server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def keep(work: Path, state: Path, made: dict[str, Any]) -> None:
    shutil.rmtree(MADE / "data", ignore_errors=True)
    shutil.copytree(work / "data", MADE / "data")
    shutil.copyfile(state, MADE / "upstream.jsonl")
    shutil.copyfile(work / "unstill.toml", MADE / "unstill.toml")
    (MADE / "photo.jpg").write_bytes(photo())
    text = json.dumps(made, indent=1, ensure_ascii=False)
    (MADE / "made.json").write_text(text + "\n")
    sizes = [path.stat().st_size for path in MADE.rglob("*") if path.is_file()]
    sys.stdout.write(f"{len(sizes)} files, {sum(sizes)} bytes\n")


if __name__ == "__main__":
    main()
