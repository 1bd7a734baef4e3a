"""Runware's one route: a list of tasks in, lists of data and of errors out.

Covers videoInference with frames (runware_models.py), getResponse and getTaskDetails, over HTTP.
Source: Runware's pages of task polling and errors, its SDK 0.5.24 and adapters of careful clients,
read 2026-11-28. How long it knows an id is not documented: here, for ever. A failed task costs
nothing here; that is not documented either.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from unstill.emulators.desk import Desk
from unstill.emulators.faults import Fault, FaultSite
from unstill.emulators.jobs import EmulatedJob, EmulatedState
from unstill.emulators.results import RESULTS
from unstill.emulators.runware_models import price_of, read_terms
from unstill.emulators.wire import Answer, Ask, Endpoint, Refusal, as_json, json_body

INFERENCE = "videoInference"
NO_SUCH_WORD = "pondering"
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
        terms = read_terms(task)
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
        return {
            "status": "success",
            "videoUUID": job.id,
            "videoURL": self._desk.link(job, ask),
            "cost": price_of(job.terms),
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


EMULATOR = RunwareEmulator
