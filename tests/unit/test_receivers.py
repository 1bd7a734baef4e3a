"""Who is told of a job's end: what a caller may name, what the operator has, and which is used."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from support.jobs import a_job
from unstill.assembly import check_receivers, receivers_of
from unstill.domain.delivery import MOST_URL_CHARS, owed_for
from unstill.domain.errors import BadField, BadSetting
from unstill.domain.job import State
from unstill.domain.owner import Owner
from unstill.domain.request import GivenValue
from unstill.net.fetcher import Own
from unstill.server.api_keys import Keys
from unstill.settings.reader import Settings
from unstill.webhooks.receivers import Address, Receivers

OWN_URL = "http://10.0.0.7:9000/hook?token=t"
SECRETS = ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",)
RECEIVERS = Receivers(
    {Owner("team-a"): OWN_URL}, has_secret=True, allow_networks=[ip_network("10.1.0.0/16")]
)


def asked(value: object, owner: str = "team-b") -> str | None:
    return RECEIVERS.receiver_of(GivenValue("webhook_url", value), Owner(owner))


def test_a_callers_own_address_wins_over_the_operators() -> None:
    assert RECEIVERS.receiver_of(None, Owner("team-a")) == ""
    assert RECEIVERS.receiver_of(None, Owner("team-b")) is None
    assert asked("https://example.com/hook", "team-a") == "https://example.com/hook"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (5, "webhook_url must be an http or https URL of at most 2048 characters, got 5"),
        (b"bytes", "got 5 bytes"),
        ("", "only http and https"),
        ("ftp://example.com/", "only http and https URLs"),
        ("https://user:pw@example.com/", "user name or password"),
        ("https://example.com/" + "x" * MOST_URL_CHARS, "at most 2048 characters"),
        ("http://0x7f000001/", "is not a name or an address"),
        ("http://[xn--", "is not a name or an address"),  # no label that IDNA knows
        ("http://127.0.0.1/", "an address on the public internet"),
        ("http://10.0.0.7:9000/hook?token=t", "an address on the public internet"),
        ("http://[::ffff:169.254.169.254]/", "an address on the public internet"),
    ],
)
def test_an_address_that_cannot_be_told_is_refused_by_its_name(value: object, message: str) -> None:
    with pytest.raises(BadField) as caught:
        asked(value)
    assert message in caught.value.message
    assert caught.value.param == "webhook_url"


def test_an_address_in_an_allowed_network_is_taken() -> None:
    assert asked("http://10.1.0.1/") == "http://10.1.0.1/"


def test_without_a_secret_no_address_is_taken() -> None:
    silent = Receivers({}, has_secret=False)

    assert silent.receiver_of(None, Owner("team-a")) is None
    with pytest.raises(BadField, match="until its operator sets UNSTILL_WEBHOOK_SECRET"):
        silent.receiver_of(GivenValue("webhook_url", "https://example.com/"), Owner("team-a"))


def test_only_the_operators_address_may_be_private_and_it_is_looked_up_when_used() -> None:
    ended = {"state": State.FAILED, "ended_ms": 1, "owner": "team-a"}
    own = owed_for(a_job(**ended, webhook_url=""))
    same_text = owed_for(a_job(**ended, webhook_url=OWN_URL))

    assert own is not None
    assert same_text is not None
    assert RECEIVERS.address(own) == Address(OWN_URL, Own("http://10.0.0.7:9000"))
    assert RECEIVERS.address(same_text) == Address(OWN_URL, None)
    assert Receivers({}, has_secret=True).address(own) is None


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (Settings(webhooks={Owner("everyone"): OWN_URL}), "UNSTILL_WEBHOOK_SECRET: is needed by"),
        (
            Settings(webhooks={Owner("team-a"): OWN_URL}, webhook_secrets=SECRETS),
            "webhooks.team-a: must be named for an owner of a key: everyone",
        ),
        (
            Settings(
                webhooks={Owner("everyone"): OWN_URL},
                webhook_secrets=SECRETS,
                api_keys={"sk": Owner("team-a")},
            ),
            "webhooks.everyone: must be named for an owner of a key: team-a",
        ),
        (
            Settings(webhooks={Owner("everyone"): "http://u:p@h/"}, webhook_secrets=SECRETS),
            "webhooks.everyone: must be a URL: a URL with a user name or password",
        ),
    ],
)
def test_settings_that_could_not_tell_anybody_stop_the_start(
    settings: Settings, message: str
) -> None:
    def start() -> None:
        receivers_of(settings)
        check_receivers(settings, Keys(settings.api_keys).owners)

    with pytest.raises(BadSetting) as caught:
        start()
    assert caught.value.message.startswith(message)
