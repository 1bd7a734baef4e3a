"""A submit says where to call back if its operator wants that, and is else as it ever was."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from support.engine_benches import Bench, engine, only
from support.upstream_requests import upstream_request
from unstill.domain.errors import BadSetting
from unstill.net.fetcher import Fetcher
from unstill.upstreams.port import CallbackRemote, Prepared

URL = "https://video.example/v1/callbacks/ours"


async def both(bench: Bench, fetcher: Fetcher) -> tuple[Prepared, Prepared, str]:
    """The same submit without and with callbacks, and where the second is called back."""
    request = upstream_request(bench.asked, photo=bench.photo)
    remote = engine(
        bench.kind, bench.emulator.url, fetcher, callbacks_url=URL, callback_secret="whsec_aHVzaA=="
    )
    asked = await remote.prepare(request)
    await remote.close()
    assert isinstance(remote, CallbackRemote)
    assert remote.is_called_back
    assert not getattr(bench.remote, "is_called_back", True)
    return await bench.remote.prepare(request), asked, f"{URL}/{request.job_id}"


def body_of(prepared: Prepared) -> dict[str, Any]:
    body: dict[str, Any] = msgspec.json.decode(prepared.body)
    return body


@only("fal")
async def test_fal_is_told_in_the_query(bench: Bench, fetcher: Fetcher) -> None:
    plain, asked, url = await both(bench, fetcher)

    told = url.replace(":", "%3A").replace("/", "%2F")
    assert asked.path == f"{plain.path}?fal_webhook={told}"
    assert msgspec.structs.replace(asked, path=plain.path) == plain


@only("openrouter")
async def test_openrouter_is_told_in_the_body(bench: Bench, fetcher: Fetcher) -> None:
    plain, asked, url = await both(bench, fetcher)

    assert body_of(asked) == body_of(plain) | {"callback_url": url}
    assert msgspec.structs.replace(asked, body=plain.body) == plain


@only("kling")
async def test_kling_is_told_in_its_options(bench: Bench, fetcher: Fetcher) -> None:
    plain, asked, url = await both(bench, fetcher)

    body = body_of(plain)
    assert body_of(asked) == body | {"options": body["options"] | {"callback_url": url}}
    assert msgspec.structs.replace(asked, body=plain.body) == plain


@only("kling")
async def test_a_secret_that_kling_never_gave_is_refused(bench: Bench, fetcher: Fetcher) -> None:
    with pytest.raises(BadSetting) as refused:
        engine("kling", bench.emulator.url, fetcher, callbacks_url=URL, callback_secret="hush")

    assert refused.value.setting == "engines.ours.callback_secret"


@only("fal", "openrouter", "kling")
async def test_who_is_not_asked_to_call_back_is_never_believed(bench: Bench) -> None:
    remote = bench.remote

    assert isinstance(remote, CallbackRemote)
    assert not await remote.is_its_word({}, b"{}", 0)
