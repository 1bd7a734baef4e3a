"""Parsers of what each provider answers and signs: tasks, costs, lists of models, callbacks."""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable
from functools import partial
from math import isfinite
from typing import Any

import msgspec
from benchmarks.fuzz_bodies import place_for
from benchmarks.fuzz_edits import OF_JSON
from benchmarks.fuzz_parser import Parser, by_name, done
from benchmarks.fuzz_upstreams import ANSWERS, TICKET, told_of
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from unstill.domain.errors import BadSetting, UpstreamError
from unstill.engines.comfy import answers as comfy
from unstill.engines.comfyui import answers as comfyui
from unstill.engines.comfyui.graph import read_graph
from unstill.engines.fal.callbacks import PREFIX, is_fals
from unstill.engines.kling import answers as kling
from unstill.engines.lightx2v import answers as lightx2v
from unstill.engines.lightx2v.models import learnt as lightx2v_learnt
from unstill.engines.openrouter.engine import SIGNATURE, is_of_contents, usage_in
from unstill.engines.openrouter.models import learnt as openrouter_learnt
from unstill.engines.runware import answers as runware
from unstill.upstreams.callbacks import is_stamped, is_svix_signed
from unstill.upstreams.key_sets import SigningKeys, _is_signed, _keys_in, key_set_in
from unstill.upstreams.port import Accepted, Done, Failed, Gone, Running, Unclear
from unstill.upstreams.replies import Reply
from unstill.upstreams.usage import MOST_BILLED_S, billed_seconds, is_billed, told_millionths
from unstill.upstreams.vocabulary import BUILT_IN

_STATUSES = (200, 202, 400, 403, 404, 409, 410, 422, 503)
_AGES_S = (0.0, 1_000.0)
_NOW_S = 1_796_000_000
_BODY = b'{"status":"OK","request_id":"a"}'
_SECRET = b"s" * 24
_WORDS = (
    *(
        b'"taskUUID"',
        b'"cost":',
        b'"billing":',
        b'"outputs":',
        b'"errors":',
        b'"data":',
        b'"code":',
    ),
    *(b'"supported_sizes":', b'"usage":', b"1e400", b"00000x00000", b"\\ud800"),
)


def _json(value: object) -> bytes:
    return msgspec.json.encode(value)


_TASKS: tuple[bytes, ...] = (
    _json(
        {
            "data": [
                {
                    "taskType": "getResponse",
                    "taskUUID": TICKET,
                    "status": "success",
                    "videoURL": "https://example.com/a.mp4",
                    "cost": 0.2,
                }
            ],
            "errors": [{"code": "timeoutProvider", "message": "late", "taskUUID": "b"}],
        }
    ),
    _json({"errors": [{"code": "conflictTaskUUID", "message": "taken", "taskUUID": TICKET}]}),
    _json(
        {
            "code": 0,
            "message": "SUCCEED",
            "data": [
                {
                    "id": TICKET,
                    "external_id": TICKET,
                    "status": "succeeded",
                    "outputs": [{"type": "video", "url": "https://example.com/a.mp4"}],
                    "billing": [{"charge_type": "cash", "currency": "USD", "amount": "0.42"}],
                }
            ],
        }
    ),
    _json(
        {
            "id": TICKET,
            "status": "completed",
            "unsigned_urls": ["https://example.com/a.mp4"],
            "usage": {"cost": 0.25, "is_byok": False},
        }
    ),
    _json({"error": {"code": 403, "message": "flagged", "metadata": {"reasons": ["a"]}}}),
    _json({"task_id": TICKET, "task_status": "completed", "save_result_path": "a.mp4"}),
    _json({"detail": f"task {TICKET} already exists"}),
    _json({"request_id": TICKET, "status": "COMPLETED", "error_type": "content_policy"}),
    _json({"video": {"url": "https://example.com/a.mp4"}, "seed": 7}),
    _json({"queue_running": [[1, TICKET, {}]], "queue_pending": []}),
    _json(
        {
            TICKET: {
                "status": {"status_str": "success", "messages": []},
                "outputs": {"9": {"images": [{"filename": "a.mp4", "type": "output"}]}},
            }
        }
    ),
    _json(
        {
            TICKET: {
                "status": {
                    "status_str": "error",
                    "messages": [["execution_error", {"node_id": 3, "exception_message": "no"}]],
                }
            }
        }
    ),
    _json(
        {
            "error": {"type": "prompt_outputs_failed_validation", "message": "bad"},
            "node_errors": {
                "3": {"errors": [{"message": "no", "details": "x"}], "class_type": "K"}
            },
        }
    ),
)
_MODELS = (
    _json(
        {
            "data": [
                {
                    "id": "alibaba/wan-2.7",
                    "supported_durations": [5, 10],
                    "supported_resolutions": ["720p"],
                    "supported_sizes": ["1280x720", "720x1280"],
                    "supported_frame_images": ["first_frame", "last_frame"],
                    "generate_audio": True,
                }
            ]
        }
    ),
    _json({"properties": {"num_frames": {"type": "integer"}, "size": {"type": "string"}}}),
)


