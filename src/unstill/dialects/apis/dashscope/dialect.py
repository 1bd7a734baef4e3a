"""The dashscope dialect: DashScope's asynchronous video tasks, as both generations of its SDK ask.

Source: DashScope, image-to-video API pages, "manage asynchronous tasks", "get temporary file URL"
and the error code page (read 2026-11-20); what the SDKs send beyond that, from dashscope 2.0.2.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from unstill.dialects.apis.dashscope import parameters
from unstill.dialects.apis.dashscope.answers import (
    USAGE,
    WORDS,
    AsyncCancelled,
    AsyncCreated,
    AsyncCreatedOutput,
    AsyncError,
    AsyncOutput,
    AsyncTask,
    AsyncTaskList,
    UploadPolicy,
    UploadPolicyData,
    error_code,
    failure_code,
    row_of,
    timed,
    usage_of,
)
from unstill.dialects.apis.dashscope.list_query import wanted_of
from unstill.dialects.apis.dashscope.sdk_programs import PROGRAMS
from unstill.dialects.body_fields import ASPECT_RATIOS, REGION, WEBHOOK_URL, body_of
from unstill.dialects.call import Call, JobView, UploadLeave
from unstill.dialects.input_parameters import (
    both,
    inputs_of,
    parameters_of,
    read_sections,
    sectioned_form,
    sectioned_schema,
)
from unstill.dialects.parameters import WAIT
from unstill.dialects.port import ListFilter, UploadForm
from unstill.dialects.route import Route
from unstill.dialects.verbs import (
    CANCEL,
    LIST_BY_OFFSET,
    STATUS_OF_ANY,
    SUBMIT,
    UPLOAD,
    UPLOAD_POLICY,
)
from unstill.dialects.waiting_reason import waiting_for
from unstill.domain.errors import (
    BadField,
    BadImage,
    JobDeleted,
    MissingField,
    NoSuchJob,
    SynchronousCall,
    UnknownModel,
    UnstillError,
)
from unstill.domain.job import Job, State, Vocabulary
from unstill.domain.request import CreateCall, GivenFrame, GivenValue
from unstill.models.card import Card
from unstill.models.catalogue import CARDS, named_by_none

BASE = "/api/v1"
OBJECTS = f"{BASE}/uploads/objects"
STORED = "oss://"  # begins the address of an uploaded file

_NOT_ASYNCHRONOUS = "current user api does not support synchronous calls."  # error code page
_NOT_CANCELLED = "Failed to cancel the task, please confirm if the task is in PENDING status."

_INPUT = {"prompt": "prompt", "negative_prompt": "negative_prompt"}
_PARAMETERS = {
    "resolution": "resolution",
    "size": "size",
    **ASPECT_RATIOS,
    **REGION,
    "duration": "duration",
    "seed": "seed",
    "watermark": "watermark",
    "audio": "generate_audio",
    "generate_audio": "generate_audio",
    "prompt_extend": "prompt_extend",
    "negative_prompt": "negative_prompt",
}
_NAMES = {
    "first_frame": "input.media",
    "last_frame": "input.last_frame_url",
    **{
        canonical: f"parameters.{wire}"
        for wire, canonical in _PARAMETERS.items()
        if wire != "generate_audio"
    },
    **{canonical: f"input.{wire}" for wire, canonical in _INPUT.items()},
}
# The older SDK sends them with every call: news to nobody.
_OF_THE_SDK = frozenset({"input.extend_prompt", "input.function"})
_INPUT_SECTION = inputs_of(_INPUT)


class DashScope:
    """DashScope's task API over the job store."""

    name = "dashscope"
    shows_link = True
    upload_prefix = STORED
    upload_path = OBJECTS
    refusal = AsyncError

    def __init__(self, cards: Sequence[Card] = CARDS) -> None:
        self.routes = _ROUTES
        self._own = own = named_by_none(_NAMES, cards)
        self._names = _NAMES | {name: f"parameters.{name}" for name in own}
        # `media` is a list of objects.
        self.form_names = self._names | {"first_frame": "input.first_frame_url"}
        self._parameters = parameters_of(_parameters(cards) | {WEBHOOK_URL: WEBHOOK_URL})
        self._usage_fields = {card.id: card.own_usage.get(self.name, USAGE) for card in cards}

    # --- create ----------------------------------------------------------------------------

    def parse(self, call: Call) -> CreateCall:
        if call.headers.get("x-dashscope-async", "").lower() != "enable":
            raise SynchronousCall(_NOT_ASYNCHRONOUS)
        # The older SDK always sends extend_prompt and function, and nulls for what is not given.
        create_call = read_sections(
            body_of(call),
            dialect=self.name,
            inputs=_INPUT_SECTION,
            parameters=self._parameters,
            names=self._names,
            own=self._own,
        )
        for frame in create_call.frames:
            _check_resolved(frame, call.headers)
        return _with_receiver(create_call)

    def words(self, call: Call) -> Vocabulary:  # noqa: ARG002  - the port's shape
        return "unified"

    def submitted(self, job: Job, view: JobView) -> AsyncCreated:
        output = AsyncCreatedOutput("PENDING", job.id)
        ignored = [name for name in view.ignored or () if name not in _OF_THE_SDK]
        return AsyncCreated(output, view.call.request_id, ignored or msgspec.UNSET)

    # --- one task --------------------------------------------------------------------------

    def job_id(self, call: Call) -> str:
        return call.path["task_id"]

    def state_word(self, job: Job, call: Call) -> str:  # noqa: ARG002  - the port's shape
        return WORDS[job.state]

    def status(self, job: Job, view: JobView) -> AsyncTask:
        output = msgspec.structs.replace(
            timed(job),
            orig_prompt=job.request.prompt if job.state is State.SUCCEEDED else None,
            video_url=view.url,
            code=failure_code(job),
            message=None if job.failure is None else job.failure.message,
            waiting=waiting_for(view.stall),
        )
        usage = usage_of(job, self._usage_fields.get(job.request.model, USAGE))
        return AsyncTask(view.call.request_id, output, usage)

    def unknown(self, call: Call) -> AsyncTask:
        """No such task: said with 200, because an SDK goes on asking after anything else."""
        return AsyncTask(call.request_id, AsyncOutput(self.job_id(call), "UNKNOWN"))

    def cancelled(self, call: Call) -> AsyncCancelled:
        return AsyncCancelled(call.request_id)

    # --- lists -----------------------------------------------------------------------------

    def wanted(self, call: Call) -> ListFilter:
        """Raises BadField."""
        return wanted_of(call.query)

    def list_by_offset(
        self, call: Call, wanted: ListFilter, jobs: Sequence[Job], *, total: int
    ) -> AsyncTaskList:
        return AsyncTaskList(
            request_id=call.request_id,
            total=total,
            total_page=-(-total // wanted.page_size),
            page_no=wanted.page_no,
            page_size=wanted.page_size,
            data=[row_of(job) for job in jobs],
            tasks=[timed(job) for job in jobs],
        )

    # --- uploads ---------------------------------------------------------------------------

    def policy_model(self, call: Call) -> GivenValue:
        """The model that a policy is asked for; raises BadField."""
        if call.query.get("action") != "getPolicy":
            raise BadField("action", "getPolicy", call.query.get("action"))
        model = call.query.get("model")
        if not model:
            raise MissingField("model", "the name of a model, see /v1/models")
        return GivenValue("model", model)

    def policy(self, call: Call, leave: UploadLeave) -> UploadPolicy:
        data = UploadPolicyData(
            policy=leave.policy,
            signature=leave.signature,
            upload_dir=leave.upload_dir,
            upload_host=leave.upload_host,
            expire_in_seconds=leave.life_s,
            max_file_size_mb=leave.most_bytes // 1024**2,
            oss_access_key_id="unstill",  # the SDK sends it back; the signature is what counts
            x_oss_object_acl="private",
            x_oss_forbid_overwrite="true",
        )
        return UploadPolicy(call.request_id, data)

    def upload_leave(self, form: Mapping[str, Any]) -> tuple[str, str, str]:
        """Policy, signature and key, which come before the file; raises MissingField."""
        for name in ("OSSAccessKeyId", "Signature", "policy", "key"):
            if not isinstance(form.get(name), str) or not form[name]:
                raise MissingField(name, "a field of the form, as the upload policy has it")
        return form["policy"], form["Signature"], form["key"]

    def upload_form(self, call: Call) -> UploadForm:
        """The object store's form, its file last; raises BadField or BadBody."""
        form = body_of(call)
        policy, signature, key = self.upload_leave(form)
        if next(reversed(form), None) != "file":
            raise MissingField("file", "the last field of the form")
        data = form["file"]
        if not isinstance(data, bytes):
            raise BadField("file", "an uploaded file", data)
        return UploadForm(policy, signature, key, data)

    # --- errors ----------------------------------------------------------------------------

    def error(self, error: UnstillError, request_id: str) -> AsyncError:
        code = error_code(type(error))
        message = _NOT_CANCELLED if code == "UnsupportedOperation" else error.message
        return AsyncError(code, message, request_id)

    def error_status(self, kind: type[UnstillError]) -> int:
        if issubclass(kind, (UnknownModel, JobDeleted)):
            return 404
        if issubclass(kind, NoSuchJob):  # a cancel says so; a query answers UNKNOWN
            return 400
        return kind.status

    def error_code(self, kind: type[UnstillError]) -> str:
        return error_code(kind)


def _check_resolved(frame: GivenFrame, headers: Mapping[str, str]) -> None:
    """DashScope, "get temporary file URL": an uploaded file is looked up on demand only."""
    is_stored = isinstance(frame.value, str) and frame.value.strip().startswith(STORED)
    if is_stored and headers.get("x-dashscope-ossresourceresolve", "").lower() != "enable":
        raise BadImage(
            frame.param, "oss:// needs the header X-DashScope-OssResourceResolve: enable"
        )


def _with_receiver(create_call: CreateCall) -> CreateCall:
    """`webhook_url` also from among the parameters: the SDKs put what they do not know there.

    Raises BadField where both places have one and disagree.
    """
    fields = dict(create_call.fields)
    inner = fields.pop(WEBHOOK_URL, None)
    if inner is None:
        return create_call
    outer = {} if create_call.webhook_url is None else {WEBHOOK_URL: create_call.webhook_url}
    receiver = both(outer, {WEBHOOK_URL: inner})
    return msgspec.structs.replace(create_call, fields=fields, webhook_url=receiver[WEBHOOK_URL])


def _parameters(cards: Sequence[Card]) -> dict[str, str]:
    return _PARAMETERS | named_by_none(_NAMES, cards)


def _body_schema(cards: Sequence[Card]) -> dict[str, Any]:
    return sectioned_schema(cards, _INPUT, _parameters(cards))


def _body_form(cards: Sequence[Card]) -> dict[str, Any]:
    return sectioned_form(cards, _INPUT, _parameters(cards))


def _create(path: str) -> Route[DashScope]:
    return Route(
        "POST",
        f"{BASE}/services/aigc/{path}/video-synthesis",
        SUBMIT,
        "Make a video from a picture; needs the header X-DashScope-Async: enable",
        answers=(AsyncCreated,),
        body=_body_schema,
        form=_body_form,
        job_id_at="/output/task_id",
        programs=PROGRAMS,
        parameters=(parameters.ASYNC, parameters.RESOLVE),
        errors=(SynchronousCall,),
        is_sent_again=True,
    )


def _upload_form(cards: Sequence[Card]) -> dict[str, Any]:
    del cards
    names = ("OSSAccessKeyId", "Signature", "policy", "key", "file")
    fields: dict[str, Any] = {name: {"type": "string", "minLength": 1} for name in names}
    fields["file"] = {"type": "string", "format": "binary", "description": "The last field."}
    return {"type": "object", "properties": fields, "required": list(names)}


_TASK = f"{BASE}/tasks/{{task_id}}"
_ROUTES: tuple[Route[DashScope], ...] = (
    _create("video-generation"),
    _create("image2video"),
    Route(
        "GET",
        _TASK,
        STATUS_OF_ANY,
        "Ask how a task is doing",
        answers=(AsyncTask,),
        parameters=(parameters.TASK_ID, WAIT),
    ),
    Route(
        "GET",
        f"{BASE}/tasks",
        LIST_BY_OFFSET,
        "List your tasks, newest first",
        answers=(AsyncTaskList,),
        parameters=parameters.FILTERS,
    ),
    Route(
        "POST",
        f"{_TASK}/cancel",
        CANCEL,
        "Cancel a task",
        answers=(AsyncCancelled,),
        parameters=(parameters.TASK_ID,),
    ),
    Route(
        "GET",
        f"{BASE}/uploads",
        UPLOAD_POLICY,
        "Ask for leave to upload a picture",
        answers=(UploadPolicy,),
        parameters=(parameters.ACTION, parameters.MODEL),
    ),
    Route(
        "POST",
        OBJECTS,
        UPLOAD,
        "Upload a picture; the signed policy stands for the key",
        answers=(),
        form=_upload_form,
        is_open=True,
    ),
)
