"""A callback is believed where it is signed, whole and fresh, and never else."""

from __future__ import annotations

import hashlib
import hmac
import subprocess
import sys
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from standardwebhooks import Webhook

from unstill.domain.errors import BadSetting, FetchFailed
from unstill.engines.fal.callbacks import asking_back, is_fals
from unstill.net.fetcher import Fetcher
from unstill.upstreams.callbacks import is_fresh, is_stamped, is_svix_signed, svix_secret
from unstill.upstreams.key_sets import KEPT_S, LEAST_BETWEEN_S, SigningKeys

NOW_S = 1_800_000_000
BODY = b'{"type":"video.generation.completed"}'
SECRET = b"a secret of theirs"
WINDOW = pytest.mark.parametrize(
    ("away_s", "is_good"), [(0, True), (300, True), (-300, True), (301, False), (-301, False)]
)


@pytest.mark.parametrize("stamp", ["", "x", "-1", "1.8e9", "\u0661" * 10, "1" * 13, " 1800000000"])
def test_a_time_stamp_that_is_none_is_never_fresh(stamp: str) -> None:
    assert not is_fresh(stamp, NOW_S * 1000)


# --- OpenRouter's -------------------------------------------------------------------------------


def stamped(stamp: int, body: bytes = BODY, secret: bytes = SECRET) -> str:
    return hmac.new(secret, f"{stamp},".encode() + body, hashlib.sha256).hexdigest()


def is_stamped_now(header: str, body: bytes = BODY) -> bool:
    return is_stamped(header, body, secret=SECRET, now_ms=NOW_S * 1000)


@WINDOW
def test_openrouters_signature_is_good_for_five_minutes(away_s: int, *, is_good: bool) -> None:
    stamp = NOW_S + away_s

    assert is_stamped_now(f"t={stamp},v1={stamped(stamp)}") is is_good


def test_openrouters_signature_is_of_the_body_the_stamp_and_the_secret() -> None:
    good = stamped(NOW_S)

    assert not is_stamped_now(f"t={NOW_S},v1={good}", BODY + b" ")
    assert not is_stamped_now(f"t={NOW_S + 1},v1={good}")
    assert not is_stamped_now(f"t={NOW_S},v1={stamped(NOW_S, secret=b'other')}")


def test_while_a_secret_is_replaced_one_good_signature_of_several_is_enough() -> None:
    other, good = stamped(NOW_S, secret=b"other"), stamped(NOW_S)

    assert is_stamped_now(f"t={NOW_S},v1={other},v1={good}")
    assert is_stamped_now(f"t={NOW_S}, v1=nonsense, v1={good}")


@pytest.mark.parametrize(
    "header",
    [
        "",
        "t=,v1=",
        "v1=" + stamped(NOW_S),
        f"t={NOW_S}",
        f"t={NOW_S},v1=",
        f"t={NOW_S},v1=\xe4",
        f"t={NOW_S},v0={stamped(NOW_S)}",
        f"t={NOW_S},t={NOW_S},v1={stamped(NOW_S)}",
    ],
)
def test_what_is_no_whole_signature_is_none(header: str) -> None:
    assert not is_stamped_now(header)


# --- Svix style ---------------------------------------------------------------------------------

WHSEC = "whsec_" + b64encode(b"24 bytes or more of them").decode()


def svix(stamp: int, body: bytes = BODY, secret: str = WHSEC) -> dict[str, str]:
    """As the library that our own webhooks are signed with signs it."""
    at = datetime.fromtimestamp(stamp, UTC)
    return {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(stamp),
        "webhook-signature": Webhook(secret).sign("msg_1", at, body.decode()),
    }


def is_svix_now(headers: Mapping[str, str], body: bytes = BODY) -> bool:
    secret = svix_secret(WHSEC, "engines.far.callback_secret")
    return is_svix_signed(headers, body, secret=secret, now_ms=NOW_S * 1000)


@WINDOW
def test_a_svix_signature_is_good_for_five_minutes(away_s: int, *, is_good: bool) -> None:
    assert is_svix_now(svix(NOW_S + away_s)) is is_good


def test_a_svix_signature_is_of_the_id_the_stamp_the_body_and_the_secret() -> None:
    good, other = svix(NOW_S), svix(NOW_S, secret="whsec_" + b64encode(b"x" * 24).decode())

    assert not is_svix_now(good, BODY + b" ")
    assert not is_svix_now(good | {"webhook-id": "msg_2"})
    assert not is_svix_now(good | {"webhook-timestamp": str(NOW_S + 1)})
    assert not is_svix_now(other)
    both = f"{other['webhook-signature']} {good['webhook-signature']}"
    assert is_svix_now(good | {"webhook-signature": both})


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_without_one_of_its_headers_a_svix_signature_is_none(name: str) -> None:
    headers = svix(NOW_S)
    del headers[name]

    assert not is_svix_now(headers)


@pytest.mark.parametrize("text", ["", "whsec_", "whsec_%", "c2VjcmV0", "hush"])
def test_a_secret_that_is_none_is_refused_without_being_shown(text: str) -> None:
    with pytest.raises(BadSetting) as refused:
        svix_secret(text, "engines.far.callback_secret")

    assert refused.value.setting == "engines.far.callback_secret"
    assert text in ("", "whsec_") or text not in str(refused.value)


# --- fal's --------------------------------------------------------------------------------------

OLD_KEY, NEW_KEY = (Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32) for n in (1, 2))
OF_RSA = {"kty": "RSA", "n": "AQAB", "e": "AQAB"}
BROKEN: dict[str, Any] = {"kty": "OKP", "crv": "Ed25519", "x": "not32bytes"}


