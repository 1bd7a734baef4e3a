"""What schemathesis has to know besides the description; it loads this module by its name.

A format of the description that is no standard one gets a generator here. All pictures are one and
the same, because two pictures under two names contradict each other, which no schema can say; and
it is at an address that does not exist, so that the jobs end soon and cost nothing.
"""

from __future__ import annotations

import json
import os
import re
from typing import Any
from uuid import uuid4

import schemathesis
from hypothesis import strategies as st
from schemathesis import Case, HookContext

from unstill.dialects.parameters import MOST_KEY_CHARS
from unstill.domain.errors import KeyReused

PICTURE = "https://nobody.invalid/frame.png"
# What a run looks at only: half of the models, some of the pictures' many names. All of the names
# at once are more than the generator of random bodies can hold.
FEW_MODELS, FEW_NAMES = "API_ASKED_FEW_MODELS", "API_ASKED_FEW_NAMES"
ENDLESS = "/v1/events"  # a stream that ends when its caller hangs up
_KEY = KeyReused.param
_MODELS = frozenset({"wan2.7-i2v", "openai/sora-2/image-to-video-pro"})
_NAMES = frozenset({"input_reference", "last_frame_url", "media", "frames"})

schemathesis.openapi.format("picture", st.just(PICTURE))
schemathesis.openapi.format("region-list", st.just(json.dumps([{"kind": "hair", "mask": PICTURE}])))
schemathesis.openapi.format("webhook-url", st.just("https://nobody.invalid/hook"))
schemathesis.openapi.format("moment", st.just("20261120120000"))
schemathesis.openapi.format(
    "video-size", st.sampled_from(["1280x720", "720X1280", "1024*1024", "256 x 256"])
)


@schemathesis.hook
def before_load_schema(context: HookContext, raw_schema: dict[str, Any]) -> None:
    """Give the examples the one picture, and leave out what the run does not look at."""
    del context
    text = re.sub(r"https://example\.com/[a-z-]+\.(png|jpg)", PICTURE, json.dumps(raw_schema))
    raw_schema |= json.loads(text)
    _give_a_box(raw_schema["paths"])
    raw_schema["paths"].pop(ENDLESS, None)
    if FEW_MODELS in os.environ:
        _drop_models(raw_schema["paths"])
    if FEW_NAMES in os.environ:
        _drop_names(raw_schema["paths"])


@schemathesis.hook
def before_call(context: HookContext, case: Case[Any], kwargs: dict[str, Any]) -> None:
    """Make each Idempotency-Key another one: else all creates but the first were its repeats."""
    del context, kwargs
    key = case.headers.get(_KEY)
    if isinstance(key, str) and 0 < len(key) <= MOST_KEY_CHARS and key.isascii():
        case.headers[_KEY] = str(uuid4()) if key.isprintable() else key


def _drop_models(node: Any) -> None:
    for each in _children(node):
        _drop_models(each)
    if isinstance(node, dict) and isinstance(node.get("oneOf"), list):
        node["oneOf"] = [each for each in node["oneOf"] if each["title"] in _MODELS]


def _give_a_box(node: Any) -> None:
    """A box has its left before its right, which no schema can say."""
    if isinstance(node, dict) and node.get("format") == "region-box":
        node.clear()
        node["enum"] = [[0, 0.6, 1, 1]]
    for each in _children(node):
        _give_a_box(each)


def _drop_names(node: Any) -> None:
    if isinstance(node, list):
        node[:] = [each for each in node if not _asks_for_what_is_left_out(each)]
    properties = node.get("properties") if isinstance(node, dict) else None
    if isinstance(properties, dict):
        for name in [name for name in properties if _is_left_out(name)]:
            del properties[name]
    for each in _children(node):
        _drop_names(each)


def _children(node: Any) -> list[Any]:
    match node:
        case dict():
            return list(node.values())
        case list():
            return node
        case _:
            return []


def _asks_for_what_is_left_out(node: Any) -> bool:
    required = node.get("required") if isinstance(node, dict) else None
    return isinstance(required, list) and any(map(_is_left_out, required))


def _is_left_out(name: str) -> bool:
    plain = name.removeprefix("input[").removesuffix("]")
    is_picture = re.search(r"image|img|frame|reference|media", plain) is not None
    return is_picture and plain not in _NAMES
