"""Two owners on one server: all that one of them has, and every way for the other to name it."""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any, NamedTuple, Self
from urllib.parse import quote

import apsw
import httpx2

from support.emulator_process import Emulator
from support.ledger_of_server import rows
from support.servers import PHOTOS, Serving
from support.settings_files import engine, engine_at, model
from support.waits import hold_until
from unstill.dialects.parameters import TICKET
from unstill.dialects.route import Route
from unstill.domain.api_key import ApiKey, digest_of, new_key_id
from unstill.domain.caller import Scope
from unstill.domain.job import State
from unstill.domain.owner import Owner
from unstill.files.uploads import owner_digest
from unstill.store.embedded.keys_beside import change_key_in

ATLAS, BOREA, COSMO = Owner("atlas"), Owner("borea"), Owner("cosmo")
GUESTS = tuple(f"guest{n}" for n in range(8))  # one for each route that makes a job
KEYED = (ATLAS, BOREA, *GUESTS)
FRAME = b64encode((PHOTOS / "chelsea.jpg").read_bytes()).decode()
BROKEN = b64encode((PHOTOS / "chelsea.jpg").read_bytes()[:2000]).decode()
PROMPT = "a secret prompt of atlas"
MARK = "mark-of-atlas-0017"
AT_HAND, FAR = (
    "happyhorse-1.0-i2v",
    "wan2.7-i2v",
)  # models of the camera, and of an upstream that takes long
ALIAS = "grand-model"
NEVER = "0190f0f0-0f0f-7f0f-8f0f-0f0f0f0f0f0f"
SHORT = {"size": "320x256", "duration": 3}
CREATE = "/api/v1/services/aigc/video-generation/video-synthesis"
CONFIG = f"""
[server]
allow_networks = ["127.0.0.0/8"]

[models."{AT_HAND}"]
engines = ["camera"]

"""
# A moment of these years, in Unix seconds, or none where there may be one.
_MADE = re.compile(r"\b1[6-9]\d{8}\b|(?<=\"refusing_until\":)null")


def key_of(name: str) -> dict[str, str]:
    return {"authorization": f"Bearer sk-{name}"}


class Place(NamedTuple):
    """Where a call names something."""

    kind: str  # path, query, header or body
    name: str
    is_documented: bool


class Estate(NamedTuple):
    """All that atlas has on a server, by what it is; and one finished job of borea."""

    server: Serving
    ids: Mapping[str, str]
    secrets: tuple[str, ...]  # what is in no answer to anybody else
    own_job: str
    own_link: str

    def unchanged(self) -> tuple[Any, ...]:
        """What is stored of atlas, to be compared."""
        return stored_of(self.server.data_dir, ATLAS)


def built(folder: Path, stack: ExitStack) -> Estate:
    """A server with these owners' keys, and jobs of atlas in every state that lasts."""
    emulator = stack.enter_context(Emulator("unified", job_s=600.0))
    config = CONFIG + engine("far", emulator) + model(FAR, "far")
    config += engine_at("down", "unified", "http://127.0.0.1:9") + model(ALIAS, "down", like=FAR)
    folder.mkdir()
    key_ids = _keys_in(folder)
    environment = {"UNSTILL_API_KEYS": ",".join(f"{each}:sk-{each}" for each in KEYED)}
    server = stack.enter_context(Serving(folder, config=config, environment=environment))
    jobs, mine = {}, _made(server, BOREA, AT_HAND)
    jobs["succeeded"] = _made(server, ATLAS, AT_HAND, mark=MARK)
    link = str(_ended(server, ATLAS, jobs["succeeded"])["urls"][0])
    jobs["failed"] = _made(server, ATLAS, AT_HAND, frame=BROKEN)
    assert "urls" not in _ended(server, ATLAS, jobs["failed"])
    jobs["deleted"] = _made(server, ATLAS, AT_HAND)
    gone = server.http.delete(f"/v1/videos/{jobs['deleted']}", headers=key_of("atlas"))
    assert gone.status_code == 200
    jobs["running"] = _made(server, ATLAS, FAR)
    hold_until(lambda: rows(folder)[jobs["running"]].state is State.RUNNING)
    jobs["queued"] = _made(server, ATLAS, ALIAS)
    hold_until(lambda: rows(folder)[jobs["queued"]].state is State.READY)
    upload = _uploaded(server)
    signature = link.rpartition("signature=")[2]
    ids = {f"a {state} job": job for state, job in jobs.items()} | {
        "a link's signature": signature,
        "an upload": upload,
        "an upload's folder": upload.rpartition("/")[0],
        "an idempotency key": MARK,
        "a webhook's event": f"evt_{jobs['succeeded']}",
        "a key": key_ids[ATLAS],
        "an owner": ATLAS,
    }
    own = _ended(server, BOREA, mine)
    return Estate(server, ids, (*ids.values(), PROMPT), mine, str(own["urls"][0]))


