"""A new dialect is its class: one that stands in this file alone is served like the others.

What a new dialect touches elsewhere:

    dialects/apis/NEW.py    the dialect, as `Films` here
    product.py              one line: its maker in `DIALECTS`, which is `(*DIALECTS, ...)` here
    docs/api.md             its routes

No other dialect, nothing of the server, and no part of the description of the API has to know it.
"""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import pytest

from support.in_process import PHOTO, served, settings_of
from support.route_tables import table_of
from unstill.dialects.body_fields import body_of, given_model, read_fields
from unstill.dialects.call import Call, JobView
from unstill.dialects.parameters import WAIT
from unstill.dialects.port import Described, Paging
from unstill.dialects.route import Parameter, Route, Verb
from unstill.dialects.verbs import CANCEL, DELETE, LIST_BY_CURSOR, STATUS, SUBMIT
from unstill.domain.errors import UnstillError
from unstill.domain.job import Job, State, Vocabulary
from unstill.domain.request import CreateCall, GivenFrame
from unstill.models.card import Card
from unstill.product import DIALECTS, Product

FIELDS = {"story": "prompt", "lasts": "duration", "frame": "size"}
NAMES = {"first_frame": "still"} | {canonical: wire for wire, canonical in FIELDS.items()}
WORDS = dict.fromkeys(State, "on its way") | {
    State.SUCCEEDED: "shown",
    State.FAILED: "torn",
    State.CANCELLED: "stopped",
}


class Film(msgspec.Struct, frozen=True, omit_defaults=True):
    film: str
    is_now: str
    reel: str | None = None
    because: str | None = None


class Programme(msgspec.Struct, frozen=True):
    films: list[Film]
    goes_on: bool


class Wrong(msgspec.Struct, frozen=True):
    wrong: str
    because: str


class Films:
    """A vendor with words of its own for everything."""

    name = "films"
    shows_link = True
    form_names = NAMES
    refusal = Wrong

    def __init__(self) -> None:
        self.routes = ROUTES

    def parse(self, call: Call) -> CreateCall:
        body = body_of(call)
        return CreateCall(
            model=given_model(body),
            fields=read_fields(body, FIELDS, ""),
            frames=(GivenFrame("first", "still", str(body.get("still", ""))),),
            names=NAMES,
            dialect=self.name,
        )

    def words(self, call: Call) -> Vocabulary:  # noqa: ARG002  - the port's shape
        return "unified"

    def job_id(self, call: Call) -> str:
        return call.path["film"]

    def state_word(self, job: Job, call: Call) -> str:  # noqa: ARG002  - the port's shape
        return WORDS[job.state]

    def submitted(self, job: Job, view: JobView) -> Film:
        return self.status(job, view)

    def status(self, job: Job, view: JobView) -> Film:
        because = None if job.failure is None else job.failure.message
        return Film(job.id, WORDS[job.state], view.url, because)

    def cancelled(self, call: Call) -> Film:
        return Film(self.job_id(call), WORDS[State.CANCELLED])

    def paging(self, call: Call) -> Paging:
        return Paging(2, call.query.get("behind"), newest_first=False)

    def listed(self, page: Sequence[tuple[Job, JobView]], *, has_more: bool) -> Programme:
        return Programme([self.status(job, view) for job, view in page], has_more)

    def error(self, error: UnstillError, request_id: str) -> Wrong:  # noqa: ARG002  - port's shape
        return Wrong(self.error_code(type(error)), error.message)

    def error_status(self, kind: type[UnstillError]) -> int:
        return 418 if kind.status == 400 else kind.status

    def error_code(self, kind: type[UnstillError]) -> str:
        return kind.code.upper()


def film_schema(cards: Sequence[Card]) -> dict[str, Any]:
    texts = {name: {"type": "string"} for name in ("model", "still", "story", "frame")}
    texts["model"]["enum"] = [name for card in cards for name in card.names]  # type: ignore[assignment]
    return {"type": "object", "properties": texts | {"lasts": {"type": "integer"}}}


FILM = Parameter("path", "film", "Which film.", is_job_id=True)
BEHIND = Parameter("query", "behind", "The film that the page begins behind.")
ROUTES: tuple[Route[Films], ...] = (
    Route(
        "POST",
        "/cinema/films",
        SUBMIT,
        "Make a film of a still",
        (Film,),
        body=film_schema,
        job_id_at="/film",
    ),
    Route("GET", "/cinema/films", LIST_BY_CURSOR, "List the films", (Programme,), (BEHIND,)),
    Route("GET", "/cinema/films/{film}", STATUS, "Ask after a film", (Film,), (FILM, WAIT)),
    Route("POST", "/cinema/films/{film}/stop", CANCEL, "Stop a film", (Film,), (FILM,)),
)
STILL = base64.b64encode(PHOTO.read_bytes()).decode()


