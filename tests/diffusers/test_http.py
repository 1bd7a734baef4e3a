"""Videos of open weights through the documented APIs: a real server, tiny folders, two engines.

`experts` has two of them, `small` has one and takes no last frame; each has a device of its own, a
CPU. Videos are few frames of small sizes: the engines' `fps` makes them few.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import av
import httpx2
import pytest

from support.dashscope_tasks import ASYNC, CREATE, ended
from support.server_children import children
from support.servers import PHOTOS, Serving
from support.settings_files import ONLY_UPSTREAMS, model, own_engine
from support.tiny_renders import pixels_digest
from support.tiny_weights import tiny_folder
from support.waits import hold_until

CHILD = "unstill.engines.diffusers.child"
WAN22, WAN27 = "Wan-AI/Wan2.2-I2V", "wan2.7-i2v"
CHELSEA, ROCKET = (
    "data:image/jpeg;base64," + base64.b64encode((PHOTOS / name).read_bytes()).decode()
    for name in ("chelsea.jpg", "rocket.jpg")
)
# By model: its engine, its weights, and the seconds and the rate of a short video of it.
ENGINE = {WAN22: "experts", WAN27: "small"}
TITLE = {WAN22: "Wan 2.2 I2V A14B", WAN27: "Wan 2.2 TI2V 5B"}
DURATION_S, FPS = {WAN22: 5, WAN27: 2}, {WAN22: 1, WAN27: 3}
SIZE = (272, 258)  # no multiples of 16 and of 32
SIZE_WORD = "272x258"
LONG = {"size": "832x480", "duration": 15}  # of wan2.7: half a second and more for each block


class Video(NamedTuple):
    """A finished one, as its file and its answer say."""

    size: tuple[int, int]
    frames: int
    rate: float
    digest: str  # of its pixels: the file itself has the job's id
    engine: str  # X-Unstill-Engine
    metadata: dict[str, str]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    weights = tmp_path_factory.mktemp("weights")
    shared = {"allow_cpu": True, "steps": 2, "guidance": 4.0}
    config = (
        ONLY_UPSTREAMS,
        own_engine(
            "experts", "diffusers", path=str(tiny_folder("wan-a14b", weights)), fps=1, **shared
        ),
        own_engine(
            "small",
            "diffusers",
            path=str(tiny_folder("wan-5b", weights)),
            fps=3,
            models=[WAN27],
            **shared,
        ),
        model(WAN22, "experts"),
        model(WAN27, "small"),
    )
    with Serving(tmp_path_factory.mktemp("server"), config="\n".join(config)) as serving:
        yield serving


def task(name: str, **given: Any) -> dict[str, Any]:
    """The body of a short video; `given` are inputs and parameters, by name."""
    inputs = {
        key: given.pop(key)
        for key in ("prompt", "negative_prompt", "last_frame_url")
        if key in given
    }
    parameters = {"size": SIZE_WORD, "duration": DURATION_S[name], "seed": 5}
    return {
        "model": name,
        "input": {"first_frame_url": CHELSEA, "prompt": "a cat turns its head"} | inputs,
        "parameters": parameters | given,
    }


def by_task(server: Serving, name: str) -> str:
    return server.submit(task(name))


def by_video(server: Serving, name: str) -> str:
    body = {
        "model": name,
        "prompt": "a cat turns its head",
        "input_reference": CHELSEA,
        "size": SIZE_WORD,
        "seconds": str(DURATION_S[name]),
        "seed": 5,
    }
    answer = server.http.post("/v1/videos", json=body)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["id"])


def by_dashscope(server: Serving, name: str) -> str:
    body = task(name, size=SIZE_WORD.replace("x", "*"))
    body["input"]["img_url"] = body["input"].pop("first_frame_url")
    answer = server.http.post(CREATE, json=body, headers=ASYNC)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["output"]["task_id"])


def finished(server: Serving, job: str, folder: Path) -> Video:
    """The video of a job, whichever API it came by."""
    status = server.wait(job, within_s=120)
    assert status["output"]["task_status"] == "Success", (status, server.log)
    answer = server.http.get(f"/v1/videos/{job}/content")
    assert answer.status_code == 200
    file = folder / f"{uuid4()}.mp4"
    file.write_bytes(answer.content)
    with av.open(file) as container:
        stream = container.streams.video[0]
        assert stream.average_rate is not None
        return Video(
            size=(stream.width, stream.height),
            frames=stream.frames,
            rate=float(stream.average_rate),
            digest=pixels_digest(file),
            engine=engine_of(server, job),
            metadata=dict(container.metadata),
        )


def engine_of(server: Serving, job: str) -> str:
    return str(server.http.get(f"/v1/videos/{job}").headers["x-unstill-engine"])


def made(server: Serving, folder: Path, name: str, **given: Any) -> Video:
    return finished(server, server.submit(task(name, **given)), folder)


def refused(server: Serving, name: str, **given: Any) -> httpx2.Response:
    answer = server.http.post("/v1/tasks/submit", json=task(name, **given))
    assert answer.status_code == 400, answer.text
    return answer


def progress(server: Serving, job: str) -> int:
    return int(server.status(job)["output"]["progress"])


def state(server: Serving, job: str) -> str:
    return str(server.status(job)["output"]["task_status"])


# --- what comes out ------------------------------------------------------------------------------


@pytest.mark.parametrize("submitted", [by_task, by_video, by_dashscope])
@pytest.mark.parametrize("name", [WAN22, WAN27])
def test_each_api_makes_a_video_of_exactly_what_was_asked_for(
    server: Serving, tmp_path: Path, name: str, submitted: Callable[[Serving, str], str]
) -> None:
    video = finished(server, submitted(server, name), tmp_path)

    assert video.size == SIZE
    assert video.rate == FPS[name]
    assert video.frames == FPS[name] * DURATION_S[name]
    assert video.engine.split("; ")[:5] == [
        ENGINE[name],
        "kind=diffusers",
        f"model={TITLE[name]}",
        "steps=2",
        "memory=resident",
    ]
    assert video.engine.split("; ")[5].startswith("version=0.42.")
    assert video.metadata["unstill_trained_model"] == TITLE[name]


def test_dashscopes_answer_has_the_video(server: Serving) -> None:
    output = ended(server, by_dashscope(server, WAN27))["output"]

    link = output["video_url"].removeprefix(server.url)
    assert output["task_status"] == "SUCCEEDED"
    assert server.http.get(link).content[4:8] == b"ftyp"


def test_the_same_is_made_again_and_all_that_is_asked_otherwise_is_seen(
    server: Serving, tmp_path: Path
) -> None:
    usual = made(server, tmp_path, WAN22)
    others: dict[str, dict[str, Any]] = {
        "seed": {"seed": 6},
        "prompt": {"prompt": "Dogs!"},
        "negative prompt": {"negative_prompt": "blurred"},
        "last frame": {"last_frame_url": ROCKET},
    }

    digests = {
        what: made(server, tmp_path, WAN22, **asked).digest for what, asked in others.items()
    }

    assert made(server, tmp_path, WAN22).digest == usual.digest
    assert len({usual.digest, *digests.values()}) == 1 + len(others)


# --- what is refused -----------------------------------------------------------------------------


def test_a_last_frame_is_refused_where_it_would_be_ignored(server: Serving) -> None:
    answer = refused(server, WAN27, last_frame_url=ROCKET)

    assert "input.last_frame_url must be absent: Wan 2.2 TI2V 5B has no last frame" in answer.text


def test_sound_is_refused_before_the_job_exists_and_silence_is_not(
    server: Serving, tmp_path: Path
) -> None:
    answer = refused(server, WAN27, generate_audio=True)

    assert "parameters.generate_audio must be false" in answer.text
    assert made(server, tmp_path, WAN27, generate_audio=False).frames == 6


# --- while it renders ----------------------------------------------------------------------------


def test_the_server_has_no_torch_in_it_and_its_children_have(server: Serving) -> None:
    at_work = children(server.process.pid, CHILD)

    assert len(at_work) == 2
    assert all("libtorch" in maps(pid) for pid in at_work)
    assert "libtorch" not in maps(server.process.pid)
    assert "numpy" not in maps(server.process.pid)


def maps(pid: int) -> str:
    return Path(f"/proc/{pid}/maps").read_text()


def test_progress_grows_in_more_steps_than_the_sampler_has(server: Serving) -> None:
    job = server.submit(task(WAN22))
    seen = [0]

    def has_ended() -> bool:
        seen.append(progress(server, job))
        return state(server, job) == "Success"

    hold_until(has_ended, within_s=120)
    seen.append(progress(server, job))  # what was asked for before its state is from before its end

    assert seen == sorted(seen)
    assert seen[-1] == 100
    assert len(set(seen)) > 2 * 2


def test_a_job_is_cancelled_in_the_middle_of_a_step_and_the_child_is_as_it_was(
    server: Serving, tmp_path: Path
) -> None:
    before = made(server, tmp_path, WAN27)
    warm = children(server.process.pid, CHILD)
    job = server.submit(task(WAN27, **LONG))
    hold_until(lambda: 2 < progress(server, job) < 90)

    began_s = time.monotonic()
    assert server.http.post(f"/api/v1/tasks/{job}/cancel").status_code == 200
    took_s = time.monotonic() - began_s

    assert took_s < 1
    assert state(server, job) == "Failure"
    assert made(server, tmp_path, WAN27).digest == before.digest
    assert children(server.process.pid, CHILD) == warm
    assert "warm_child_lost" not in server.log


def test_jobs_of_one_device_are_rendered_in_their_order_and_those_of_two_side_by_side(
    server: Serving,
) -> None:
    first = server.submit(task(WAN27, size="832x480", duration=4))
    second = server.submit(task(WAN27))
    beside = server.submit(task(WAN22))

    for job in (first, second, beside):
        server.wait(job)

    told = [line for line in server.log.splitlines() if "state=" in line]
    assert place(told, first, "saving") < place(told, second, "running")
    assert place(told, first, "running") < place(told, beside, "saving")
    assert place(told, beside, "running") < place(told, first, "saving")


def place(told: list[str], job: str, state: str) -> int:
    """Of the line that says so, among all that tell of states."""
    [found] = [
        number
        for number, line in enumerate(told)
        if f"job_id={job} " in line and f"state={state}" in line
    ]
    return found


def test_the_log_has_neither_prompts_nor_pictures(server: Serving) -> None:
    assert "turns its head" not in server.log
    assert CHELSEA[:64] not in server.log
