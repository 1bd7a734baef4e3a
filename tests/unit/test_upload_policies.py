"""Leave to upload is signed, says who may send what, and ends."""

from __future__ import annotations

import base64

import msgspec
import pytest

from unstill.domain.errors import BadPolicy
from unstill.domain.owner import Owner
from unstill.files.upload_policies import (
    MOST_KEY_CHARS,
    POLICY_LIFE_S,
    Policies,
    Policy,
    Signed,
)

NOW_S = 1_800_000_000.0
OLD, NEW = b"o" * 32, b"n" * 32


def policies(*secrets: bytes) -> Policies:
    return Policies(secrets or (NEW,), most_bytes=10)


def checked(signer: Policies, signed: Signed, name: str = "cat.jpg", at_s: float = NOW_S) -> Policy:
    return signer.check(signed.policy, signed.signature, f"{signed.upload_dir}/{name}", at_s)


def test_a_policy_says_who_may_upload_what_and_until_when() -> None:
    signer = policies()
    signed = signer.sign(Owner("team-a"), "wan2.7-i2v", NOW_S)

    assert checked(signer, signed) == Policy(
        signed.upload_dir, Owner("team-a"), "wan2.7-i2v", int(NOW_S) + POLICY_LIFE_S, 10
    )
    assert signed.upload_dir != signer.sign(Owner("team-a"), "wan2.7-i2v", NOW_S).upload_dir


def test_a_policy_is_good_until_its_end_and_no_longer() -> None:
    signer = policies()
    signed = signer.sign(Owner("team-a"), "wan2.7-i2v", NOW_S)

    checked(signer, signed, at_s=NOW_S + POLICY_LIFE_S - 1)
    with pytest.raises(BadPolicy, match="Policy expired"):
        checked(signer, signed, at_s=NOW_S + POLICY_LIFE_S)


def test_all_secrets_are_believed_and_the_first_signs() -> None:
    signed = policies(OLD).sign(Owner("team-a"), "wan2.7-i2v", NOW_S)

    checked(policies(NEW, OLD), signed)
    with pytest.raises(BadPolicy, match="signature"):
        checked(policies(NEW), signed)


@pytest.mark.parametrize(
    "field", [{"owner": "team-b"}, {"most_bytes": 2**40}, {"expires_s": 2**40}, {"upload_dir": "x"}]
)
def test_nothing_of_a_policy_can_be_changed(field: dict[str, object]) -> None:
    signer = policies()
    signed = signer.sign(Owner("team-a"), "wan2.7-i2v", NOW_S)
    policy = msgspec.json.decode(base64.b64decode(signed.policy)) | field
    text = base64.b64encode(msgspec.json.encode(policy)).decode()

    with pytest.raises(BadPolicy, match="signature"):
        signer.check(text, signed.signature, f"{policy['upload_dir']}/cat.jpg", NOW_S)


@pytest.mark.parametrize("name", ["", "x" * MOST_KEY_CHARS])
def test_a_key_must_name_a_file_and_not_a_novel(name: str) -> None:
    signer = policies()

    with pytest.raises(BadPolicy, match="upload_dir/name"):
        checked(signer, signer.sign(Owner("team-a"), "wan2.7-i2v", NOW_S), name)