@pytest.fixture
async def http(tmp_path: Path) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of the real server, which has the toy beside its own dialects."""
    dialects = (*DIALECTS, lambda _server, _cards: Films())
    async with served(Product(settings_of(tmp_path), dialects=dialects)) as http:
        yield http


async def film(http: httpx2.AsyncClient, **fields: object) -> httpx2.Response:
    body = {"model": "wan2.7-i2v", "still": STILL, "story": "push in", "lasts": 2} | fields
    return await http.post("/cinema/films", json=body)


async def test_a_film_is_made_and_told_in_its_own_words(http: httpx2.AsyncClient) -> None:
    made = (await film(http, frame="320x256")).json()
    one = f"/cinema/films/{made['film']}"
    while (now := await http.get(one, params={"wait": "30"})).json()["is_now"] == "on its way":
        pass
    reel = await http.get(now.json()["reel"])
    same = (await http.get(f"/v1/videos/{made['film']}")).json()

    assert made["is_now"] == "on its way"
    assert (now.json()["is_now"], now.headers["x-unstill-engine"]) == ("shown", "camera")
    assert reel.content[4:8] == b"ftyp"
    assert (same["status"], same["size"], same["prompt"]) == ("SUCCESS", "320x256", "push in")


async def test_a_film_is_stopped_and_stays_on_the_list(http: httpx2.AsyncClient) -> None:
    ids = [(await film(http, lasts=15, frame="1920x1080")).json()["film"] for _ in range(3)]
    stopped = [(await http.post(f"/cinema/films/{each}/stop")).json() for each in ids]
    page = (await http.get("/cinema/films")).json()
    rest = (await http.get("/cinema/films", params={"behind": page["films"][-1]["film"]})).json()

    assert stopped == [{"film": each, "is_now": "stopped"} for each in ids]
    assert page["goes_on"] is True
    assert rest["goes_on"] is False
    assert [*page["films"], *rest["films"]] == stopped


async def test_what_is_wrong_is_said_in_its_envelope_and_by_its_names(
    http: httpx2.AsyncClient,
) -> None:
    refused = await film(http, lasts=99)
    lost = await http.get("/cinema/films/none")
    nothing = await http.get("/cinema/nothing")

    assert refused.status_code == 418
    assert refused.json()["wrong"] == "INVALID_PARAMETER"
    assert refused.json()["because"].startswith("lasts must be a whole number from 2 to 15")
    assert (lost.status_code, lost.json()["wrong"]) == (404, "TASK_NOT_FOUND")
    assert (nothing.status_code, nothing.json().keys()) == (404, {"wrong", "because"})


async def test_the_description_and_the_models_have_it(http: httpx2.AsyncClient) -> None:
    api = (await http.get("/openapi.json")).json()
    [post] = [
        each
        for each in (await http.get("/v1/models/sora-2")).json()["capabilities"]["posts"]
        if each["dialect"] == "films"
    ]
    create = api["paths"]["/cinema/films"]["post"]
    status = api["paths"]["/cinema/films/{film}"]["get"]
    answer = status["responses"]["200"]

    assert {path for path in api["paths"] if path.startswith("/cinema")} == {
        route.path for route in ROUTES
    }
    assert create["tags"] == ["films"]
    assert create["responses"]["200"]["links"].keys() == {"status_film", "cancel_film"}
    assert "INVALID_PARAMETER" in create["responses"]["418"]["description"]
    assert [each["name"] for each in status["parameters"]] == ["film", "wait"]
    assert answer["content"]["application/json"]["examples"]["answer"]["value"]["is_now"] == "shown"
    assert "openai-poll-after-ms" not in answer["headers"]
    assert post["path"] == "/cinema/films"
    assert post["names"]["first_frame"] == "still"


def with_routes(*routes: Route[Any]) -> Described:
    films = Films()
    films.routes = routes
    return films


def test_a_route_whose_dialect_lacks_what_its_verb_needs_is_refused_at_the_start() -> None:
    route = Route("DELETE", "/cinema/films/{film}", DELETE, "Burn", (), (FILM,))

    with pytest.raises(TypeError) as refused:
        table_of(with_routes(route))

    assert str(refused.value) == (
        "Films, DELETE /cinema/films/{film}: the verb 'delete' needs a dialect that is Deletes, "
        "and it lacks deleted"
    )


def test_a_route_that_does_not_describe_its_path_is_refused_at_the_start() -> None:
    with pytest.raises(TypeError, match=r"its parameters in the path must be \['film'\]"):
        table_of(with_routes(Route("GET", "/cinema/films/{film}", STATUS, "Ask", (Film,))))


def test_a_verb_that_nothing_does_is_refused_at_the_start(tmp_path: Path) -> None:
    burn = Verb("burn", Described, responses=())
    films = Films()
    films.routes = (Route("DELETE", "/cinema/films/{film}", burn, "Burn", (), (FILM,)),)

    with pytest.raises(TypeError, match=r"nothing in server/handlers\.py does the verb 'burn'"):
        Product(settings_of(tmp_path), dialects=(lambda _server, _cards: films,))
