"""Names that a fetch looks up, and which of their addresses it dials."""

from collections.abc import Sequence
from ipaddress import ip_address
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from support.loopback_server import PICTURE, fetcher, reason, redirect, resolver, sized, upstream
from unstill.net.addresses import IPAddress


@pytest.mark.parametrize(
    "addresses", [["10.0.0.1"], ["127.0.0.1", "10.0.0.1"], ["8.8.8.8", "::1"], ["64:ff9b::a00:1"]]
)
async def test_a_name_with_any_hostile_address_is_refused_and_the_address_not_told(
    addresses: list[str], out: Path
) -> None:
    async with fetcher(resolver(pictures=addresses)) as made:
        said = await reason(made, "http://pictures.test/", out)

    assert said == "the host pictures.test could not be found on the public internet"


async def test_a_name_is_looked_up_once_so_that_it_cannot_point_elsewhere_after_the_check(
    out: Path,
) -> None:
    answers = iter([["127.0.0.1"], ["10.0.0.1"]])

    async def rebind(_: str) -> Sequence[IPAddress]:
        return [ip_address(address) for address in next(answers)]

    steps = {"/picture": sized(PICTURE), "/again": redirect("/picture")}
    async with upstream(steps) as server, fetcher(rebind) as made:
        size = await made.fetch(server.url(host="pictures.test"), out, max_bytes=2**20, timeout_s=5)
        said = await reason(made, server.url("/again", host="pictures.test"), out)

    assert size == len(PICTURE)
    assert said == "the host pictures.test could not be found on the public internet"


async def test_the_next_address_is_tried_when_the_first_does_not_answer(out: Path) -> None:
    async with (
        upstream({"/picture": sized(PICTURE)}) as server,  # listens on 127.0.0.1 alone
        fetcher(resolver(pictures=["127.0.0.2", "127.0.0.1"])) as made,
    ):
        size = await made.fetch(server.url(host="pictures.test"), out, max_bytes=2**20, timeout_s=5)

    assert size == len(PICTURE)
    assert f"Host: pictures.test:{server.port}" in server.heads[0]


async def test_no_more_than_four_addresses_are_tried(out: Path) -> None:
    addresses = [f"127.0.0.{n}" for n in (2, 3, 4, 5, 1)]
    async with (
        upstream({"/picture": sized(PICTURE)}) as server,
        fetcher(resolver(pictures=addresses)) as made,
    ):
        said = await reason(made, server.url(host="pictures.test"), out)

    assert said == "could not be connected to"


async def test_names_inside_are_told_apart_from_none_in_the_log_alone(out: Path) -> None:
    async with fetcher(resolver(intranet=["10.1.2.3"])) as made:
        with capture_logs() as logs:
            inside = await reason(made, "http://intranet.test/", out)
            nowhere = await reason(made, "http://internet.test/", out)

    assert inside == nowhere.replace("internet.test", "intranet.test")
    (line,) = [each for each in logs if each["event"] == "address_refused"]
    assert line["host"] == "intranet.test"
    assert line["ranges"] == ["10.0.0.0/8"]
    assert "allow_networks" in line["mend"]


async def test_the_range_of_fake_ip_proxies_is_named_with_what_mends_it(out: Path) -> None:
    async with fetcher(resolver(cdn=["198.18.0.40"])) as made:
        said = await reason(made, "http://cdn.test/cat.jpg", out)
        in_figures = await reason(made, "http://198.19.255.255/cat.jpg", out)

    for each in (said, in_figures):
        assert "198.18.0.0/15" in each
        assert "fake-IP" in each
        assert "allow_networks" in each


async def test_a_name_beside_a_fake_address_that_is_inside_is_not_told(out: Path) -> None:
    async with fetcher(resolver(cdn=["198.18.0.40", "10.0.0.1"])) as made:
        said = await reason(made, "http://cdn.test/", out)

    assert said == "the host cdn.test could not be found on the public internet"


async def test_a_name_that_nobody_knows_is_said_to_be_unknown(out: Path) -> None:
    async with fetcher(resolver()) as made:
        said = await reason(made, "http://a.test/", out)

    assert said == "the host a.test could not be found on the public internet"


async def test_the_systems_resolver_is_asked_by_default(out: Path) -> None:
    async with upstream({}) as server, fetcher(allow_networks=()) as made:
        said = await reason(made, server.url(host="localhost"), out)

    assert said == "the host localhost could not be found on the public internet"
