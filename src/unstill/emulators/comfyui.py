"""ComfyUI's prompt routes: a graph is queued under the caller's id; queue and history in memory.

Source: ComfyUI, server.py and execution.py, read 2026-11-28. It looks at a graph as far as that is
known without its nodes: links lead to nodes, something is saved, what is loaded was uploaded. The
length is `length` at `fps` or `frame_rate`, wherever nodes have them. Fields of a call that it
would drop are refused.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from typing import Any

from unstill.emulators import videos
from unstill.emulators.desk import Desk, now_ms
from unstill.emulators.faults import Fault, FaultSite
from unstill.emulators.jobs import EmulatedJob, EmulatedState, Filter, Terms
from unstill.emulators.results import video_answer
from unstill.emulators.wire import Answer, Ask, Endpoint, Refusal, as_json, form_parts
from unstill.media.picture_formats import format_of

FIELDS = frozenset({"prompt", "prompt_id", "client_id", "extra_data", "front", "number"})
SAVERS = frozenset({"SaveVideo", "SaveWEBM", "VHS_VideoCombine"})
LOADERS = frozenset({"LoadImage"})
DEFAULT_FPS = 16
DEFAULT_FRAMES = 81
MOST_LISTED = 100_000
WHY = videos.OUTPUT_FAULT
_ACTIVE = frozenset({EmulatedState.WAITING, EmulatedState.RUNNING})


class ComfyUiEmulator:
    wants_key = False
    takes_bare_key = False
    key_scheme = "Bearer"

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._pictures: dict[str, bool] = {}  # by name; whether they can be opened
        self.endpoints = (
            Endpoint("POST", "/upload/image", self._upload, FaultSite.UPLOAD),
            Endpoint("POST", "/prompt", self._prompt, FaultSite.SUBMIT),
            Endpoint("GET", "/history/{video_id}", self._history, FaultSite.POLL),
            Endpoint("GET", "/queue", self._queue, FaultSite.LIST),
            Endpoint("POST", "/queue", self._delete, FaultSite.CANCEL),
            Endpoint("POST", "/interrupt", self._interrupt, FaultSite.CANCEL),
            Endpoint("GET", "/view", self._view, FaultSite.FETCH),
        )

    def render(self, refusal: Refusal, ask: Ask) -> Answer:  # noqa: ARG002  - the port's shape
        """`param`: the node that it is about."""
        error = {
            "type": refusal.code,
            "message": refusal.message,
            "details": "",
            "extra_info": {},
        }
        nodes: dict[str, Any] = {}
        if refusal.param is not None:
            told = {"errors": [error], "dependent_outputs": [], "class_type": refusal.kind}
            nodes[refusal.param] = told
            message = "Prompt outputs failed validation"
            error = error | {"type": "prompt_outputs_failed_validation", "message": message}
        return as_json({"error": error, "node_errors": nodes}, status=refusal.status)

    def bad_key(self, *, is_missing: bool) -> Refusal:  # noqa: ARG002  - the port's shape
        return Refusal(401, "unauthorized", "Unauthorized")

    def injected(self, status: int, place: FaultSite) -> Refusal:  # noqa: ARG002  - the port's shape
        return Refusal(status, "", videos.MESSAGES[status])

    def no_route(self, ask: Ask) -> Refusal:  # noqa: ARG002  - the port's shape
        return Refusal(404, "", "Not Found")

    def _upload(self, ask: Ask) -> Answer:
        """With `overwrite` a picture takes its own place, else it is given another name."""
        try:
            parts = {part.name: part for part in form_parts(ask)}
        except ValueError:
            parts = {}
        image = parts.get("image")
        if image is None or not image.file_name:
            raise Refusal(400, "", "No image")
        name = image.file_name
        overwrites = "overwrite" in parts and parts["overwrite"].text in {"true", "1"}
        if name in self._pictures and not overwrites:
            name = f"{uuid.uuid4().hex[:4]} {name}"
        self._pictures[name] = format_of(image.data) is not None
        return as_json({"name": name, "subfolder": "", "type": "input"})

    def _prompt(self, ask: Ask) -> Answer:
        """An id that it has already makes a second task of that id."""
        if not self._desk.submits.takes(ask.key):
            raise self.injected(429, FaultSite.SUBMIT)
        body = videos.object_body(ask)
        if "prompt" not in body:
            raise Refusal(400, "no_prompt", "No prompt provided")
        for name in body.keys() - FIELDS:
            raise Refusal(400, "invalid_prompt", f"{name} is not a field of a prompt")
        key = _key_in(body)
        graph = body["prompt"]
        self._check(graph)
        text = next((str(each) for each in _inputs(graph, "text")), "")
        terms = Terms(self._desk.options.served_model, duration_s=_length_s(graph))
        fails = not all(self._pictures[name] for name in _loaded(graph))
        names = dict.fromkeys(_loaded(graph), "")  # they are of one call alone
        job = self._desk.accept(
            ask, key, terms, prompt=text, body=_without(graph, names), fails=fails
        )
        number = len(self._desk.jobs)
        answer = {"prompt_id": job.id, "number": number, "node_errors": {}}
        return as_json(answer, job_id=job.id)

    def _check(self, graph: object) -> None:
        """Raises Refusal."""
        if not isinstance(graph, dict) or not graph:
            raise Refusal(400, "prompt_no_outputs", "Prompt has no outputs")
        for name, node in graph.items():
            if not isinstance(node, dict) or "class_type" not in node:
                message = f"Cannot execute because a node is missing the class_type: {name}"
                raise Refusal(400, "missing_node_type", message)
            for value in node.get("inputs", {}).values():
                if isinstance(value, list) and value[:1] and str(value[0]) not in graph:
                    raise _of_node(name, node, "bad_linked_input", "Bad linked input")
        if not any(node["class_type"] in SAVERS for node in graph.values()):
            raise Refusal(400, "prompt_no_outputs", "Prompt has no outputs")
        for name, node in graph.items():
            image = node.get("inputs", {}).get("image")
            if node["class_type"] in LOADERS and image not in self._pictures:
                code = "custom_validation_failed"
                raise _of_node(name, node, code, f"Invalid image file: {image}")

    def _history(self, ask: Ask) -> Answer:
        """Empty until the end."""
        job = self._desk.find(ask.names["video_id"], ask)
        if job is None or (job.state in _ACTIVE and ask.fault is not Fault.UNKNOWN_STATE):
            return as_json({})
        return as_json({job.id: _entry(job, ask)})

    def _queue(self, ask: Ask) -> Answer:  # noqa: ARG002  - the port's shape
        return as_json(
            {
                "queue_running": self._items(EmulatedState.RUNNING),
                "queue_pending": self._items(EmulatedState.WAITING),
            }
        )

    def _items(self, state: EmulatedState) -> list[list[object]]:
        chosen = Filter(states={state}, newest_first=False)
        page = self._desk.jobs.page(chosen, now_ms=now_ms(), limit=MOST_LISTED)
        return [[number, job.id, {}, {}, []] for number, job in enumerate(page.jobs)]

    def _delete(self, ask: Ask) -> Answer:
        """What is waiting leaves the queue, and is nowhere then."""
        for key in videos.object_body(ask).get("delete", []):
            job = self._desk.find(str(key), ask)
            if job is not None and job.state is EmulatedState.WAITING:
                self._desk.jobs.cancel(job.id, now_ms())
                self._desk.jobs.forget(job.id, now_ms())
        return Answer(200, b"")

    def _interrupt(self, ask: Ask) -> Answer:
        job = self._desk.find(str(videos.object_body(ask).get("prompt_id")), ask)
        if job is not None and job.state is EmulatedState.RUNNING:
            self._desk.jobs.cancel(job.id, now_ms())
        return Answer(200, b"")

    def _view(self, ask: Ask) -> Answer:
        name = ask.query.get("filename", "").removesuffix("_00001_.mp4").rpartition("/")[2]
        job = self._desk.find(name, ask)
        if job is None or job.state is not EmulatedState.DONE or ask.query.get("type") != "output":
            raise Refusal(404, "", "Not Found")
        return video_answer(job, ask.fault)


def _key_in(body: Mapping[str, Any]) -> str:
    """The caller's id, or one of its own. Raises Refusal, as its newest code does."""
    key = body.get("prompt_id")
    if key is None:
        return str(uuid.uuid4())
    try:
        is_one = isinstance(key, str) and str(uuid.UUID(key)) == key
    except ValueError:
        is_one = False
    if is_one:
        return str(key)
    raise Refusal(400, "invalid_prompt_id", "prompt_id must be a valid UUID")


