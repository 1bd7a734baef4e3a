"""Kling's API of the 3.0 models: create a task from frames, query tasks by their ids or by ours.

The list by a cursor, elements and videos from text are not here. Source: Kling, image to
video (kling-3.0, kling-3.0-turbo), error codes and prices, in mirrors, read 2026-11-30. Guesses,
where no page says it: an id that is not known is left out of an answer, an external id that is used
already is refused, a field that is not known too, and base64 has no `data:` before it, as in the
older API. Which task was to have a mark, and under which external id, is lost in a restart, but for
a query by that id; videos do not expire after their 30 days; a
callback is the task as a query shows it.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import msgspec
from standardwebhooks import Webhook

from unstill.domain.errors import BadSetting
from unstill.emulators.callbacks import SignedCallback
from unstill.emulators.desk import Desk
from unstill.emulators.faults import Fault, FaultSite
from unstill.emulators.jobs import EmulatedJob, EmulatedState, Terms
from unstill.emulators.pictures import (
    PictureFault,
    PictureRule,
    bytes_of_base64,
    check_bytes,
    is_address,
)
from unstill.emulators.results import RESULTS
from unstill.emulators.wire import Answer, Ask, Endpoint, Refusal, as_json, json_body

CREATE = "/image-to-video/{model}"
TASKS = "/tasks"
WORDS = {
    EmulatedState.WAITING: "submitted",
    EmulatedState.RUNNING: "processing",
    EmulatedState.DONE: "succeeded",
    EmulatedState.FAILED: "failed",
}
NO_SUCH_WORD = "auditing"
OUTPUT_FAULT = "The video could not be generated"
PICTURE = PictureRule(
    formats=("JPEG", "PNG"),
    least_side_px=300,
    most_side_px=2**16,
    most_bytes=50 * 10**6,
    most_ratio=2.5,
)
INJECTED = {
    400: ("1201", "the parameters are not valid"),
    401: ("1002", "Authorization is invalid"),
    403: ("1103", "no right to the requested resource"),
    404: ("1203", "the requested resource does not exist"),
    429: ("1302", "too many requests"),
    500: ("5000", "server internal error"),
    503: ("5001", "server temporarily unavailable"),
}
OPTIONS = frozenset({"callback_url", "external_task_id", "watermark_info"})
DURATIONS_S = range(3, 16)
LINES = {"720p": 720, "1080p": 1080, "4k": 2160}
# Prices of kling-3.0: silent, with sound. Those of 4k and of turbo were not read.
USD_PER_S = {720: (0.084, 0.126), 1080: (0.112, 0.168)}


class KlingModelFields(msgspec.Struct, frozen=True, kw_only=True):
    """One model, as its page has it."""

    resolutions: tuple[str, ...]
    settings: frozenset[str]
    frames: frozenset[str]
    most_text: int


MODELS: Mapping[str, KlingModelFields] = {
    "kling-3.0": KlingModelFields(
        resolutions=("720p", "1080p", "4k"),
        settings=frozenset({"resolution", "duration", "audio", "multi_shot"}),
        frames=frozenset({"first_frame", "last_frame"}),
        most_text=3072,
    ),
    "kling-3.0-turbo": KlingModelFields(
        resolutions=("720p", "1080p"),
        settings=frozenset({"resolution", "duration"}),
        frames=frozenset({"first_frame"}),
        most_text=2500,
    ),
}


class KlingOptions(msgspec.Struct, frozen=True):
    """What a task is asked for beside its video."""

    external_id: str = ""
    is_marked: bool = False  # a video with a mark, beside the one without


class KlingEmulator:
    wants_key = True
    takes_bare_key = False
    key_scheme = "Bearer"

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._options: dict[str, KlingOptions] = {}  # by the ids of tasks
        self._signer = _signer(desk.options.callback_secret)
        self.endpoints = (
            Endpoint("POST", CREATE, self._create, FaultSite.SUBMIT),
            Endpoint("GET", TASKS, self._query, FaultSite.POLL),
            Endpoint("GET", f"{RESULTS}{{name}}", desk.follow, FaultSite.FETCH, needs_key=False),
        )

    def render(self, refusal: Refusal, ask: Ask) -> Answer:  # noqa: ARG002  - the port's shape
        said = {"code": int(refusal.code), "message": refusal.message}
        return as_json(said | {"request_id": str(uuid.uuid4())}, status=refusal.status)

    def bad_key(self, *, is_missing: bool) -> Refusal:
        if is_missing:
            return Refusal(401, "1001", "Authorization is empty")
        return self.injected(401, FaultSite.SUBMIT)

    def injected(self, status: int, place: FaultSite) -> Refusal:  # noqa: ARG002  - the port's shape
        return Refusal(status, *INJECTED[status])

    def no_route(self, ask: Ask) -> Refusal:  # noqa: ARG002  - the port's shape
        return Refusal(404, "1202", "the requested method is invalid")

    def _create(self, ask: Ask) -> Answer:
        if not self._desk.submits.takes(ask.key):
            raise self.injected(429, FaultSite.SUBMIT)
        name = ask.names["model"]
        if name not in MODELS:
            raise self.injected(404, FaultSite.SUBMIT)
        body = _object_body(ask)
        text = _contents(MODELS[name], body.get("contents"))
        terms = _terms(name, _part(body, "settings", MODELS[name].settings))
        options = _options(_part(body, "options", OPTIONS))
        job_id = _id_of(options.external_id)
        if self._desk.jobs.had(job_id):
            raise _bad("options.external_task_id is used by another task")
        wish = body | {"model": name, "options": {"is_marked": options.is_marked}}
        job = self._desk.accept(ask, job_id, terms, prompt=text, body=wish)
        self._options[job.id] = options
        if (signer := self._signer) is not None:  # without one, unsigned, none is sent
            url = body.get("options", {}).get("callback_url")
            ask = msgspec.structs.replace(ask, fault=None)
            self._desk.callbacks.owe(
                job.id,
                url,
                lambda now: _signed(self._standing(now, options, ask), signer),
                of_each_state=True,
            )
        return as_json(_well(self._task(job, options)), job_id=job.id)

    def _query(self, ask: Ask) -> Answer:
        ours, theirs = ask.query.get("external_task_ids", ""), ask.query.get("task_ids", "")
        if bool(ours) == bool(theirs):
            raise _bad("task_ids or external_task_ids is required, and not both")
        tasks: list[dict[str, Any]] = []
        for each in (ours or theirs).split(","):
            job = self._desk.find(_id_of(each) if ours else each, ask)
            if job is None:
                continue
            known = KlingOptions(each if ours else "")
            tasks.append(self._standing(job, self._options.get(job.id, known), ask))
            ask = msgspec.structs.replace(ask, fault=None)  # it is of the first one
        return as_json(_well(tasks))

    def _standing(self, job: EmulatedJob, options: KlingOptions, ask: Ask) -> dict[str, Any]:
        task = self._task(job, options)
        if ask.fault is Fault.UNKNOWN_STATE:
            return task | {"status": NO_SUCH_WORD}
        if job.state is EmulatedState.FAILED:
            return task | {"message": OUTPUT_FAULT, "outputs": [], "billing": []}
        if job.state is not EmulatedState.DONE:
            return task
        output = {
            "type": "video",
            "id": f"{job.id}1",
            "url": self._desk.link(job, ask),
            "watermark_url": self._desk.link(job, ask) if options.is_marked else "",
            "duration": str(job.terms.duration_s),
        }
        return task | {"outputs": [output], "billing": _billing(job.terms)}

    def _task(self, job: EmulatedJob, options: KlingOptions) -> dict[str, Any]:
        is_over = job.state in {EmulatedState.DONE, EmulatedState.FAILED}
        return {
            "id": job.id,
            "status": WORDS[job.state],
            "message": "",
            "create_time": job.submitted_ms,
            "update_time": job.ends_ms if is_over else job.submitted_ms,
            "external_id": options.external_id,
        }


def _signer(secret: str) -> Webhook | None:
    """Raises BadSetting."""
    try:
        return Webhook(secret) if secret else None
    except ValueError as error:
        raise BadSetting("--callback-secret", "must be whsec_ and base64 for kling") from error


def _signed(task: Mapping[str, Any], signer: Webhook) -> SignedCallback:
    """Kling, callbacks: in the style of Svix, which Standard Webhooks has written down."""
    body, message_id = msgspec.json.encode(task), f"msg_{uuid.uuid4().hex}"
    now = datetime.now(UTC).replace(microsecond=0)
    headers = {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": signer.sign(message_id, now, body.decode()),
    }
    return SignedCallback(headers, body)


def _well(data: object) -> dict[str, Any]:
    return {"code": 0, "message": "SUCCEED", "request_id": str(uuid.uuid4()), "data": data}


def _id_of(external_id: str) -> str:
    """The same for the same external id, also after a restart; a new one without any."""
    seed = external_id.encode() or uuid.uuid4().bytes
    return str(10**17 + int.from_bytes(sha256(seed).digest()[:8]) % (9 * 10**17))


def _billing(terms: Terms) -> list[dict[str, str]]:
    """Empty where no price was read."""
    prices = USD_PER_S.get(terms.tier or 0) if terms.model == "kling-3.0" else None
    if prices is None:
        return []
    amount = str(round(prices[terms.has_audio] * terms.duration_s, 6))
    cash = {"charge_type": "cash", "cash_type": "balance", "currency": "USD"}
    return [cash | {"amount": amount, "list_price": amount}]


def _part(body: Mapping[str, Any], name: str, fields: frozenset[str]) -> dict[str, Any]:
    """The object at `name`, without a field that is not known. Raises Refusal."""
    part = body.get(name, {})
    if not isinstance(part, dict):
        raise _bad(f"{name} must be an object")
    if unknown := part.keys() - fields:
        raise _bad(f"{name}.{min(unknown)} is not known")
    return part


def _terms(name: str, settings: Mapping[str, Any]) -> Terms:
    """Raises Refusal."""
    resolution, duration_s = settings.get("resolution", "720p"), settings.get("duration", 5)
    if resolution not in MODELS[name].resolutions:
        raise _bad("settings.resolution is not allowed")
    if type(duration_s) is not int or duration_s not in DURATIONS_S:
        raise _bad("settings.duration must be from 3 to 15")
    audio = settings.get("audio", "off")
    if audio not in {"off", "native"}:
        raise _bad("settings.audio must be native or off")
    if not isinstance(settings.get("multi_shot", True), bool):
        raise _bad("settings.multi_shot must be a boolean")
    return Terms(name, duration_s, LINES[resolution], has_audio=audio == "native")


def _options(options: Mapping[str, Any]) -> KlingOptions:
    """Raises Refusal."""
    external_id = options.get("external_task_id", "")
    if not (isinstance(external_id, str) and isinstance(options.get("callback_url", ""), str)):
        raise _bad("options.callback_url and options.external_task_id must be texts")
    match options.get("watermark_info", {}):
        case {"enabled": bool() as is_marked, **others} if not others:
            pass
        case {**others} if not others:
            is_marked = False
        case _:
            raise _bad("options.watermark_info has enabled alone, a boolean")
    return KlingOptions(external_id, is_marked)


def _contents(model: KlingModelFields, contents: object) -> str:
    """The text. Raises Refusal."""
    texts: list[str] = []
    frames: list[str] = []
    for part in contents if isinstance(contents, list) else ():
        match part:
            case {"type": "prompt", "text": str() as text, **others} if not others:
                texts.append(text)
            case {"type": str() as kind, "url": str() as url, **others} if (
                kind in model.frames and not others
            ):
                _check_picture(kind, url)
                frames.append(kind)
            case _:
                raise _bad("a part of contents is none that the model takes")
    if len(texts) > 1 or any(not 0 < len(text) <= model.most_text for text in texts):
        raise _bad(f"contents has one prompt at most, of 1 to {model.most_text} characters")
    if sorted(frames) not in (["first_frame"], ["first_frame", "last_frame"]):
        raise _bad(f"contents cannot have the frames {frames}")
    return texts[0] if texts else ""


def _check_picture(kind: str, url: str) -> None:
    if is_address(url):
        return
    try:
        check_bytes(bytes_of_base64(url), PICTURE)
    except PictureFault as fault:
        raise _bad(f"{kind}: {fault}") from None


def _object_body(ask: Ask) -> dict[str, Any]:
    try:
        body = json_body(ask)
    except msgspec.DecodeError:
        raise _bad("the body is not JSON") from None
    if ask.content_type != "application/json" or not isinstance(body, dict):
        raise _bad("the body is no JSON object")
    if unknown := body.keys() - {"contents", "settings", "options"}:
        raise _bad(f"{min(unknown)} is not known")
    return body


def _bad(message: str) -> Refusal:
    return Refusal(400, "1201", message)


EMULATOR = KlingEmulator