def twin(text: str) -> str:
    """A text of the same shape, which is the name of nothing."""
    at = max(n for n, char in enumerate(text) if char.isalnum())
    other = "1" if text[at] == "0" else "0" if text[at] in "123456789abcdef" else "x"
    return text[:at] + (other if other != text[at] else "y") + text[at + 1 :]


# --- what a call may name, and where --------------------------------------------------------------


def places_of(route: Route[Any]) -> Iterator[Place]:
    """Where a call of the route may name something, and where a hopeful one would."""
    ticket = (TICKET,) if route.takes_ticket else ()
    parameters = (*route.parameters, *route.verb.parameters, *ticket)
    for kind, hoped in (
        ("path", ()),
        ("query", ("owner", "task_id")),
        ("header", ("idempotency-key", "last-event-id", "x-request-id")),
    ):
        named = [each.name.lower() for each in parameters if each.place == kind]
        yield from (Place(kind, name, is_documented=True) for name in named)
        yield from (Place(kind, name, is_documented=False) for name in hoped if name not in named)
    if route.method not in {"GET", "DELETE"}:
        for name in ("remix_video_id", "owner", "webhook_url", "frame", "upload"):
            is_read = route.reads_body and name in {"frame", "upload"}
            yield Place("body", name, is_documented=is_read)


class Asker:
    """Somebody who names another's things at every place of every route."""

    def __init__(self, estate: Estate, headers: Mapping[str, str]) -> None:
        self._estate = estate
        self._headers = dict(headers)
        self._http = httpx2.Client(base_url=estate.server.url, timeout=60)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._http.close()

    def answer(self, route: Route[Any], place: Place, named: str, *, method: str = "") -> Answered:
        """What comes of a call that is well but for what it names at this place."""
        path, query, headers, body = self._call(route)
        match place.kind:
            case "path":
                path[place.name] = named
            case "query":
                query[place.name] = named
            case "header":
                headers[place.name] = named
            case _:
                _name_in(body, place.name, named, route.path)
        url = route.path.replace(":path}", "}")
        for name, value in path.items():
            url = url.replace(f"{{{name}}}", quote(value, safe=""))
        sent = {"data": body["form"]} if "form" in body else {"json": body["json"]} if body else {}
        if "form" in body:
            sent["files"] = {"file": ("cat.jpg", b"no picture")}
        answer = self._sent(method or route.method, url, params=query, headers=headers, **sent)
        made = _new_job(answer) if route.makes_job else None
        if made is not None:
            self._http.delete(f"/v1/videos/{made}", headers=self._headers)
        return answered(answer, named, made, is_of_engines=url.endswith("/models"))

    def _sent(self, method: str, url: str, **given: Any) -> httpx2.Response:
        if (method, url) != ("GET", "/v1/events"):
            return self._http.request(method, url, **given)
        with self._http.stream(method, url, **given) as endless:
            begun = next(endless.iter_bytes(), b"")
            return httpx2.Response(endless.status_code, headers=endless.headers, content=begun)

    def _call(
        self, route: Route[Any]
    ) -> tuple[dict[str, str], dict[str, str], dict[str, str], dict[str, Any]]:
        """Path, query, headers and body of a call about what is the asker's own."""
        query: dict[str, str] = {}
        body: dict[str, Any] = {}
        headers = self._headers | {
            "x-dashscope-async": "enable",
            "x-dashscope-ossresourceresolve": "enable",
        }
        own = NEVER if route.method == "DELETE" else self._estate.own_job
        path = dict.fromkeys(re.findall(r"\{(\w+)", route.path), own)
        path |= {name: known for name, known in _KNOWN.items() if name in path}
        if route.path.startswith("/files/"):
            query = dict(re.findall(r"(\w+)=([^&]+)", self._estate.own_link))
        elif route.path == "/api/v1/uploads":
            query = {"action": "getPolicy", "model": FAR}
        elif route.path == "/api/v1/uploads/objects":
            policy = self._policy()
            body["form"] = _form_of(policy)
        elif route.method not in {"GET", "DELETE"}:
            body["json"] = _body_at(route.path)
        return path, query, headers, body

    def _policy(self) -> dict[str, Any]:
        query = {"action": "getPolicy", "model": FAR}
        answer = self._http.get("/api/v1/uploads", params=query, headers=self._headers)
        return dict(answer.json()["data"]) if answer.is_success else _NO_POLICY


