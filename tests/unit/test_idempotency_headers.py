"""The headers by which a create call says that it may come again."""

from __future__ import annotations

import pytest

from unstill.domain.errors import BadField
from unstill.server.idempotency_headers import sending_of
from unstill.service.idempotency import RetryHeaders

SDK = {"x-stainless-lang": "python"}


@pytest.mark.parametrize("key", ["k", "0b7e4f0a-2f1e-4f1c", "with spaces, and ~!", "k" * 255])
def test_a_key_counts_before_any_mark_of_an_sdk(key: str) -> None:
    headers = {"idempotency-key": key, "x-stainless-retry-count": "2", **SDK}

    assert sending_of(headers) == RetryHeaders(key, is_retry=False)


@pytest.mark.parametrize("key", ["", "k" * 256, "\x7f", "a\tb", "schl\xfcssel"])
def test_a_key_that_is_none_is_refused_by_its_name(key: str) -> None:
    with pytest.raises(BadField) as refused:
        sending_of({"idempotency-key": key})

    assert refused.value.param == "Idempotency-Key"
    assert refused.value.status == 400


@pytest.mark.parametrize(
    ("count", "is_retry"),
    [
        *((count, False) for count in ("0", "00", "", "-1", "one", "\xb2")),
        *((count, True) for count in ("1", "2", "10", "9" * 5000)),
    ],
)
def test_only_a_count_above_zero_is_a_retry(count: str, *, is_retry: bool) -> None:
    sending = sending_of({"x-stainless-retry-count": count, **SDK})

    assert sending == RetryHeaders(None, is_retry=is_retry)


def test_a_call_of_no_sdk_and_without_a_key_is_never_another_one() -> None:
    assert sending_of({"user-agent": "curl/8", "content-type": "application/json"}) is None


def test_an_sdk_that_does_not_count_is_not_trying_again() -> None:
    assert sending_of(SDK) == RetryHeaders(None, is_retry=False)
