"""The servers that speak OpenAI's `/v1/videos`: what each really takes and answers. Pure.

    openai      the documented contract: multipart, a file of exactly the video's size
    unified     ope.ai's: JSON, the frame as a data URL in `input_reference.content`
    sglang      SGLang 0.5.23: multipart, jobs in memory
    vllm-omni   vLLM-Omni 0.30: multipart only, jobs in memory, a failed one is a non-200 answer

Sources: OpenAI's API reference and video guide; ope.ai's pages on its unified entry, on Sora and on
wan2.7-i2v; both servers' code; all read 2026-11-20.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from unstill.domain.errors import BadField, MissingField
from unstill.domain.request import Size, TierName, VideoRequest
from unstill.media.picture_formats import Format
from unstill.models.sizes import nearest_tier
from unstill.upstreams.port import FrameForm, Gone, Verdict
from unstill.upstreams.sizes import nearest_size, spelt
from unstill.upstreams.submit_answers import Codes
from unstill.upstreams.task_answers import verdict_in
from unstill.upstreams.unsupported import Has, unsupported
from unstill.upstreams.vocabulary import BUILT_IN, WordTables

ServerKind = Literal["openai", "unified", "sglang", "vllm-omni"]

_WEB: frozenset[Format] = frozenset({"JPEG", "PNG", "WebP"})

# OpenAI, POST /videos, size; 1080p: its video guide, sora-2-pro.
_SORA_SIZES = (Size(1280, 720), Size(720, 1280))
_SORA_PRO_SIZES = (
    *_SORA_SIZES,
    Size(1792, 1024),
    Size(1024, 1792),
    Size(1920, 1080),
    Size(1080, 1920),
)
# Sizes that stand for a tier at gateways with a `size`: DashScope, Wan text-to-video, size.
_TIER_SIZES: Mapping[TierName, tuple[Size, ...]] = {
    "480P": (Size(832, 480), Size(480, 832), Size(624, 624)),
    "720P": (
        Size(1280, 720),
        Size(720, 1280),
        Size(960, 960),
        Size(1088, 832),
        Size(832, 1088),
    ),
    "1080P": (
        Size(1920, 1080),
        Size(1080, 1920),
        Size(1440, 1440),
        Size(1632, 1248),
        Size(1248, 1632),
    ),
}


SORA_DURATIONS_S = (4, 8, 12)  # OpenAI, POST /videos, seconds


class ServerTraits(msgspec.Struct, frozen=True):
    """How one kind of server differs from the others."""

    kind: ServerKind
    choices: Mapping[str, str]  # canonical id -> upstream model
    takes_any_model: bool  # whatever the operator routes to it: it serves its own weights
    durations_s: tuple[int, ...] = ()  # empty: any
    has_soras_sizes: bool = False  # and no others
    takes_seed: bool = True
    takes_negative_prompt: bool = True
    sound_field: str = ""
    sounds_anyway: bool = False  # without being told to
    rewrites_prompts: bool = False  # and cannot be told not to
    forgets: bool = False  # jobs are in its memory: a 404 means that it was restarted
    cancels: bool = False
    keeps_videos_elsewhere: bool = False  # where a finished job has a link, its content is there
    codes: Codes = Codes()


# ope.ai and new-api document a 404 for what is not there; OpenAI's reference, 404 for a model.
_HOSTED = Codes(not_taken=frozenset({404}))
# Both stand on FastAPI, whose router answers these before any handler has the call.
_FASTAPI = Codes(not_taken=frozenset({404, 405}))

SERVERS: Mapping[ServerKind, ServerTraits] = {
    server.kind: server
    for server in (
        ServerTraits(
            "openai",
            choices={"openai/sora-2/image-to-video-pro": "sora-2-pro"},
            takes_any_model=False,
            durations_s=SORA_DURATIONS_S,
            has_soras_sizes=True,
            takes_seed=False,
            takes_negative_prompt=False,
            sounds_anyway=True,  # OpenAI, video guide: Sora 2 makes synced audio
            codes=_HOSTED,
        ),
        ServerTraits(
            "unified",
            choices={
                "wan2.7-i2v": "wan2.7-i2v",
                "openai/sora-2/image-to-video-pro": "sora-2",
            },
            takes_any_model=False,
            sound_field="generate_audio",
            # Its page passes no prompt_extend on to DashScope, whose default is true.
            rewrites_prompts=True,
            codes=_HOSTED,
        ),
        ServerTraits(
            "sglang",
            choices={},
            takes_any_model=True,
            forgets=True,
            keeps_videos_elsewhere=True,
            codes=_FASTAPI,
        ),
        ServerTraits(
            "vllm-omni",
            choices={},
            takes_any_model=True,
            sound_field="generate_sound",
            forgets=True,
            cancels=True,
            codes=_FASTAPI,
        ),
    )
}


def misfit(server: ServerTraits, model: str, request: VideoRequest) -> BadField | None:
    """What a server of this kind cannot do of `request` with its `model`."""
    server = _serving(server, model)
    missing = unsupported(request, _has(server), name=f"the engine's {server.kind} server")
    if missing is not None:
        return missing
    if not request.prompt.strip():
        return MissingField("prompt", "the engine's server needs one")
    if server.durations_s and request.duration_s not in server.durations_s:
        return BadField("duration", spelt(server.durations_s), request.duration_s)
    return _size_misfit(server, model, request)


def _size_misfit(server: ServerTraits, model: str, request: VideoRequest) -> BadField | None:
    sizes = _sizes(model)
    if request.size is not None:
        if server.has_soras_sizes and request.size not in sizes:
            return BadField("size", " or ".join(map(str, sizes)), str(request.size))
        return None
    if server.has_soras_sizes and request.tier == "1080P" and Size(1920, 1080) not in sizes:
        return BadField("resolution", "720P", request.tier)
    has_table = server.has_soras_sizes or server.kind == "unified"
    if has_table and request.tier not in _TIER_SIZES:
        return BadField("resolution", " or ".join(_TIER_SIZES), request.tier)
    return None


def size_of(server: ServerTraits, model: str, request: VideoRequest, size: Size) -> Size:
    """The size on the wire: the exact one, or the nearest that the server documents.

    size: of the video, as the request's model has it.
    """
    if request.size is not None:
        return request.size
    if _serving(server, model).has_soras_sizes:
        return nearest_size(size, _sizes(model))
    if server.kind == "unified":
        return nearest_size(size, _TIER_SIZES[nearest_tier(size, tuple(_TIER_SIZES))])
    return size


def frame_form(server: ServerTraits, size: Size) -> FrameForm:
    """Each wants the frame in the video's own size, or crops it in its own way."""
    most_bytes = 15 * 2**20  # OpenAI: 20 MiB as a data URL; a file's limit is not documented
    return FrameForm(_WEB, most_bytes, size=size, takes_alpha=server.kind != "unified")