_KNOWN = {"model": FAR, "variant": "video", "character_id": "somebody", "role": "first"}
_NO_POLICY = {"policy": "x", "signature": "x", "upload_dir": "x"}


class Answered(NamedTuple):
    """An answer without what is another one's each time, and without what was named."""

    status: int
    headers: tuple[tuple[str, str], ...]
    text: str


def answered(
    answer: httpx2.Response, named: str, made: str | None, *, is_of_engines: bool = False
) -> Answered:
    """`made`: the id of a job that the call made."""
    request_id = answer.headers["x-request-id"]

    def plain(text: str) -> str:
        for gone, word in ((request_id, "REQUEST"), (made, "NEW"), (quote(named), "NAMED")):
            text = text.replace(gone, word) if gone else text
        return _MADE.sub("MOMENT", text.replace(named, "NAMED"))

    mine = {"date", "x-request-id", "openai-poll-after-ms"}
    if is_of_engines:  # whose refusals come and go
        mine.add("content-length")
    headers = tuple(
        (name, plain(value)) for name, value in sorted(answer.headers.items()) if name not in mine
    )
    is_policy = '"policy":' in answer.text  # signed anew each time
    return Answered(answer.status_code, headers, "POLICY" if is_policy else plain(answer.text))


def _new_job(answer: httpx2.Response) -> str | None:
    if not answer.is_success:
        return None
    said = answer.json()
    return str(said["output"]["task_id"] if "output" in said else said["id"])


def _body_at(path: str) -> dict[str, Any]:
    if path == "/v1/quotes":
        return {"model": FAR, "frames": {"first": {"width": 800, "height": 600}}}
    if "/videos" in path:
        return {"model": FAR, "prompt": "still", "input_reference": FRAME}
    return {"model": FAR, "input": {"prompt": "still", "first_frame_url": FRAME}}


def _form_of(policy: Mapping[str, Any]) -> dict[str, str]:
    return {
        "OSSAccessKeyId": "unstill",
        "Signature": policy["signature"],
        "policy": policy["policy"],
        "key": f"{policy['upload_dir']}/cat.jpg",
    }


def _name_in(body: dict[str, Any], name: str, named: str, path: str) -> None:
    if "form" in body:
        body["form"][{"upload": "key", "frame": "policy"}.get(name, name)] = named
        return
    given = f"oss://{named}" if name == "upload" else named
    if name not in {"frame", "upload"}:
        body["json"][name] = given
    elif path == "/v1/quotes":
        body["json"]["frames"]["first"] = given
    elif "/videos" in path:
        body["json"]["input_reference"] = given
    else:
        body["json"]["input"]["first_frame_url"] = given


# --- what atlas has -------------------------------------------------------------------------------