def _said(answer: Callable[[], object]) -> object:
    """What comes of it, checked: an answer, or what whoever polls is told of its trouble."""
    try:
        came = answer()
    except UpstreamError as trouble:
        told_of(trouble.message)
        return None
    match came:
        case Accepted(ticket):
            assert 0 < len(ticket) <= 512
            assert ticket.isascii()
        case Running(progress):
            assert progress is None or 0 <= progress <= 1
        case Done(url, usage):
            assert url is None or "\n" not in url
            _counted(usage)
        case Failed(code, message, usage):
            told_of(message)
            assert len(code) <= 64
            _counted(usage)
        case Unclear(_, message) | Gone(message):
            told_of(message)
    return came


def _counted(usage: Any) -> None:
    """It is kept in a row, and money is made of it."""
    assert all(isfinite(number) for number in usage.values())
    assert msgspec.json.decode(_json(usage), type=dict[str, int | float]) == usage
    billed_s, is_paid, millionths = billed_seconds(usage), is_billed(usage), told_millionths(usage)
    assert billed_s is None or 0 < billed_s <= MOST_BILLED_S
    assert millionths is None or 0 <= millionths < 2**63
    assert is_paid in {True, False}


def _task(data: bytes) -> None:
    for status in (200, _STATUSES[len(data) % len(_STATUSES)]):
        reply = Reply(status, data, told={"x-comfy-error-type": "content_policy"})
        for answer in (
            lambda reply: runware.submission_of(reply, TICKET, BUILT_IN),
            lambda reply: runware.verdict_of(reply, TICKET, BUILT_IN),
            lambda reply: kling.submission_of(reply, BUILT_IN),
            lambda reply: kling.verdict_of(reply, TICKET, kling.with_marked_links(BUILT_IN)),
            lambda reply: lightx2v.submission_of(reply, TICKET, BUILT_IN),
            lambda reply: lightx2v.verdict_of(reply, TICKET, BUILT_IN),
            lightx2v.cancellation_of,
            lambda reply: comfy.settled_by(comfy.submission_of(reply, BUILT_IN)),
            lambda reply: comfy.state_of(reply, TICKET, BUILT_IN),
            lambda reply: comfy.result_of(reply, BUILT_IN),
            lambda reply: comfy.failure_of(Failed("failed", "no"), reply, BUILT_IN),
            lambda reply: comfyui.submission_of(reply, BUILT_IN),
            lambda reply: comfyui.place_in(reply, TICKET),
            lambda reply: comfyui.verdict_of(reply, TICKET, None),
        ):
            _said(partial(answer, reply))
        _counted(usage_in(reply.fields()))
        is_of_contents(reply.fields())


def _settled(data: bytes) -> None:
    """What is said of a call whose own reply was lost."""
    for status in (200, 404):
        reply = Reply(status, data)
        for age_s in _AGES_S:
            for answer in (
                lambda reply, age_s: kling.settled_by(reply, TICKET, BUILT_IN, age_s=age_s),
                lambda reply, age_s: lightx2v.settled(reply, TICKET, age_s=age_s, is_told_key=True),
                lambda reply, age_s: comfyui.settled(reply, reply, TICKET, age_s=age_s),
            ):
                _said(partial(answer, reply, age_s))


def _models(data: bytes) -> None:
    fields = Reply(200, data).fields()
    for name, model in openrouter_learnt(fields).items():
        assert model.name == name
        assert all(size.width > 0 and size.height > 0 for size in model.sizes)
    properties = fields.get("properties")
    lightx2v_learnt(properties if isinstance(properties, dict) else {})


