"""The documents' own samples, sent to a real server and held against their own answers.

Each folder here is one document. A JSON file is one request and its answer, word for word but for
what differs each time: the host, the key, the picture's address, and in the answer whatever stands
in angle brackets. `A|B` is either word. A shell file is one of the document's own commands.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from pathlib import Path
from typing import Any

import httpx2
import msgspec

from support.servers import PictureHost, Serving

HERE = Path(__file__).parent
KEY = "sk-golden"
DOCUMENTS = ("wan2.2-i2v", "sora2-i2v-pro", "wan2.7-i2v", "happyhorse-1.0-i2v")
ENDED = ("Success", "Failure", "SUCCESS", "FAILURE")

# The samples' pictures, and the photo that stands for each.
PICTURES = {
    "https://umodelverse-inference.cn-wlcb.ufileos.com/ucloud-maxcot.jpg": "/chelsea.jpg",
    "https://example.com/cat.png": "/chelsea.jpg",
    "https://example.com/first-frame.png": "/astronaut.jpg",
}
HOSTS = ("https://api.modelverse.cn",)
TASK_ID = ("<task_id>", "TASK_ID_HERE")


class Sample(msgspec.Struct, frozen=True):
    """One request of a document, and the answer it documents."""

    document: str
    request: dict[str, Any]
    answer: dict[str, Any]


class Documents:
    """Sends the documents' samples to one server that asks for a key."""

    def __init__(self, server: Serving, pictures: PictureHost) -> None:
        self._server = server
        self._pictures = pictures

    def send(self, folder: str, name: str, *, task_id: str = "", lost: bool = False) -> str:
        """Send a sample, hold its answer against the documented one; the task's id.

        With `lost`, its pictures are nowhere to be found.
        """
        sample, answer = self._exchange(folder, name, task_id=task_id, lost=lost)

        assert answer.status_code == sample.answer["status"], answer.text
        return self.hold_text(answer.text, sample, task_id=task_id)

    def poll(self, folder: str, task_id: str, end: str, *, within_s: float = 90.0) -> None:
        """Ask until the task has ended: each answer as documented, the last as in `end`."""
        deadline = time.monotonic() + within_s
        while True:
            _, answer = self._exchange(folder, "unfinished", task_id=task_id)
            body = answer.json()
            state = body["output"]["task_status"] if "output" in body else body["status"]
            name = end if state in ENDED else "unfinished"
            self.hold(body, sample_of(folder, name).answer["body"], task_id=task_id)
            if state in ENDED:
                return
            assert time.monotonic() < deadline, self._server.log
            time.sleep(0.1)

    def ask(self, folder: str, name: str, *, task_id: str) -> dict[str, Any]:
        """Send a sample whose answer is not known yet; the answer's body."""
        _, answer = self._exchange(folder, name, task_id=task_id)
        return dict(answer.json())

    def _exchange(
        self, folder: str, name: str, *, task_id: str, lost: bool = False
    ) -> tuple[Sample, httpx2.Response]:
        sample = sample_of(folder, name)
        request = json.loads(self.filled(json.dumps(sample.request), task_id=task_id, lost=lost))
        answer = self._server.http.request(
            request["method"],
            request["path"],
            headers=request["headers"],
            json=request.get("body"),
        )
        return sample, answer

    def filled(self, text: str, *, task_id: str = "", lost: bool = False) -> str:
        """The document's text with this server's host, key, task and pictures."""
        for address, photo in PICTURES.items():
            text = text.replace(address, self._pictures.url + ("/lost.png" if lost else photo))
        for host in HOSTS:
            text = text.replace(host, self._server.url)
        for name in TASK_ID:
            text = text.replace(name, task_id)
        return re.sub("<?YOUR_API_KEY>?", KEY, text)

    def curl(self, command: str, *, folder: Path) -> str:
        """Run a document's command as it stands; what curl printed."""
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=folder,
            env=os.environ | {"BASE_URL": self._server.url, "API_KEY": KEY, "no_proxy": "*"},
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        return done.stdout

    def get(self, path: str) -> httpx2.Response:
        return self._server.http.get(path, headers={"Authorization": KEY})

    def delete(self, task_id: str) -> None:
        answer = self._server.http.delete(
            f"/v1/videos/{task_id}", headers={"Authorization": f"Bearer {KEY}"}
        )
        assert answer.status_code == 200, answer.text

    def hold_text(self, text: str, sample: Sample, *, task_id: str = "") -> str:
        """Hold an answer's text against the sample's answer; the task's id."""
        body = json.loads(text)
        self.hold(body, sample.answer["body"], task_id=task_id)
        return str(body["output"]["task_id"] if "output" in body else body.get("id", task_id))

    def hold(self, got: object, documented: object, *, task_id: str = "", at: str = "body") -> None:
        """Hold an answer against the documented one: exact keys, exact types, exact words."""
        match documented:
            case dict():
                assert isinstance(got, dict), at
                assert set(got) == set(documented), at
                for key, value in documented.items():
                    self.hold(got[key], value, task_id=task_id, at=f"{at}.{key}")
            case list():
                assert isinstance(got, list), at
                assert len(got) == len(documented), at
                for n, value in enumerate(documented):
                    self.hold(got[n], value, task_id=task_id, at=f"{at}[{n}]")
            case str():
                assert self._is(got, documented, task_id), (at, got, documented)
            case _:
                assert type(got) is type(documented), (at, got)
                assert got == documented, at

    def _is(self, got: object, documented: str, task_id: str) -> bool:
        match documented, got:
            case "<task_id>", str():
                return got == task_id
            case "<id>", str():
                return re.fullmatch(r"[A-Za-z0-9_-]+", got) is not None
            case (("<request id>" | "<text>"), str()):
                return bool(got)
            case "<url>", str():
                return got.startswith(f"{self._server.url}/files/")
            case "<unix seconds>", int():
                return 0 <= time.time() - got < 600
            case "<unix milliseconds>", int():
                return 0 <= time.time() - got / 1000 < 600
            case "<time>", str():
                return re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}", got) is not None
            case "<percent>", int():
                return 0 <= got <= 100
            case _, str():
                return got in _either(documented)
            case _:
                return False


def sample_of(folder: str, name: str) -> Sample:
    return msgspec.json.decode((HERE / folder / f"{name}.json").read_bytes(), type=Sample)


def command_of(folder: str, name: str) -> str:
    return (HERE / folder / f"{name}.sh").read_text("utf-8")


def _either(text: str) -> tuple[str, ...]:
    """`status: A|B` is `status: A` or `status: B`."""
    head, last = text.rsplit("|", 1) if "|" in text else (text, None)
    if last is None:
        return (text,)
    start, _, first = head.rpartition(" ")
    before = f"{start} " if start else ""
    return (before + first, before + last)
