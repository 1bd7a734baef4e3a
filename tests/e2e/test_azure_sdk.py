"""OpenAI's Azure client works against the server with nothing but another address."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from support.servers import PHOTOS, Serving

if TYPE_CHECKING:
    import openai
else:
    openai = pytest.importorskip("openai", reason="the openai package is not installed")

# The SDK deprecated every method of `videos` when OpenAI switched its own off.
pytestmark = pytest.mark.filterwarnings("ignore:The Sora API:DeprecationWarning")

KEYS = {"UNSTILL_API_KEYS": "team-a:sk-of-team-a"}


@pytest.fixture(scope="module")
def owned(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A server that asks for a key, as Azure's does."""
    with Serving(tmp_path_factory.mktemp("azure"), environment=KEYS) as serving:
        yield serving


def azure(server: Serving, api_key: str = "sk-of-team-a") -> openai.AzureOpenAI:
    return openai.AzureOpenAI(
        base_url=f"{server.url}/openai/v1/", api_key=api_key, api_version="preview", max_retries=0
    )


@pytest.mark.slow
def test_a_video_is_made_found_listed_downloaded_and_deleted(owned: Serving) -> None:
    with azure(owned) as client:
        made = client.videos.create_and_poll(
            prompt="push in",
            input_reference=io.BytesIO((PHOTOS / "rocket.jpg").read_bytes()),
            size="1280x720",
            poll_interval_ms=100,
        )
        found = client.videos.retrieve(made.id)
        listed = [each.id for each in client.videos.list()]
        video = client.videos.download_content(made.id).content
        thumbnail = client.videos.download_content(made.id, variant="thumbnail").content
        deleted = client.videos.delete(made.id)

    assert (made.status, made.model, made.size) == ("completed", "sora-2", "1280x720")
    assert found == made
    assert listed == [made.id]
    assert video[4:8] == b"ftyp"
    assert (thumbnail[:4], thumbnail[8:12]) == (b"RIFF", b"WEBP")
    assert deleted.deleted


def test_the_models_are_listed_and_one_of_them_is_shown(owned: Serving) -> None:
    with azure(owned) as client:
        listed = [each.id for each in client.models.list()]
        shown = client.models.retrieve("openai/sora-2/image-to-video-pro")
        with pytest.raises(openai.NotFoundError) as said:
            client.models.retrieve("sora-3")

    assert shown.id in listed
    assert said.value.code == "model_not_found"


def test_a_wrong_key_is_the_sdks_authentication_error(owned: Serving) -> None:
    with azure(owned, "sk-of-nobody") as client, pytest.raises(openai.AuthenticationError) as said:
        client.videos.list()

    assert said.value.code == "invalid_api_key"
