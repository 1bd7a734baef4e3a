"""DashScope's image-to-video wire: create, query, list, cancel, and the upload policy.

Covers what a client of the video models can meet; the console, EventBridge and quotas are not
here. Source: DashScope's model pages, "manage asynchronous tasks" and the error code page, read
2026-11-20.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any

import msgspec

from unstill.emulators.control import whole
from unstill.emulators.dashscope_bodies import (
    DashScopeCreate,
    check_picture,
    invalid,
    read_wish,
    usage_of,
)
from unstill.emulators.dashscope_models import MODELS, PICTURE_FIELDS, DashScopeModelFields
from unstill.emulators.dashscope_uploads import UPLOADS, EmulatedUploads, policy_answer
from unstill.emulators.desk import Desk, now_ms
from unstill.emulators.faults import Fault, FaultSite
from unstill.emulators.jobs import EmulatedJob, EmulatedState, Filter
from unstill.emulators.pictures import (
    PictureFault,
    check_head,
    is_address,
)
from unstill.emulators.results import RESULTS
from unstill.emulators.wire import Answer, Ask, Endpoint, Refusal, as_json, json_body

BASE = "/api/v1"
BEIJING = timezone(timedelta(hours=8))  # its times are strings without a zone, of this one
MOST_PAGE = 100  # believed: no document names the greatest page_size
DAY_MS = 86_400_000
WORDS = {
    EmulatedState.WAITING: "PENDING",
    EmulatedState.RUNNING: "RUNNING",
    EmulatedState.DONE: "SUCCEEDED",
    EmulatedState.FAILED: "FAILED",
    EmulatedState.CANCELLED: "CANCELED",
}
STATES = {word: state for state, word in WORDS.items()}
NO_SUCH_WORD = "SUSPENDED_FOR_REVIEW"
OUTPUT_FAULT = ("InternalError.Algo", "The video could not be generated.")

# What the error code page names for each status; of a submit 503 is the overload answer.
INJECTED = {
    400: ("DataInspectionFailed", "Input data may contain inappropriate content."),
    401: ("InvalidApiKey", "Invalid API-key provided."),
    403: ("AccessDenied.Unpurchased", "Access to model denied."),
    404: ("ModelNotFound", "Model can not be found."),
    429: ("Throttling.RateQuota", "Requests rate limit exceeded, please try again later."),
    500: ("InternalError", "An internal error has occured, please try again later."),
    503: ("ModelUnavailable", "Model is unavailable, please try again later."),
}


class DashScopeEmulator:
    wants_key = True
    takes_bare_key = False
    key_scheme = "Bearer"

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._uploads = EmulatedUploads(secret=desk.secret, life_s=desk.options.upload_s)
        create = f"{BASE}/services/aigc/{{path}}/video-synthesis"
        task = f"{BASE}/tasks/{{task_id}}"
        self.endpoints = (
            Endpoint("POST", create, self._create, FaultSite.SUBMIT),
            Endpoint("GET", f"{BASE}/tasks", self._list, FaultSite.LIST),
            Endpoint("GET", task, self._query, FaultSite.POLL),
            Endpoint("POST", f"{task}/cancel", self._cancel, FaultSite.CANCEL),
            Endpoint("GET", f"{BASE}/uploads", self._policy, FaultSite.UPLOAD),
            Endpoint("POST", UPLOADS, self._uploads.take, FaultSite.UPLOAD, needs_key=False),
            Endpoint("GET", f"{RESULTS}{{name}}", desk.follow, FaultSite.FETCH, needs_key=False),
        )

    def render(self, refusal: Refusal, ask: Ask) -> Answer:  # noqa: ARG002  - the port's shape
        """Flat: no `error` around it."""
        body = {"code": refusal.code, "message": refusal.message, "request_id": _new_id()}
        return as_json(body, status=refusal.status)

    def bad_key(self, *, is_missing: bool) -> Refusal:
        what = "No API-key provided." if is_missing else "Invalid API-key provided."
        return Refusal(401, "InvalidApiKey", what)

    def injected(self, status: int, place: FaultSite) -> Refusal:  # noqa: ARG002  - the port's shape
        code, message = INJECTED[status]
        return Refusal(status, code, message)

    def no_route(self, ask: Ask) -> Refusal:
        return Refusal(404, "NotFound", f"Not found: {ask.path}")

    def _create(self, ask: Ask) -> Answer:
        if ask.headers.get("x-dashscope-async", "").lower() != "enable":
            message = "current user api does not support synchronous calls."
            raise Refusal(403, "AccessDenied", message)
        if not self._desk.submits.takes(ask.key):
            raise self.injected(429, FaultSite.SUBMIT)
        body = _object_body(ask)
        name = body.get("model")
        model = MODELS.get(name) if isinstance(name, str) else None
        if model is None or not isinstance(name, str):
            raise Refusal(404, "ModelNotFound", f"Model not exist: {name!r}.")
        if ask.names["path"] != model.path:
            raise invalid("url error, please check url!")
        wish = read_wish(name, model, body)
        stands_for = self._check_pictures(ask, name, model, wish)
        fields = {k: v for k, v in body["input"].items() if k not in PICTURE_FIELDS}
        same = {**body, "input": fields, "pictures": stands_for}
        job = self._desk.accept(ask, _new_id(), wish.terms, prompt=wish.prompt, body=same)
        output = {"task_status": WORDS[EmulatedState.WAITING], "task_id": job.id}
        return as_json({"output": output, "request_id": _new_id()}, job_id=job.id)

    def _check_pictures(
        self, ask: Ask, name: str, model: DashScopeModelFields, wish: DashScopeCreate
    ) -> list[str]:
        """What each address stands for, uploads by their content."""
        stands_for = []
        for field, address in wish.pictures:
            try:
                stands_for.append(self._checked_picture(ask, name, model, address))
            except PictureFault as fault:
                code = "InvalidParameter.DataInspection"
                raise Refusal(400, code, f"{field}: {fault}") from None
        for field, address in wish.other_media:
            if not is_address(address) and not address.startswith("oss://"):
                raise invalid(f"{field} must be an address: base64 is for pictures only")
            stands_for.append(address)
        return stands_for

    def _checked_picture(
        self, ask: Ask, name: str, model: DashScopeModelFields, address: str
    ) -> str:
        """Raises PictureFault."""
        if address.startswith("oss://"):
            if ask.headers.get("x-dashscope-ossresourceresolve", "").lower() != "enable":
                raise PictureFault("oss:// needs the header X-DashScope-OssResourceResolve")
            upload = self._uploads.find(address, key=ask.key, model=name)
            if upload is None:
                raise PictureFault("the media resource cannot be downloaded")
            check_head(upload.head, upload.size_bytes, model.picture)
            return upload.sha256
        check_picture(address, model)
        return address

    def _query(self, ask: Ask) -> Answer:
        self._count(ask)
        task_id = ask.names["task_id"]
        job = self._desk.find(task_id, ask)
        if job is None or job.submitted_ms < self._forgotten_ms():
            output: dict[str, Any] = {"task_id": task_id, "task_status": "UNKNOWN"}
            return as_json({"request_id": _new_id(), "output": output})
        usage = usage_of(job)
        body = {"request_id": _new_id(), "output": self._output(job, ask)}
        return as_json(body if usage is None else body | {"usage": usage})

    def _output(self, job: EmulatedJob, ask: Ask) -> dict[str, Any]:
        output = {"task_id": job.id, "task_status": _word(job, ask)} | _times(job)
        match job.state:
            case EmulatedState.DONE:
                return output | {
                    "orig_prompt": job.prompt or "",
                    "video_url": self._desk.link(job, ask),
                }
            case EmulatedState.FAILED:
                return output | dict(zip(("code", "message"), OUTPUT_FAULT, strict=True))
            case _:
                return output

    def _list(self, ask: Ask) -> Answer:
        self._count(ask)
        page_no = max(whole(ask.query, "page_no", 1), 1)
        page_size = min(max(whole(ask.query, "page_size", 10), 1), MOST_PAGE)
        if task_id := ask.query.get("task_id"):
            job = self._desk.find(task_id, ask)
            jobs: Sequence[EmulatedJob] = () if job is None else (job,)
            total = len(jobs)
        else:
            page = self._desk.jobs.page(
                self._filter(ask.query),
                now_ms=now_ms(),
                offset=(page_no - 1) * page_size,
                limit=page_size,
            )
            jobs, total = page.jobs, page.total
        return as_json(
            {
                "request_id": _new_id(),
                "total": total,
                "total_page": -(-total // page_size),
                "page_no": page_no,
                "page_size": page_size,
                "data": [_row(job, ask) for job in jobs],
                # Undocumented, and all that the 2.0 SDK reads of a list.
                "tasks": [
                    {"task_id": job.id, "task_status": _word(job, ask)} | _times(job)
                    for job in jobs
                ],
            }
        )

    def _filter(self, query: Mapping[str, str]) -> Filter:
        """Raises Refusal. The window is at most a day, the last one if none is named."""
        until_ms = _moment(query, "end_time") or now_ms()
        since_ms = _moment(query, "start_time") or until_ms - DAY_MS
        if not 0 <= until_ms - since_ms <= DAY_MS:
            raise invalid("the time from start_time to end_time must be within 24 hours")
        status = query.get("status")
        if status is not None and status not in STATES:
            raise invalid(f"status must be one of {', '.join(STATES)}")
        return Filter(
            states=None if status is None else (STATES[status],),
            model=query.get("model_name"),
            since_ms=max(since_ms, self._forgotten_ms()),
            until_ms=until_ms,
        )

    def _cancel(self, ask: Ask) -> Answer:
        self._count(ask)
        job = self._desk.find(ask.names["task_id"], ask)
        if job is None or job.state is not EmulatedState.WAITING:
            raise Refusal(
                400,
                "UnsupportedOperation",
                "Failed to cancel the task, please confirm if the task is in PENDING status.",
            )
        self._desk.jobs.cancel(job.id, now_ms())
        return as_json({"request_id": _new_id()})

    def _policy(self, ask: Ask) -> Answer:
        if ask.query.get("action") != "getPolicy":
            raise invalid("action must be getPolicy")
        model = ask.query.get("model", "")
        if model not in MODELS:
            raise Refusal(404, "ModelNotFound", f"Model not exist: {model!r}.")
        return policy_answer(self._uploads.policy(ask, model))

    def _count(self, ask: Ask) -> None:
        """Query, list and cancel share a limit."""
        if not self._desk.polls.takes(ask.key):
            raise self.injected(429, FaultSite.POLL)

    def _forgotten_ms(self) -> int:
        return now_ms() - int(self._desk.options.kept_s * 1000)


def _word(job: EmulatedJob, ask: Ask) -> str:
    return NO_SUCH_WORD if ask.fault is Fault.UNKNOWN_STATE else WORDS[job.state]


def _times(job: EmulatedJob) -> dict[str, str]:
    times = {"submit_time": _text(job.submitted_ms)}
    if job.state not in {EmulatedState.WAITING, EmulatedState.CANCELLED}:
        times["scheduled_time"] = _text(job.begins_ms)
    if job.state not in {EmulatedState.WAITING, EmulatedState.RUNNING}:
        times["end_time"] = _text(job.ends_ms)
    return times


def _row(job: EmulatedJob, ask: Ask) -> dict[str, Any]:
    """Times are numbers here: milliseconds since 1970."""
    row = {
        "api_key_id": "1",
        "caller_parent_id": "1",
        "caller_uid": "1",
        "gmt_create": job.submitted_ms,
        "start_time": job.submitted_ms,
        "model_name": job.terms.model,
        "region": "cn-beijing",
        "request_id": job.id,
        "status": _word(job, ask),
        "task_id": job.id,
        "user_api_unique_key": f"apikey:v1:aigc:image2video:video-synthesis:{job.terms.model}",
    }
    is_over = job.state not in {EmulatedState.WAITING, EmulatedState.RUNNING}
    return row | ({"end_time": job.ends_ms} if is_over else {})


def _text(moment_ms: int) -> str:
    moment = datetime.fromtimestamp(moment_ms / 1000, BEIJING)
    return f"{moment:%Y-%m-%d %H:%M:%S}.{moment_ms % 1000:03d}"


def _moment(query: Mapping[str, str], name: str) -> int | None:
    text = query.get(name)
    if text is None:
        return None
    try:
        moment = datetime.strptime(text, "%Y%m%d%H%M%S").replace(tzinfo=BEIJING)
    except ValueError:
        raise invalid(f"{name} must be YYYYMMDDhhmmss") from None
    return int(moment.timestamp() * 1000)


def _object_body(ask: Ask) -> Mapping[str, Any]:
    try:
        body = json_body(ask)
    except msgspec.DecodeError:
        raise invalid("Required body invalid, please check the request body format.") from None
    if ask.content_type != "application/json" or not isinstance(body, dict):
        raise invalid("Required body invalid, please check the request body format.")
    return body


def _new_id() -> str:
    return str(uuid.uuid4())


EMULATOR = DashScopeEmulator