def _entry(job: EmulatedJob, ask: Ask) -> dict[str, Any]:
    file = {"filename": f"{job.id}_00001_.mp4", "subfolder": "", "type": "output"}
    outputs: dict[str, Any] = {}
    messages: list[list[object]] = [["execution_start", {"prompt_id": job.id}]]
    match job.state:
        case EmulatedState.DONE:
            outputs = {"9": {"images": [file], "animated": [True]}}
            messages.append(["execution_success", {"prompt_id": job.id}])
        case EmulatedState.CANCELLED:
            messages.append(["execution_interrupted", {"prompt_id": job.id}])
        case EmulatedState.FAILED:
            told = {"node_id": "3", "node_type": "KSampler", "exception_message": WHY}
            messages.append(["execution_error", told])
    is_done = job.state is EmulatedState.DONE
    word = "success" if is_done else "error"
    if ask.fault is Fault.UNKNOWN_STATE:
        word = videos.NO_SUCH_WORD
    status = {"status_str": word, "completed": is_done, "messages": messages}
    return {"prompt": [], "outputs": outputs, "status": status, "meta": {}}


def _inputs(graph: Mapping[str, Any], *names: str) -> Iterator[Any]:
    """What nodes have by these names, where it is no link."""
    for node in graph.values():
        for name, value in node.get("inputs", {}).items():
            if name in names and not isinstance(value, list):
                yield value


def _loaded(graph: Mapping[str, Any]) -> list[str]:
    nodes = (node for node in graph.values() if node["class_type"] in LOADERS)
    return [str(node["inputs"]["image"]) for node in nodes]


def _length_s(graph: Mapping[str, Any]) -> int:
    """Raises Refusal."""
    frames = next(_inputs(graph, "length"), DEFAULT_FRAMES)
    fps = next(_inputs(graph, "fps", "frame_rate"), DEFAULT_FPS)
    for value in (frames, fps):
        if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value < 10_000:
            raise Refusal(400, "prompt_outputs_failed_validation", f"{value!r} is no length")
    return max(round(frames / fps), 1)


def _without(value: Any, names: Mapping[str, str]) -> Any:
    """The graph with other texts in place of some."""
    match value:
        case str():
            return names.get(value, value)
        case dict():
            return {name: _without(each, names) for name, each in value.items()}
        case _:
            return value


def _of_node(name: str, node: Mapping[str, Any], code: str, message: str) -> Refusal:
    return Refusal(400, code, message, param=name, kind=str(node["class_type"]))


EMULATOR = ComfyUiEmulator
