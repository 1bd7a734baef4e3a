"""Keys, secrets and receivers of webhooks as settings: what is wrong is named, and never echoed."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path

import pytest

from support.settings_files import read_in, refused_in

SECRET = "whsec_" + b64encode(b"s" * 24).decode()


def test_keys_name_their_owners(tmp_path: Path) -> None:
    keys = "team-a:sk-1, team-b : sk-2 ,sk-3, team-a:sk:4,"

    settings = read_in(tmp_path, environment={"UNSTILL_API_KEYS": keys})

    owners = settings.api_keys
    assert (owners["sk-1"], owners["sk-2"], owners["sk:4"]) == ("team-a", "team-b", "team-a")
    assert owners["sk-3"].startswith("key-")
    assert "sk-3" not in owners["sk-3"]


@pytest.mark.parametrize(
    "keys", ["team a:sk-secret", ":sk-secret", "secret:", "a:sk-secret,b:sk-secret", "é:sk-secret"]
)
def test_malformed_keys_stop_the_start_and_are_not_echoed(tmp_path: Path, keys: str) -> None:
    refusal = refused_in(tmp_path, environment={"UNSTILL_API_KEYS": keys})

    assert refusal.startswith("UNSTILL_API_KEYS: ")
    assert "secret" not in refusal


def test_secrets_and_receivers_of_webhooks_are_read(tmp_path: Path) -> None:
    secrets = f"{SECRET} , whsec_{b64encode(b'x' * 64).decode()},"
    toml = '[webhooks]\nteam-a = "http://10.0.0.7:9000/hook"\n'

    settings = read_in(tmp_path, toml, {"UNSTILL_WEBHOOK_SECRET": secrets})

    assert settings.webhook_secrets == tuple(secrets.replace(" ", "").strip(",").split(","))
    assert settings.webhooks == {"team-a": "http://10.0.0.7:9000/hook"}


@pytest.mark.parametrize(
    "secrets",
    [
        SECRET.removeprefix("whsec_"),
        f"{SECRET}!",
        SECRET.rstrip("=") + "w",  # no whole base64
        f"whsec_{b64encode(b'x' * 23).decode()}",
        f"whsec_{b64encode(b'x' * 65).decode()}",
        f"{SECRET},whsec_",
        f"{SECRET};{SECRET}",
    ],
)
def test_a_malformed_secret_stops_the_start_and_is_not_echoed(tmp_path: Path, secrets: str) -> None:
    refusal = refused_in(tmp_path, environment={"UNSTILL_WEBHOOK_SECRET": secrets})

    assert refusal == (
        "UNSTILL_WEBHOOK_SECRET: must be whsec_ and the base64 of 24 to 64 random bytes, "
        "comma-separated"
    )


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        ('[webhooks]\nteam-a = "hook?token=t0ken"', "webhooks.team-a: must be an address, http"),
        ("[webhooks]\nteam-a = 5", "webhooks.team-a: must be an address, http:// or https://"),
        ("[webhooks.team-a]", "webhooks.team-a: must be an address, http:// or https://"),
        ('webhooks = "x"', "webhooks: must be a table, got 'x'"),
        (f'webhook_secret = "{SECRET}"', "from the environment only: UNSTILL_WEBHOOK_SECRET"),
    ],
)
def test_a_wrong_receiver_is_named_and_its_token_is_not(
    tmp_path: Path, toml: str, message: str
) -> None:
    refusal = refused_in(tmp_path, toml)

    assert message in refusal
    assert "t0ken" not in refusal
    assert SECRET not in refusal
