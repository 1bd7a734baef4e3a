"""What a create call asks for, in one number: by it a call that is sent again is recognised. Pure.

It covers what the caller gave, before defaults and a random seed, under canonical names and as
read: whether a field came in JSON or a form, under which of its names, as `720p` or `720P`, and in
which order, makes no difference. A picture counts by its bytes, one to be fetched by its URL. What
has no effect, a field that the model does not have, does not count.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import msgspec

from unstill.domain.job import IdempotencyMark
from unstill.domain.request import MASK_ROLES, CreateCall, Frame, Role
from unstill.models.card import Card
from unstill.models.catalogue import explicit
from unstill.service.checked_calls import CheckedCall

# A first try waits for its answer for as long as its SDK does, by default 600 s (openai 3.51.0).
RETRY_WITHIN_MS = 15 * 60 * 1000

_encode = msgspec.json.Encoder(order="sorted").encode


class RetryHeaders(msgspec.Struct, frozen=True):
    """How a create call may come again: under its caller's key, or else as an SDK's retry."""

    key: str | None
    is_retry: bool


def mark_of(
    retry: RetryHeaders, create_call: CreateCall, checked: CheckedCall, *, now_ms: int
) -> IdempotencyMark:
    """By what a call is recognised that may come again, or has come before."""
    frames = {frame.role: frame for frame in checked.request.frames}
    number = fingerprint(checked.model, checked.card, create_call, frames)
    if retry.key is not None:
        return IdempotencyMark(number, key=retry.key)
    return IdempotencyMark(number, since_ms=now_ms - RETRY_WITHIN_MS if retry.is_retry else None)


def fingerprint(
    name: str, card: Card, create_call: CreateCall, frames: Mapping[Role, Frame]
) -> str:
    """64 hex digits, the same in every release: stored ones are compared with new ones.

    name: of the model, as catalogued: behind an alias there may be other engines.
    Raises BadField, as the making of the request does.
    """
    given = explicit(card, create_call)
    pictures = {
        role: {"url": frame.url, "sha256": frame.sha256}
        for role, frame in frames.items()
        if role in MASK_ROLES or card.field(f"{role}_frame") is not None
    }
    whole = {"model": name, "fields": given.values, "frames": pictures}
    if (
        create_call.webhook_url is not None
    ):  # calls without one have the number that they always had
        whole["webhook_url"] = create_call.webhook_url.value
    return hashlib.sha256(_encode(whole)).hexdigest()
