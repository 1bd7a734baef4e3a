"""Keys that are made, replaced and revoked beside a real server: who is let in, and by when."""

from __future__ import annotations

import base64
import re
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import pytest

from support.fork_server import ran
from support.hostile import DASHSCOPE, TASKS, VIDEOS, Api, both, job_id, refusal
from support.servers import LOOPBACK_ALLOWED, PHOTOS, Serving
from unstill.store.embedded.beside import opened_beside

WITHIN_S = 15.0  # that it is two seconds, test_operator_watch.py holds: a machine may be busy here
KEY = re.compile(r"unstill_[A-Za-z0-9_-]{43}")
FRAME = base64.b64encode((PHOTOS / "chelsea.jpg").read_bytes()).decode()
# Its jobs wait for an upstream that is not up.
HELD = """
[server]
default_engine = "far"

[engines.far]
kind = "openai_videos"
server = "unified"
base_url = "http://127.0.0.1:9/v1"
api_key = "sk-far"
"""


def keys(*words: str, data_dir: Path, ends_with: int = 0) -> subprocess.CompletedProcess[str]:
    command = ["-m", "unstill", "keys", *words, "--data-dir", str(data_dir)]
    done = ran(command, folder=data_dir.parent)
    assert done.returncode == ends_with, done.stderr
    assert "Traceback" not in done.stderr
    return done


def made(*words: str, data_dir: Path) -> dict[str, str]:
    """The header of a new key."""
    first, *others = keys(*words, data_dir=data_dir).stdout.splitlines()
    assert KEY.fullmatch(first)
    assert not others
    return {"authorization": f"Bearer {first}"}


def listed(data_dir: Path, name: str) -> str:
    lines = keys("list", data_dir=data_dir).stdout.splitlines()
    assert "last used" in lines[0]
    [line] = [line for line in lines if line.startswith(f"{name} ")]
    return line


def makers_in(data_dir: Path) -> dict[str, str]:
    """The id of the key that made each job, by the job's."""
    with opened_beside(data_dir, having="jobs") as store:
        assert store is not None
        made = store.execute("SELECT id, key_id FROM jobs").fetchall()
        return {f"{job}": f"{key}" for job, key in made}


def soon(is_so: Callable[[], bool]) -> None:
    ends_s = time.monotonic() + WITHIN_S
    while not is_so():
        assert time.monotonic() < ends_s
        time.sleep(0.05)


def status(server: Serving, headers: dict[str, str] | None = None) -> int:
    return server.http.get("/v1/videos", headers=headers or {}).status_code


def is_let_in(server: Serving, headers: dict[str, str]) -> bool:
    """By its key: a server that has not heard of one yet lets anybody in."""
    return status(server, headers) == 200 and status(server) == 401


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Serving]:
    with Serving(tmp_path / "data", environment=LOOPBACK_ALLOWED, config=HELD) as serving:
        yield serving


