"""`unstill backup`, taken under load: what was acknowledged is there, and nothing is paid twice."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from base64 import b64encode
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path
from typing import Self

import httpx2
import pytest

from support.emulator_process import Emulator
from support.servers import PHOTOS, Serving
from support.settings_files import ONLY_UPSTREAMS, engine, model
from support.waits import hold_until

WAN27 = "wan2.7-i2v"
CAMERA = "happyhorse-1.0-i2v"
CHELSEA = b64encode((PHOTOS / "chelsea.jpg").read_bytes()).decode()
CALLERS = 4


def unstill(*words: str, data_dir: Path, config: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command_of(*words, data_dir=data_dir, config=config),
        capture_output=True,
        text=True,
        timeout=120,
        env=environment(),
        check=False,
    )


def begun(*words: str, data_dir: Path, config: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command_of(*words, data_dir=data_dir, config=config),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
    )


def command_of(*words: str, data_dir: Path, config: Path) -> list[str]:
    where = ["--data-dir", str(data_dir), "--config", str(config)]
    return [sys.executable, "-m", "unstill", *words, *where]


def environment() -> dict[str, str]:
    return {k: v for k, v in os.environ.items() if not k.startswith("UNSTILL_")}


class Load:
    """Callers that submit without a pause, whatever becomes of the server meanwhile."""

    def __init__(self) -> None:
        self.url = ""
        self.acknowledged: dict[str, str] = {}  # id -> prompt
        self._numbers = count()
        self._is_over = threading.Event()
        self._callers = [threading.Thread(target=self._call) for _ in range(CALLERS)]

    def __enter__(self) -> Self:
        for caller in self._callers:
            caller.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        for caller in self._callers:
            caller.join()

    def _call(self) -> None:
        while not self._is_over.wait(0.02):
            number = next(self._numbers)
            prompt = f"push in {number}"
            body = {
                "model": CAMERA if number % 10 == 0 else WAN27,
                "input": {"first_frame_url": CHELSEA, "prompt": prompt},
                "parameters": {"duration": 3},
            }
            try:
                answer = httpx2.post(f"{self.url}/v1/tasks/submit", json=body, timeout=20)
            except httpx2.HTTPError:
                continue  # it was killed
            if answer.status_code == 200:
                self.acknowledged[answer.json()["output"]["task_id"]] = prompt


@contextmanager
def killed_and_started(server: Serving, config: str, load: Load) -> Iterator[Serving]:
    server.kill()
    with Serving(server.data_dir, config=config) as again:
        load.url = again.url
        yield again


def succeeded(server: Serving, job_ids: list[str]) -> set[str]:
    words = {each: server.status(each)["output"]["task_status"] for each in job_ids}
    return {job_id for job_id, word in words.items() if word == "Success"}


def prompt_of(server: Serving, job_id: str) -> str:
    return str(server.http.get(f"/v1/jobs/{job_id}").raise_for_status().json()["prompt"])


def paid(emulator: Emulator) -> Counter[str]:
    return Counter(str(job["prompt"]) for job in emulator.jobs())


def held_in(folder: Path, config: Path) -> list[str]:
    told = unstill("jobs", "held", data_dir=folder, config=config).stdout
    return [] if told.startswith("no job") else told.split()


@pytest.mark.slow
def test_a_backup_under_load_and_kills_has_all_that_was_acknowledged_and_pays_nothing_twice(
    tmp_path: Path,
) -> None:
    folder, target, file = tmp_path / "data", tmp_path / "backup", tmp_path / "unstill.toml"
    with Emulator("dashscope", job_s=1.0) as emulator:
        routes = f"{model(WAN27, 'bailian')}{model(CAMERA, 'camera')}"
        config = f"{ONLY_UPSTREAMS}{engine('bailian', emulator)}{routes}"
        file.write_text(config)
        load = Load()
        with Serving(folder, config=config) as server:
            load.url = server.url
            with load, ExitStack() as lives:
                hold_until(lambda: len(load.acknowledged) > 30)
                second = lives.enter_context(killed_and_started(server, config, load))
                hold_until(lambda: any(jobs["state"] == "done" for jobs in emulator.jobs()))
                with emulator.failing("submit.429=1"):  # so that some are still to be sent
                    known = set(load.acknowledged)
                    hold_until(lambda: len(load.acknowledged) > len(known) + 20)
                    known = set(load.acknowledged)
                    had_video = succeeded(second, list(known))
                    made = begun("backup", str(target), data_dir=folder, config=file)
                    draft = tmp_path / ".backup.unfinished"
                    hold_until(lambda: draft.exists() or target.exists())
                    third = lives.enter_context(killed_and_started(second, config, load))
                    told, wrongs = made.communicate(timeout=120)
                paid_then = sum(paid(emulator).values())
                hold_until(lambda: sum(paid(emulator).values()) > paid_then + 10)
                third.kill()
        shutil.rmtree(folder)
        held = held_in(target, file)
        with Serving(target, config=config) as server:
            hold_until(lambda: server.http.get("/health").json()["held"] == len(held))
            of_original = paid(emulator)
            # The operator looks into the upstream's books; of some jobs no caller ever heard.
            known_there = {each for each in held if of_original[prompt_of(server, each)]}
            for job_id in known_there:
                server.http.delete(f"/v1/videos/{job_id}")
            free = [each for each in held if each not in known_there]
            unstill("jobs", "release", *free, data_dir=target, config=file)
            ended = {job_id: server.wait(job_id) for job_id in known - known_there}
            videos = {
                job_id: server.http.get(f"/v1/videos/{job_id}/content").content[4:8]
                for job_id in had_video
            }
            twice = {prompt for prompt, times in paid(emulator).items() if times > 1}

    assert made.returncode == 0, (told, wrongs)
    assert f"{len(held)} jobs are not sent yet" in told
    assert known_there
    assert free
    assert had_video
    assert set(videos.values()) == {b"ftyp"}
    assert twice == set()
    errors = [each["output"].get("error_message", "") for each in ended.values()]
    assert all(not error or error.startswith("submit_unknown") for error in errors), errors


@pytest.mark.slow
def test_a_server_starts_from_a_backup_and_its_links_go_on_working(tmp_path: Path) -> None:
    folder, target = tmp_path / "data", tmp_path / "backup"
    body = {"model": CAMERA, "input": {"first_frame_url": CHELSEA}, "parameters": {"duration": 3}}
    with Serving(folder) as server:
        made = server.wait(server.submit(body))
        link = made["output"]["urls"][0]
        config = folder / "unstill.toml"
        config.write_text("")
        done = unstill("backup", str(target), data_dir=folder, config=config)
        refused = unstill("backup", str(target), data_dir=folder, config=config)
    path = link.removeprefix(server.url)
    with Serving(target) as server:
        video = server.http.get(path)
        new = server.wait(server.submit(body))

    assert done.returncode == 0, done.stderr
    assert f"{target} is a backup of {folder}: 1 jobs" in done.stdout
    assert refused.returncode == 1
    assert "is not empty" in refused.stderr
    assert video.content[4:8] == b"ftyp"
    assert new["output"]["task_status"] == "Success"
