"""OpenAI's official SDK at a server of ours; who imports this is skipped where it is missing."""

from __future__ import annotations

import warnings
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import openai
else:
    openai = pytest.importorskip("openai", reason="the openai package is not installed")

__all__ = ["async_sdk", "openai", "sdk"]

KEY = "sk-any"


@contextmanager
def _unwarned() -> Iterator[None]:
    """The SDK deprecated every method of `videos` when OpenAI switched its own off."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        yield


@contextmanager
def sdk(url: str, *, key: str = KEY, max_retries: int = 0) -> Iterator[openai.OpenAI]:
    """`url`: of the server, without /v1."""
    with (
        _unwarned(),
        openai.OpenAI(base_url=f"{url}/v1", api_key=key, max_retries=max_retries) as client,
    ):
        yield client


@asynccontextmanager
async def async_sdk(
    url: str, *, key: str = KEY, max_retries: int = 0
) -> AsyncIterator[openai.AsyncOpenAI]:
    with _unwarned():
        async with openai.AsyncOpenAI(
            base_url=f"{url}/v1", api_key=key, max_retries=max_retries
        ) as client:
            yield client