def _graph(data: bytes) -> None:
    graph = read_graph(str(place_for(data)), "engines.comfyui.graph")
    msgspec.json.encode(graph.nodes)


# --- signatures ----------------------------------------------------------------------------------

_KEY = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
_PUBLIC = urlsafe_b64encode(_KEY.public_key().public_bytes_raw()).rstrip(b"=").decode()
_JWKS = _json(
    {"keys": [{"kty": "OKP", "crv": "Ed25519", "x": _PUBLIC, "kid": "1"}, {"kty": "RSA"}]}
)


class _KnownKeys(SigningKeys):
    """One key, that no address has to tell."""

    def __init__(self) -> None:
        """Nothing is fetched."""

    async def have_signed(self, message: bytes, signature: bytes) -> bool:
        return _is_signed(_KEY.public_key(), message, signature)


def _stamped() -> bytes:
    signed = hmac.new(_SECRET, f"{_NOW_S},".encode() + _BODY, hashlib.sha256).hexdigest()
    return f"{SIGNATURE}: t={_NOW_S},v1={signed}\n".encode()


def _svix() -> bytes:
    message = f"msg_1.{_NOW_S}.".encode() + _BODY
    signed = b64encode(hmac.digest(_SECRET, message, "sha256")).decode()
    head = f"webhook-id: msg_1\nwebhook-timestamp: {_NOW_S}\nwebhook-signature: v1,{signed}\n"
    return head.encode()


def _fal() -> bytes:
    message = f"r\nu\n{_NOW_S}\n{hashlib.sha256(_BODY).hexdigest()}"
    given = {"request-id": "r", "user-id": "u", "timestamp": str(_NOW_S)}
    given["signature"] = _KEY.sign(message.encode()).hex()
    return "".join(f"{PREFIX}{name}: {value}\n" for name, value in given.items()).encode()


_SIGNED = (_stamped(), _svix(), _fal())


def _signature(data: bytes) -> None:
    """None is believed in which not all stands that was signed."""
    headers, now_ms = by_name(data), _NOW_S * 1000
    sent = b"".join(data.lower().split())  # between the bytes of a signature blanks say nothing
    for is_good, signed in (
        (is_stamped(headers.get(SIGNATURE, ""), _BODY, secret=_SECRET, now_ms=now_ms), _SIGNED[0]),
        (is_svix_signed(headers, _BODY, secret=_SECRET, now_ms=now_ms), _SIGNED[1]),
        (done(is_fals(headers, _BODY, keys=_KnownKeys(), now_ms=now_ms)), _SIGNED[2]),
    ):
        parts = [
            part for line in signed.split(b"\n") for part in line.partition(b": ")[2].split(b",")
        ]
        assert not is_good or all(part.lower() in sent for part in parts)


def _key_set(data: bytes) -> None:
    keys = list(_keys_in(key_set_in(data)))
    assert all(not _is_signed(key, b"not signed", b"s" * 64) for key in keys)


PARSERS: tuple[Parser, ...] = (
    Parser("tasks of providers", (*_TASKS, *ANSWERS[:4]), _task, (), _WORDS, OF_JSON, is_slow=True),
    Parser("what settles a doubt", _TASKS, _settled, (), _WORDS, OF_JSON),
    Parser("models of providers", _MODELS, _models, (), _WORDS, OF_JSON),
    Parser(
        "graphs",
        (
            _json(
                {
                    "1": {"class_type": "LoadImage", "inputs": {"image": "{first_frame}"}},
                    "2": {"class_type": "Text", "inputs": {"text": "{prompt}", "seed": "{seed}"}},
                    "3": {
                        "class_type": "Wan",
                        "inputs": {"length": "{frames}", "w": "{width}", "h": "{height}"},
                    },
                }
            ),
        ),
        _graph,
        (BadSetting,),
        (b"{prompt}", b'"inputs":', b'"class_type":', b'"nodes":[]'),
        OF_JSON,
    ),
    Parser(
        "signatures of callbacks",
        _SIGNED,
        _signature,
        (),
        (b"v1=", b"v1,", b"t=", b",", b" ", b"=", str(_NOW_S).encode(), b"webhook-signature: "),
    ),
    Parser("keys of callbacks", (_JWKS,), _key_set, (msgspec.MsgspecError,), (b'"x":',), OF_JSON),
)