def stored_of(data_dir: Path, owner: str) -> tuple[Any, ...]:
    """The owner's rows, and the digests of its jobs' files and its uploads."""
    jobs, marks = (_rows_of(data_dir, table, owner) for table in ("jobs", "marks"))
    ids = [str(row["id"]) for row in jobs]
    for row in jobs:
        if row["engine"] == "down":  # it is tried again and again
            for name in ("state", "attempt", "due_ms", "moves"):
                del row[name]
    uploads = data_dir.glob(f"uploads/{owner_digest(Owner(owner))}-*")
    of_jobs = (file for job in ids for file in data_dir.glob(f"jobs/{job}/*"))
    files = {
        str(file.relative_to(data_dir)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted((*uploads, *of_jobs))
    }
    return jobs, marks, files


def _rows_of(data_dir: Path, table: str, owner: str) -> list[dict[str, Any]]:
    database, flags = str(data_dir / "unstill.sqlite3"), apsw.SQLITE_OPEN_READONLY
    with closing(apsw.Connection(database, flags)) as connection:
        found = connection.execute(f"SELECT * FROM {table} WHERE owner = ? ORDER BY 1", (owner,))  # noqa: S608
        return [
            {name: value for (name, *_), value in zip(found.get_description(), row, strict=True)}
            for row in found
        ]


def _keys_in(folder: Path) -> dict[Owner, str]:
    """Keys that were made: one of atlas, and of others such as may less than others, or more."""
    made: dict[str, dict[str, Any]] = {
        "made": {"owner": ATLAS},
        "few": {"owner": BOREA, "models": (FAR,)},
        "away": {"owner": BOREA, "networks": ("10.9.0.0/16",)},
        "admin": {"owner": COSMO, "scope": Scope.ADMIN},
    }
    ids: dict[Owner, str] = {}
    for name, fields in made.items():
        key: dict[str, Any] = {
            "id": new_key_id(),
            "name": f"{name}-key",
            "digest": digest_of(f"sk-{name}".encode()).hex(),
            "scope": Scope.USER,
            "created_ms": 1_790_000_000_000,
        }
        row = _stored(folder, ApiKey(**key | fields))
        ids[row.owner] = row.id
    return ids


def _stored(folder: Path, key: ApiKey) -> ApiKey:
    return change_key_in(folder, lambda _: key)


def _made(server: Serving, owner: str, model: str, *, frame: str = FRAME, mark: str = "") -> str:
    answer = server.http.post(
        "/v1/tasks/submit", headers=sender(owner, mark), json=sent(model, frame, owner)
    )
    assert answer.status_code == 200, answer.text
    return str(answer.json()["output"]["task_id"])


def sender(owner: str, mark: str) -> dict[str, str]:
    return key_of(owner) | ({"idempotency-key": mark} if mark else {})


def sent(model: str, frame: str = FRAME, owner: str = ATLAS) -> dict[str, Any]:
    prompt = PROMPT if owner == ATLAS else "still"
    given = {"first_frame_url": frame, "prompt": prompt}
    return {"model": model, "input": given, "parameters": SHORT if model == AT_HAND else {}}


def _ended(server: Serving, owner: str, job: str) -> dict[str, Any]:
    status: dict[str, Any] = {}

    def is_over() -> bool:
        answer = server.http.get(
            "/v1/tasks/status", params={"task_id": job, "wait": "5"}, headers=key_of(owner)
        )
        status.update(answer.json()["output"])
        return status["task_status"] in {"Success", "Failure"}

    hold_until(is_over, within_s=60)
    return status


def _uploaded(server: Serving) -> str:
    """The key of a picture that atlas has sent ahead."""
    query = {"action": "getPolicy", "model": AT_HAND}
    policy = server.http.get("/api/v1/uploads", params=query, headers=key_of("atlas")).json()
    form = _form_of(policy["data"])
    files = {"file": ("cat.jpg", (PHOTOS / "chelsea.jpg").read_bytes())}
    answer = server.http.post("/api/v1/uploads/objects", data=form, files=files)
    assert answer.status_code == 200, answer.text
    return form["key"]