def fields_of(
    server: ServerTraits, model: str, request: VideoRequest, size: Size
) -> dict[str, Any]:
    """The body without the frame; a `model` of "" is left to the server."""
    server = _serving(server, model)
    fields: dict[str, Any] = {
        "prompt": request.prompt,
        "seconds": str(request.duration_s),
        "size": str(size),
    }
    if model:
        fields["model"] = model
    if server.takes_seed:
        fields["seed"] = request.seed
    if server.takes_negative_prompt and request.negative_prompt:
        fields["negative_prompt"] = request.negative_prompt
    if server.sound_field and request.generate_audio is not None:
        fields[server.sound_field] = request.generate_audio
    return fields


def unified_reference(data_url: str) -> dict[str, Any]:
    """ope.ai, wan2.7-i2v, input_reference."""
    frame = {"type": "image_url", "role": "first_frame", "image_url": {"url": data_url}}
    return {"content": [frame]}


def verdict_of(
    server: ServerTraits,
    status: int,
    fields: Mapping[str, Any],
    words: WordTables = BUILT_IN,
    *,
    ticket: str = "",
) -> Verdict | None:
    """What a query's answer says of a job, whatever its HTTP status; None if it says nothing.

    Raises Odd.
    """
    verdict = verdict_in(fields, words, ticket=ticket, is_ok=200 <= status < 300)
    # Without a JSON body it may be a proxy's 404 while the server starts.
    if verdict is None and status == 404 and fields and server.forgets:
        return Gone("the upstream keeps its tasks in memory and has lost this one at a restart")
    return verdict


def _serving(server: ServerTraits, model: str) -> ServerTraits:
    """What a server takes for one of its models: a gateway sells Sora by OpenAI's contract."""
    if server.kind != "unified" or not model.startswith("sora-2"):
        return server
    return msgspec.structs.replace(
        server,
        durations_s=SORA_DURATIONS_S,
        has_soras_sizes=True,
        takes_seed=False,
        takes_negative_prompt=False,
        sound_field="",
        sounds_anyway=True,
        rewrites_prompts=False,
    )


def _has(server: ServerTraits) -> Has:
    return Has(
        last_frame=False,
        negative_prompt=server.takes_negative_prompt,
        watermark=False,
        sound=server.sounds_anyway or bool(server.sound_field),
        plain_prompt=not server.rewrites_prompts,
    )


def _sizes(model: str) -> tuple[Size, ...]:
    # Only the small model is known to have fewer.
    return _SORA_SIZES if model == "sora-2" else _SORA_PRO_SIZES
