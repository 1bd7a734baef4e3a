"""Emulators: loopback stand-ins for the servers that the remote engines ask.

Each speaks its upstream's real protocol strictly, counts what it would have charged for, and
misbehaves where it is told to. They are for developing and for testing without spending: the
videos are tiny, the pictures are looked at but nothing is generated. An emulator is a process of
its own; importing this module loads none of what it needs.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

# Each is the `EMULATOR` of the module of its name; and whether its jobs outlive a restart.
KINDS: Mapping[str, bool] = {
    "dashscope": True,
    "modelverse": True,
    "fal": True,
    "ark": True,
    "runware": True,
    "openrouter": True,
    "minimax": True,
    "kling": True,
    "lightx2v": False,
    "comfy": True,
    "comfyui": False,
    "openai": True,
    "unified": True,
    "sglang": False,
    "vllm-omni": False,
}
KINDS_IN_MEMORY = frozenset(kind for kind, lasts in KINDS.items() if not lasts)
# Modelverse's own sample of a failed task has a usage.
KINDS_THAT_BILL_FAILURES = frozenset({"modelverse"})
DAY_S = 86_400


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """How an emulator behaves; every default is the upstream's own where it has one."""

    host: str = "127.0.0.1"
    port: int = 0  # 0: a free one
    keys: tuple[str, ...] = ()  # none: any key is good
    job_s: float = 5.0  # from submit to end, of which a fifth is waiting
    faults: str = ""  # "submit.drop_after=0.02,poll.503=0.1"
    seed: int = 0  # it decides the faults' randomness
    delay_s: float = 2.0  # the fault `delay` takes so long
    retry_after_s: int = 1  # in the 429 that names one
    callback_secret: str = ""  # signs callbacks by a secret; without it those are not sent
    state: str | None = None  # path of a file in which jobs outlive a restart
    kept_s: float = DAY_S  # DashScope, manage asynchronous tasks: a task is known for 24 h
    link_s: float = DAY_S  # DashScope, video_url: good for 24 h
    upload_s: float = 2 * DAY_S  # DashScope, temporary file URL: 48 h
    requests_per_s: int = 20  # DashScope: query, list and cancel of one key together; 0: no limit
    submits_per_s: int = 0  # one key may send so many; 0: no limit
    # By the servers of one model, which are those in memory.
    served_model: str = "Wan-AI/Wan2.2-I2V-A14B-Diffusers"
    logged: int = 500  # requests that are remembered whole
    certificate: tuple[str, str] | None = None  # paths of one and its key: https, by the server
