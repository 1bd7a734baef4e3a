"""Settings of remote engines: which are one account, and what is refused by its name."""

from __future__ import annotations

import re

import pytest

from support.emulator_process import KEY
from support.engine_benches import Bench, engine, every
from support.requests import WAN27
from unstill.domain.errors import BadSetting
from unstill.emulators import KINDS
from unstill.net.fetcher import Fetcher
from unstill.settings.engines import HOSTED_KINDS
from unstill.upstreams.rate_limits import Accounts


@every
async def test_engines_with_equal_host_and_key_are_one_account(
    bench: Bench, fetcher: Fetcher
) -> None:
    accounts = Accounts()
    one = engine(bench.kind, bench.emulator.url, fetcher, accounts=accounts)
    other = engine(bench.kind, bench.emulator.url, fetcher, accounts=accounts, name="other")
    foreign = engine(bench.kind, bench.emulator.url, fetcher, accounts=accounts, api_key="sk-b")
    for remote in (one, other, foreign):
        await remote.close()

    assert one.account == other.account
    assert one.account.id != foreign.account.id
    assert KEY not in one.account.id


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("field", "value"),
    [("base_url", "gpu1:30000/v1"), ("base_url", "http://u:p@h/v1"), ("api_key", "sk-a\nb")],
)
def test_a_setting_that_cannot_work_is_refused_by_its_name(
    kind: str, field: str, value: str, fetcher: Fetcher
) -> None:
    with pytest.raises(BadSetting, match=re.escape(f"engines.ours.{field}")) as caught:
        engine(kind, "http://h", fetcher, **{field: value})

    assert "sk-a" not in caught.value.message


@pytest.mark.parametrize("kind", HOSTED_KINDS)
def test_an_upstream_model_that_does_not_exist_is_refused_by_its_setting(
    kind: str, fetcher: Fetcher
) -> None:
    with pytest.raises(BadSetting, match=re.escape(f'engines.ours.models."{WAN27}"')):
        engine(kind, "http://h", fetcher, models={WAN27: "wan99"})
