"""Signed addresses of objects in a bucket."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest

from unstill.domain.errors import BadSetting
from unstill.files.s3_addresses import LIFE_S, Signer, signer_of

KEY = {"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": "a secret"}


def test_an_address_is_signed_as_amazons_own_example_is() -> None:
    # Amazon S3, "Authenticating Requests: Using Query Parameters", its example.
    signer = Signer(
        bucket_url="https://examplebucket.s3.amazonaws.com",
        region="us-east-1",
        key_id="AKIAIOSFODNN7EXAMPLE",
        secret="wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        life_s=86_400,
        clock_s=lambda: 1_369_353_600,
    )

    assert signer.address("GET", "test.txt", {}) == (
        "https://examplebucket.s3.amazonaws.com/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256"
        "&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request"
        "&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host"
        "&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
    )


def test_an_address_says_what_its_answer_is_to_say_and_for_how_long_it_is() -> None:
    environment = {**KEY, "AWS_SESSION_TOKEN": "a/token", "AWS_REGION": "eu-west-3"}
    signer = signer_of("videos", "team/a", environment, public_url="")
    says = {"content-type": "video/mp4", "content-disposition": 'inline; filename="a b.mp4"'}

    url = urlsplit(signer.address("GET", "jobs/x/video-1.mp4", says))
    query = {name: value for name, [value] in parse_qs(url.query).items()}

    assert url.netloc == "s3.eu-west-3.amazonaws.com"
    assert url.path == "/videos/team/a/jobs/x/video-1.mp4"
    assert query["response-content-type"] == "video/mp4"
    assert query["response-content-disposition"] == 'inline; filename="a b.mp4"'
    assert query["X-Amz-Security-Token"] == "a/token"
    assert query["X-Amz-Expires"] == str(LIFE_S)
    assert "a secret" not in url.geturl()


def test_callers_are_led_to_where_they_reach_the_storage() -> None:
    inside = {**KEY, "AWS_ENDPOINT_URL": "http://storage:9000/"}
    led = [
        signer_of("videos", "", inside, public_url=public).address("HEAD", "jobs/x/y", {})
        for public in ("", "https://s3.example.com/")
    ]

    assert led[0].startswith("http://storage:9000/videos/jobs/x/y?")
    assert led[1].startswith("https://s3.example.com/videos/jobs/x/y?")


@pytest.mark.parametrize("missing", sorted(KEY))
def test_without_a_key_that_signs_the_start_ends(missing: str) -> None:
    environment = {name: value for name, value in KEY.items() if name != missing}

    with pytest.raises(BadSetting, match="redirect needs AWS_ACCESS_KEY_ID"):
        signer_of("videos", "", environment, public_url="")
