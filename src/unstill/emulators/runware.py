"""Runware's one route: a list of tasks in, lists of data and of errors out.

Covers videoInference with frames, getResponse and getTaskDetails, over HTTP. Source: Runware's
pages of task polling, errors and Wan2.7, its SDK 0.5.24 and adapters of careful clients, read
2026-11-28. How long it knows an id is not documented: here, for ever. A failed task costs nothing
here; that is not documented either.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from unstill.emulators.desk import Desk
from unstill.emulators.faults import Fault, FaultSite
from unstill.emulators.jobs import EmulatedJob, EmulatedState, Terms
from unstill.emulators.pictures import (
    PictureFault,
    PictureRule,
    bytes_of_base64,
    bytes_of_data_url,
    check_bytes,
    is_address,
)
from unstill.emulators.results import RESULTS
from unstill.emulators.wire import Answer, Ask, Endpoint, Refusal, as_json, json_body

UUID4 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
SEEDS = range(2**63)
QUALITIES = range(20, 100)
INFERENCE = "videoInference"
NO_SUCH_WORD = "pondering"
PICTURE = PictureRule(
    formats=("JPEG", "PNG", "WebP"), least_side_px=240, most_side_px=8000, most_bytes=20 * 1024**2
)

INJECTED = {
    400: ("invalidParameter", "A parameter is invalid"),
    401: ("invalidApiKey", "The API key is invalid"),
    402: ("insufficientCredits", "There are not enough credits"),
    403: ("forbidden", "This key may not do that"),
    404: ("modelNotFound", "There is no such model"),
    429: ("rateLimitExceeded", "Too many requests"),
    500: ("internalServerError", "Something went wrong"),
    503: ("serviceUnavailable", "Try again later"),
}


class RunwareModelFields(msgspec.Struct, frozen=True):
    """One model, as its page has it."""

    durations_s: range
    usd_per_s: Mapping[str, float]  # by resolution
    frames: int = 1


MODELS: Mapping[str, RunwareModelFields] = {
    "alibaba:wan@2.7": RunwareModelFields(range(2, 16), {"720p": 0.10, "1080p": 0.15}, frames=2),
    "alibaba:happyhorse@1.0": RunwareModelFields(range(3, 16), {"720p": 0.14, "1080p": 0.18}),
    "alibaba:happyhorse@1.1": RunwareModelFields(range(3, 16), {"720p": 0.14, "1080p": 0.18}),
}
FIELDS: Mapping[str, type] = {
    "taskType": str,
    "taskUUID": str,
    "model": str,
    "deliveryMethod": str,
    "positivePrompt": str,
    "duration": int,
    "resolution": str,
    "seed": int,
    "width": int,
    "height": int,
    "includeCost": bool,
    "outputType": str,
    "outputFormat": str,
    "outputQuality": int,
    "numberResults": int,
    "webhookURL": str,
    "ttl": int,
    "inputs": dict,
}


class RunwareEmulator:
    wants_key = True
    takes_bare_key = False
    key_scheme = "Bearer"

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.endpoints = (
            Endpoint("POST", "/v1", self._take, FaultSite.SUBMIT, place_of=_place),
            Endpoint("GET", f"{RESULTS}{{name}}", desk.follow, FaultSite.FETCH, needs_key=False),
        )

    def render(self, refusal: Refusal, ask: Ask) -> Answer:
        """An error names its task, unless the call was refused before its tasks were looked at."""
        error = {"code": refusal.code, "message": refusal.message}
        if refusal.param is not None:
            error["parameter"] = refusal.param
        for task in _tasks(ask):
            if task.get("taskType") == INFERENCE:
                error |= {name: str(task.get(name)) for name in ("taskType", "taskUUID")}
        return as_json({"data": [], "errors": [error]}, status=refusal.status)

    def bad_key(self, *, is_missing: bool) -> Refusal:
        if is_missing:
            return Refusal(401, "missingApiKey", "An API key is needed")
        return self.injected(401, FaultSite.SUBMIT)

    def injected(self, status: int, place: FaultSite) -> Refusal:  # noqa: ARG002  - the port's shape
        return Refusal(status, *INJECTED[status])

    def no_route(self, ask: Ask) -> Refusal:  # noqa: ARG002  - the port's shape
        return Refusal(404, "notFound", "There is no such route")

    def _take(self, ask: Ask) -> Answer:
        tasks = _tasks(ask)
        if not tasks:
            raise Refusal(400, "invalidRequest", "The body must be a list of tasks")
        match [task.get("taskType") for task in tasks]:
            case ["videoInference"]:
                return self._infer(tasks[0], ask)
            case ["getTaskDetails"]:
                return self._details(tasks[0])
            case kinds if set(kinds) == {"getResponse"}:
                return self._responses(tasks, ask)
            case kinds:
                raise Refusal(400, "invalidTaskType", f"These are not emulated: {kinds}")

    def _infer(self, task: Mapping[str, Any], ask: Ask) -> Answer:
        if not self._desk.submits.takes(ask.key):
            raise self.injected(429, FaultSite.SUBMIT)
        key = str(task.get("taskUUID"))
        if self._desk.jobs.had(key):  # whatever else is in it
            raise Refusal(400, "conflictTaskUUID", f"{key} was used before", param="taskUUID")
        terms = _terms(task)
        prompt = task.get("positivePrompt")
        wish = {name: value for name, value in task.items() if name != "taskUUID"}
        job = self._desk.accept(ask, key, terms, prompt=prompt, body=wish)
        taken = {"taskType": INFERENCE, "taskUUID": job.id}
        return as_json({"data": [taken]}, job_id=job.id)

    def _responses(self, tasks: Sequence[Mapping[str, Any]], ask: Ask) -> Answer:
        """A task that is not known, and one that has not begun, are left out."""
        data: list[dict[str, Any]] = []
        errors: list[dict[str, Any]] = []
        for task in tasks:
            key = str(task.get("taskUUID"))
            job = self._desk.find(key, ask)
            if job is None or (job.state is EmulatedState.WAITING and ask.fault is None):
                continue
            item = {"taskType": INFERENCE, "taskUUID": key}
            if job.state is EmulatedState.FAILED and ask.fault is not Fault.UNKNOWN_STATE:
                message = "The video could not be generated"
                errors.append(item | {"code": "providerError", "message": message})
            else:
                data.append(item | self._standing(job, ask))
            ask = msgspec.structs.replace(ask, fault=None)  # it is of the first one
        return as_json({"data": data, "errors": errors})

    def _standing(self, job: EmulatedJob, ask: Ask) -> dict[str, Any]:
        if ask.fault is Fault.UNKNOWN_STATE:
            return {"status": NO_SUCH_WORD}
        if job.state is not EmulatedState.DONE:
            return {"status": "processing"}
        terms = job.terms
        usd_per_s = MODELS[terms.model].usd_per_s[f"{terms.tier}p"]
        return {
            "status": "success",
            "videoUUID": job.id,
            "videoURL": self._desk.link(job, ask),
            "cost": round(usd_per_s * terms.duration_s, 6),
        }

    def _details(self, task: Mapping[str, Any]) -> Answer:
        key = str(task.get("taskUUID"))
        if not self._desk.jobs.had(key):
            return as_json({"data": []})
        details = {"taskType": "getTaskDetails", "taskUUID": key, "request": {}, "response": {}}
        return as_json({"data": [details]})


def _place(ask: Ask) -> FaultSite:
    """What the tasks are for: the route is one."""
    is_submit = any(task.get("taskType") == INFERENCE for task in _tasks(ask))
    return FaultSite.SUBMIT if is_submit else FaultSite.POLL


def _tasks(ask: Ask) -> list[Mapping[str, Any]]:
    """Empty where the body is no list of objects."""
    try:
        body = json_body(ask)
    except msgspec.DecodeError:
        return []
    is_list = isinstance(body, list) and all(isinstance(each, dict) for each in body)
    return body if is_list else []


def _terms(task: Mapping[str, Any]) -> Terms:
    """What the task is for. Raises Refusal."""
    for name, value in task.items():
        kind = FIELDS.get(name)
        if kind is None:
            raise Refusal(400, "unsupportedParameter", f"{name} is not known", param=name)
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise _invalid(name)
    if not UUID4.fullmatch(task.get("taskUUID", "")):
        raise _invalid("taskUUID")
    model = MODELS.get(task.get("model", ""))
    if model is None:
        raise Refusal(404, "modelNotFound", "There is no such model", param="model")
    if task.get("duration", 5) not in model.durations_s:
        raise _invalid("duration")
    if task.get("resolution", "720p") not in model.usd_per_s:
        raise _invalid("resolution")
    if task.get("seed", 0) not in SEEDS:
        raise _invalid("seed")
    if task.get("outputQuality", 95) not in QUALITIES:
        raise _invalid("outputQuality")
    _check_choices(task)
    _check_frames(model, task)
    return Terms(
        model=task["model"],
        duration_s=task.get("duration", 5),
        tier=int(task.get("resolution", "720p")[:-1]),
        has_audio=True,
    )


def _check_choices(task: Mapping[str, Any]) -> None:
    choices: Mapping[str, Sequence[Any]] = {
        "deliveryMethod": ("async",),
        "outputType": ("URL",),
        "outputFormat": ("MP4", "WEBM", "MOV"),
        "numberResults": (1,),  # more are not emulated
    }
    for name, allowed in choices.items():
        if task.get(name, allowed[0]) not in allowed:
            raise _invalid(name)


def _check_frames(model: RunwareModelFields, task: Mapping[str, Any]) -> None:
    """Frames and a size exclude each other: the video has the picture's shape."""
    inputs = task.get("inputs", {})
    if set(inputs) - {"frameImages"}:
        raise Refusal(400, "unsupportedParameter", "inputs has frameImages alone", param="inputs")
    frames = inputs.get("frameImages", [])
    if "width" in task or "height" in task or not frames:
        message = "Provide exactly one of: inputs.frameImages or width/height"
        raise Refusal(400, "invalidParameterCombination", message, param="inputs.frameImages")
    places = [frame.get("frame") if isinstance(frame, dict) else None for frame in frames]
    if places not in (["first"], ["first", "last"][: model.frames]):
        raise _invalid("inputs.frameImages")
    for frame in frames:
        try:
            _check_picture(frame.get("image"))
        except PictureFault as fault:
            message = f"A frame cannot be used: {fault}"
            raise Refusal(400, "invalidImage", message, param="inputs.frameImages") from None


def _check_picture(image: object) -> None:
    """Raises PictureFault."""
    if not isinstance(image, str):
        raise PictureFault("it must be a text")
    if is_address(image) or UUID4.fullmatch(image):
        return
    data = bytes_of_data_url(image)
    check_bytes(bytes_of_base64(image) if data is None else data, PICTURE)


def _invalid(name: str) -> Refusal:
    return Refusal(400, "invalidParameter", f"The value of {name} is not allowed", param=name)


EMULATOR = RunwareEmulator
