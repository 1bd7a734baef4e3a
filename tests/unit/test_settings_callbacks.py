"""Callbacks are set where they can be had, and could be had safely; else the start says why not."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.settings_files import read_in, refused_in
from unstill.settings.engines import RemoteSettings

HTTPS = '[server]\npublic_url = "https://video.example"\n'
FAL = '[engines.a]\nkind = "fal"\nbase_url = "https://queue.fal.run"\napi_key = "k"\n'
ROUTER = '[engines.a]\nkind = "openrouter"\nbase_url = "https://openrouter.ai"\napi_key = "k"\n'
ARK = '[engines.a]\nkind = "ark"\nbase_url = "https://ark.example"\napi_key = "k"\n'
ON, SECRET = "callbacks = true\n", 'callback_secret = "hush"\n'
NO_URL = "engines.a.callbacks: needs server.public_url to begin with https://"


@pytest.mark.parametrize("public_url", ["", "http://video.example", "http://127.evil.example"])
def test_callbacks_need_an_address_that_upstreams_reach_by_tls(
    tmp_path: Path, public_url: str
) -> None:
    server = f'[server]\npublic_url = "{public_url}"\n'

    assert refused_in(tmp_path, server + FAL + ON).startswith(NO_URL)


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "[::1]:8000", "localhost"])
def test_on_this_machine_itself_no_tls_is_needed(tmp_path: Path, host: str) -> None:
    settings = read_in(tmp_path, f'[server]\npublic_url = "http://{host}"\n' + FAL + ON)
    engine = settings.engines["a"]

    assert isinstance(engine, RemoteSettings)
    assert engine.callbacks


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (ARK + ON, "engines.a.callbacks: is for kinds that sign theirs: fal, openrouter, kling"),
        (ROUTER + ON, "engines.a.callback_secret: is needed by callbacks"),
        (ROUTER + SECRET, "engines.a.callback_secret: is for callbacks = true of kinds"),
        (FAL + ON + SECRET, "engines.a.callback_secret: is for callbacks = true of kinds"),
        (
            ROUTER + ON + 'callback_secret = "env:NOWHERE"\n',
            "engines.a.callback_secret: the environment variable NOWHERE is not set",
        ),
    ],
)
def test_what_cannot_be_is_refused_by_its_setting(tmp_path: Path, table: str, message: str) -> None:
    refused = refused_in(tmp_path, HTTPS + table)

    assert refused.startswith(message)
    assert "hush" not in refused


def test_a_secret_is_read_from_the_environment(tmp_path: Path) -> None:
    table = ROUTER + ON + 'callback_secret = "env:THEIRS"\n'
    engine = read_in(tmp_path, HTTPS + table, {"THEIRS": "hush"}).engines["a"]

    assert isinstance(engine, RemoteSettings)
    assert engine.callback_secret == "hush"