class ToldKeys(Fetcher):
    """Answers with the keys that it has; counts how often it is asked."""

    def __init__(self, *keys: Ed25519PrivateKey) -> None:
        self.keys: tuple[Ed25519PrivateKey, ...] | None = keys
        self.asked: list[str] = []
        self.answer: bytes | None = None  # in place of them

    async def fetch(self, url: str, out: Path, **_: Any) -> int:
        self.asked.append(url)
        if self.keys is None:
            raise FetchFailed("answered 503")
        if self.answer is not None:
            return out.write_bytes(self.answer)
        texts = [
            urlsafe_b64encode(key.public_key().public_bytes_raw()).decode().rstrip("=")
            for key in self.keys
        ]
        rows = [{"kty": "OKP", "crv": "Ed25519", "x": text} for text in texts]
        return out.write_bytes(msgspec.json.encode({"keys": [OF_RSA, BROKEN, *rows]}))


class Fal:
    """What knows fal's signatures, at a time that a test sets."""

    def __init__(self, *keys: Ed25519PrivateKey) -> None:
        self.now_s = 0.0
        self.told = ToldKeys(*keys)
        self.keys = SigningKeys(
            "https://fal.example/jwks",
            self.told,
            setting="engines.far.callbacks",
            monotonic_s=lambda: self.now_s,
        )

    async def believes(self, headers: Mapping[str, str], body: bytes = BODY) -> bool:
        return await is_fals(headers, body, keys=self.keys, now_ms=NOW_S * 1000)


def by_fal(stamp: int = NOW_S, key: Ed25519PrivateKey = OLD_KEY) -> dict[str, str]:
    message = f"req\nuser\n{stamp}\n{hashlib.sha256(BODY).hexdigest()}"
    return {
        "x-fal-webhook-request-id": "req",
        "x-fal-webhook-user-id": "user",
        "x-fal-webhook-timestamp": str(stamp),
        "x-fal-webhook-signature": key.sign(message.encode()).hex(),
    }


@WINDOW
async def test_fals_signature_is_good_for_five_minutes(away_s: int, *, is_good: bool) -> None:
    assert await Fal(OLD_KEY).believes(by_fal(NOW_S + away_s)) is is_good


async def test_fals_signature_is_of_all_of_it() -> None:
    fal, good = Fal(OLD_KEY), by_fal()

    assert await fal.believes(good)
    assert not await fal.believes(good, BODY + b" ")
    for name in good:
        assert not await fal.believes({**good, name: "1800000001"})
        assert not await fal.believes({each: good[each] for each in good if each != name})
    assert not await fal.believes(by_fal(key=NEW_KEY))


async def test_keys_are_kept_for_a_day() -> None:
    fal = Fal(OLD_KEY)
    assert await fal.believes(by_fal())
    assert await fal.believes(by_fal())
    assert fal.told.asked == ["https://fal.example/jwks"]

    fal.now_s = KEPT_S + 1
    fal.told.keys = (NEW_KEY,)
    assert not await fal.believes(by_fal())
    assert len(fal.told.asked) == 2


async def test_an_unknown_key_is_asked_for_at_most_once_a_minute() -> None:
    fal = Fal(OLD_KEY)
    assert not await fal.believes(by_fal(key=NEW_KEY))
    fal.told.keys = (OLD_KEY, NEW_KEY)
    for _ in range(5):
        assert not await fal.believes(by_fal(key=NEW_KEY))
    assert len(fal.told.asked) == 1

    fal.now_s = LEAST_BETWEEN_S
    assert await fal.believes(by_fal(key=NEW_KEY))
    assert await fal.believes(by_fal())
    assert len(fal.told.asked) == 2


async def test_keys_that_cannot_be_read_now_leave_those_that_are_known() -> None:
    fal = Fal(OLD_KEY)
    assert await fal.believes(by_fal())
    fal.told.keys, fal.now_s = None, LEAST_BETWEEN_S + 1

    assert not await fal.believes(by_fal(key=NEW_KEY))
    assert await fal.believes(by_fal())


@pytest.mark.parametrize(
    "answer", [b"", b"<html>", b'{"keys":[{"kty":"\xff"}]}', b"[" * 60_000, b'{"keys":[{"x":7}]}']
)
async def test_an_answer_that_has_no_keys_lets_nobody_in_and_is_no_fault(answer: bytes) -> None:
    fal = Fal()
    fal.told.answer = answer

    assert not await fal.believes(by_fal())


def test_a_submit_names_the_address_only_where_there_is_one() -> None:
    assert asking_back("/fal-ai/x", "") == "/fal-ai/x"
    url = "https://u.example/v1/callbacks/far/1"
    asked = "/fal-ai/x?fal_webhook=https%3A%2F%2Fu.example%2Fv1%2Fcallbacks%2Ffar%2F1"
    assert asking_back("/fal-ai/x", url) == asked


WITHOUT_EXTRA = """
import sys
sys.modules["cryptography"] = None
from unstill.domain.errors import BadSetting
from unstill.net.fetcher import Fetcher
from unstill.upstreams.key_sets import SigningKeys
try:
    SigningKeys("https://fal.example/jwks", Fetcher(), setting="engines.far.callbacks")
except BadSetting as error:
    print(error.message)
"""


def test_without_the_extra_the_setting_says_what_to_install() -> None:
    command = [sys.executable, "-c", WITHOUT_EXTRA]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)

    said = 'engines.far.callbacks: needs Ed25519: pip install "unstill[ed25519]"'
    assert ended.stdout.strip() == said