def test_a_key_of_a_fresh_folder_is_good_when_its_first_server_starts(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    key = made("create", "team-a", data_dir=folder)
    assert folder.stat().st_mode & 0o077 == 0
    assert (folder / "unstill.sqlite3").stat().st_mode & 0o077 == 0
    assert key["authorization"].removeprefix("Bearer ").encode() not in b"".join(
        file.read_bytes() for file in folder.iterdir() if file.is_file()
    )

    with Serving(folder) as server:
        assert status(server, key) == 200
        assert status(server) == 401


@pytest.mark.slow
def test_the_first_key_closes_a_running_server_and_the_last_ones_end_opens_it_to_nobody(
    server: Serving,
) -> None:
    folder = server.data_dir
    assert status(server) == 200
    key = made("create", "team-a", data_dir=folder)
    soon(lambda: status(server) == 401)
    assert status(server, key) == 200

    keys("revoke", "team-a", data_dir=folder)
    soon(lambda: status(server, key) == 401)
    refused = server.http.get("/v1/videos", headers=key)
    assert refused.json()["error"]["message"] == "this API key was revoked"
    assert status(server) == 401
    assert "revoked" in listed(folder, "team-a")

    server.end()
    with Serving(folder) as again:
        assert status(again, key) == 401
        assert status(again) == 401


@pytest.mark.slow
def test_an_expired_key_is_refused_as_expired_and_is_no_way_back(server: Serving) -> None:
    folder = server.data_dir
    key = made("create", "team-a", "--expires", "8s", data_dir=folder)
    soon(lambda: status(server) == 401)
    assert status(server, key) == 200

    soon(lambda: status(server, key) == 401)
    message = server.http.get("/v1/videos", headers=key).json()["error"]["message"]
    assert message.startswith("this API key expired at ")
    assert "expired" in listed(folder, "team-a")
    assert "has expired" in keys("rotate", "team-a", data_dir=folder, ends_with=1).stderr


@pytest.mark.slow
def test_a_rotated_key_sees_its_owners_jobs_and_the_old_one_stops(server: Serving) -> None:
    folder = server.data_dir
    old = made("create", "team-a", "--name", "render farm", data_dir=folder)
    soon(lambda: status(server, old) == 200 and status(server) == 401)
    created = server.http.post(
        "/v1/videos", json=VIDEOS.body("wan2.7-i2v", frame=FRAME, prompt="still"), headers=old
    )
    job = job_id(VIDEOS, created)

    new = made("rotate", "render farm", data_dir=folder)
    soon(lambda: status(server, old) == 401)

    assert server.http.get(f"/v1/videos/{job}", headers=new).status_code == 200
    key_id = re.search(r"key_[0-9a-f]{12}", listed(folder, "render farm"))
    assert key_id is not None
    assert makers_in(folder) == {job: key_id[0]}
    keys("revoke", key_id[0], data_dir=folder)
    soon(lambda: status(server, new) == 401)


@pytest.mark.slow
def test_what_is_open_by_a_key_ends_with_it_and_what_is_open_by_another_goes_on(
    server: Serving,
) -> None:
    folder = server.data_dir
    lost = made("create", "team-a", data_dir=folder)
    kept = made("create", "team-a", data_dir=folder)
    soon(lambda: is_let_in(server, kept))
    created = server.http.post(
        "/v1/videos", json=VIDEOS.body("wan2.7-i2v", frame=FRAME, prompt="still"), headers=kept
    )
    video = f"/v1/videos/{job_id(VIDEOS, created)}"
    opened: list[str] = []
    ended: list[str] = []
    answers: dict[str, int] = {}

    def stream(name: str, headers: dict[str, str]) -> None:
        events = f"{server.url}{video}/events"
        with httpx2.stream("GET", events, headers=headers, timeout=70) as told:
            opened.extend(name for _ in told.iter_raw())
        ended.append(name)

    def wait(name: str, headers: dict[str, str]) -> None:
        # It is answered at each change of the job, too.
        waited = f"{server.url}{video}?wait=60"
        while (answer := httpx2.get(waited, headers=headers, timeout=70)).is_success:
            pass
        answers[name] = answer.status_code

    calls = [
        (stream, "lost", lost),
        (stream, "kept", kept),
        (wait, "lost", lost),
        (wait, "kept", kept),
    ]
    threads = [threading.Thread(target=call, args=(name, key)) for call, name, key in calls]
    for thread in threads:
        thread.start()
    soon(lambda: set(opened) == {"lost", "kept"})
    time.sleep(0.5)
    assert not ended
    keys("revoke", "team-a", data_dir=folder)
    soon(lambda: "lost" in ended and answers.get("lost") == 401)

    assert "kept" not in ended
    assert "kept" not in answers
    server.http.delete(video, headers=kept)
    for thread in threads:
        thread.join(20)
    assert answers["kept"] == 404
    assert "kept" in ended


@both
def test_a_key_is_for_its_models_alone(server: Serving, api: Api) -> None:
    folder = server.data_dir
    key = made("create", "team-a", "--models", "wan2.7-i2v", data_dir=folder)
    soon(lambda: status(server) == 401)
    http = server.http

    refused = http.post(api.path, json=api.body("sora-2", frame=FRAME, prompt="still"), headers=key)
    message = refusal(api, refused, 403)
    assert "this API key may not use 'sora-2'" in message
    assert http.post(
        api.path, json=api.body("wan2.7-i2v", frame=FRAME, prompt="still"), headers=key
    ).is_success

    assert [each["id"] for each in http.get("/v1/models", headers=key).json()["data"]] == [
        "wan2.7-i2v"
    ]
    assert http.get("/v1/models/sora-2", headers=key).status_code == 403
    assert len(http.get("/v1/videos", headers=key).json()["data"]) == 1


def test_a_key_for_other_networks_is_refused_without_saying_which(server: Serving) -> None:
    folder = server.data_dir
    away = made("create", "team-a", "--networks", "10.9.0.0/16", data_dir=folder)
    here = made("create", "team-b", "--networks", "10.9.0.0/16,127.0.0.0/8", data_dir=folder)
    soon(lambda: is_let_in(server, here))

    refused = server.http.get("/v1/videos", headers=away)
    assert refused.status_code == 401
    assert "from this address" in refused.text
    assert "10.9" not in refused.text


@pytest.mark.slow
def test_a_last_use_is_listed_and_no_key_comes_into_the_log(server: Serving) -> None:
    folder = server.data_dir
    key = made("create", "team-a", data_dir=folder)
    assert listed(folder, "team-a").count("never") == 2  # its end, and its use
    soon(lambda: is_let_in(server, key))
    created = server.http.post(
        "/v1/videos", json=VIDEOS.body("wan2.7-i2v", frame=FRAME, prompt="still"), headers=key
    )
    assert created.is_success
    soon(lambda: listed(folder, "team-a").count("never") == 1)
    new = made("rotate", "team-a", data_dir=folder)
    soon(lambda: status(server, new) == 200)

    log = server.log
    assert '"team-a"' in log or "team-a" in log
    for secret in (key, new):
        text = secret["authorization"].removeprefix("Bearer ")
        assert text not in log
        assert text.removeprefix("unstill_") not in log


def test_another_tenants_job_is_not_there_by_any_dialect(server: Serving) -> None:
    folder = server.data_dir
    mine, theirs = (made("create", each, data_dir=folder) for each in ("team-a", "team-b"))
    soon(lambda: is_let_in(server, theirs))
    http = server.http
    job = job_id(
        VIDEOS,
        http.post(
            "/v1/videos", json=VIDEOS.body("wan2.7-i2v", frame=FRAME, prompt="still"), headers=mine
        ),
    )

    refusal(TASKS, http.get("/v1/tasks/status", params={"task_id": job}, headers=theirs), 404)
    for path in ("", "/content", "/events"):
        for prefix in ("/v1/videos", "/openai/v1/videos"):
            refusal(VIDEOS, http.get(f"{prefix}/{job}{path}", headers=theirs), 404)
    refusal(VIDEOS, http.delete(f"/v1/videos/{job}", headers=theirs), 404)
    unknown = http.get(f"/api/v1/tasks/{job}", headers=theirs).json()
    assert unknown["output"]["task_status"] == "UNKNOWN"
    refusal(DASHSCOPE, http.post(f"/api/v1/tasks/{job}/cancel", headers=theirs), 400)
    assert http.get(f"/v1/videos/{job}", headers=mine).json()["status"] != "failed"


def test_the_hosts_and_origins_of_a_keyless_server_are_free_once_there_is_a_key(
    server: Serving,
) -> None:
    elsewhere = {"host": "videos.example.com"}
    assert status(server, elsewhere) == 403
    key = made("create", "team-a", data_dir=server.data_dir)

    soon(lambda: status(server, elsewhere | key) == 200)
    assert status(server, elsewhere) == 401


def test_a_key_that_was_made_lets_a_server_listen_beyond_this_machine(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    key = made("create", "team-a", data_dir=folder)

    with Serving(folder, environment=LOOPBACK_ALLOWED | {"UNSTILL_HOST": "0.0.0.0"}) as server:
        port = server.url.rpartition(":")[2]
        asked = f"http://127.0.0.1:{port}/v1/videos"
        assert httpx2.get(asked, headers=key).status_code == 200
        assert httpx2.get(asked).status_code == 401


def test_what_no_command_can_do_is_one_line_and_makes_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    for words, said in (
        (("create", "a", "--models", "sora-9"), "unstill: --models must be one of"),
        (("rotate", "nobody"), "unstill: no key 'nobody'"),
    ):
        done = keys(*words, data_dir=folder, ends_with=1)
        assert done.stderr.startswith(said)
        assert len(done.stderr.splitlines()) == 1
        assert done.stdout == ""
    assert not folder.exists()


@pytest.mark.slow
def test_a_name_is_one_good_keys_and_free_again_after_it(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    made("create", "team-a", "--name", "laptop", data_dir=folder)
    taken = keys("create", "team-b", "--name", "laptop", data_dir=folder, ends_with=1)
    assert "already" in taken.stderr

    keys("revoke", "laptop", data_dir=folder)
    assert "is revoked since" in keys("revoke", "laptop", data_dir=folder).stdout
    assert "is revoked" in keys("rotate", "laptop", data_dir=folder, ends_with=1).stderr
    made("create", "team-b", "--name", "laptop", data_dir=folder)
    assert len(keys("list", data_dir=folder).stdout.splitlines()) == 3


def recovered(folder: Path) -> str:
    done = ran(["-m", "unstill", "recover", "--data-dir", str(folder)], folder=folder.parent)
    assert done.returncode == 0, done.stderr
    return done.stdout


def lose_store(folder: Path) -> None:
    for file in folder.glob("unstill.sqlite3*"):
        file.unlink()


@pytest.mark.slow
def test_a_recover_says_what_has_become_of_the_keys(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    made("create", "team-a", data_dir=folder)
    (folder / "unstill.sqlite3").rename(tmp_path / "copy")

    lost = recovered(folder)
    (folder / "unstill.keyed").unlink()  # as before 0.2.0
    unknown = recovered(folder)
    lose_store(folder)
    (tmp_path / "copy").rename(folder / "unstill.sqlite3")
    copied = recovered(folder)

    assert "it has no API keys, and the folder had some: nobody is let in" in lost
    assert "it has no API keys, and the next start lets in every caller" in unknown
    assert "its API keys are those of its day" in copied
    assert "no API keys" not in copied


@pytest.mark.slow
def test_a_server_whose_store_is_lost_lets_in_nobody_until_there_is_a_new_key(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "data"
    old = made("create", "team-a", data_dir=folder)
    lose_store(folder)
    recovered(folder)
    with Serving(folder) as server:
        closed = status(server), status(server, old)
        new = made("create", "team-a", data_dir=folder)
        soon(lambda: status(server, new) == 200)
        still = status(server), status(server, old)
    lose_store(folder)
    (folder / "unstill.keyed").unlink()
    recovered(folder)
    with Serving(folder) as server:
        opened = status(server)

    assert closed == still == (401, 401)
    assert opened == 200
