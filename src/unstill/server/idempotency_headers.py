"""By which headers a create call says that it may come again, or that it has come before."""

from __future__ import annotations

from collections.abc import Mapping

from unstill.dialects.parameters import MOST_KEY_CHARS
from unstill.domain.errors import BadField, KeyReused
from unstill.service.idempotency import RetryHeaders

_KEY = KeyReused.param.lower()
_SDK = "x-stainless-lang"  # every call of an official OpenAI SDK has it (openai 3.51.0)
_RETRIES = "x-stainless-retry-count"  # 0 at the first try


def sending_of(headers: Mapping[str, str]) -> RetryHeaders | None:
    """None of a call that is never the same as another one; raises BadField for a bad key."""
    if _KEY in headers:
        return RetryHeaders(_checked(headers[_KEY]), is_retry=False)
    if _RETRIES in headers:
        return RetryHeaders(None, is_retry=_is_above_zero(headers[_RETRIES]))
    return RetryHeaders(None, is_retry=False) if _SDK in headers else None


def _checked(key: str) -> str:
    if 0 < len(key) <= MOST_KEY_CHARS and key.isascii() and key.isprintable():
        return key
    allowed = f"1 to {MOST_KEY_CHARS} printable ASCII characters"
    raise BadField(KeyReused.param, allowed, key)


def _is_above_zero(count: str) -> bool:
    return count.isascii() and count.isdigit() and count.strip("0") != ""
