"""Money in the settings: what is taken, in which spellings, and what stops the start."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.settings_files import read_in, refused_in
from unstill.domain.errors import BadSetting
from unstill.domain.money import MILLION, BilledUnit, CostRate, UnitRate
from unstill.domain.tariff import Tariff
from unstill.product import Product

PRICES = '[models."wan2.7-i2v".prices]\n'
BAILIAN = '[engines.bailian]\nkind = "dashscope"\nbase_url = "http://127.0.0.1:9/api/v1"\n'
COSTS = f'{BAILIAN}[engines.bailian.costs."wan2.7-i2v"]\n'
CNY = '[money.rates]\nCNY = "0.125"\n'
MINE = '[models.mine]\nlike = "wan2.7-i2v"\n'
AMOUNT = 'must be an amount from 0 to 999999999, with at most six decimals, such as "0.09", got'


def tariff_in(folder: Path, toml: str) -> Tariff:
    return read_in(folder, toml).tariff()


def a_second(millionths: int) -> UnitRate:
    return UnitRate(BilledUnit.SECOND, millionths)


def a_video(millionths: int) -> UnitRate:
    return UnitRate(BilledUnit.VIDEO, millionths)


# --- amounts -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "millionths"),
    [
        ('"0.09"', 90_000),
        ("0.09", 90_000),
        ("1", MILLION),
        ("1.0", MILLION),
        ("1_000", 1000 * MILLION),
        ("1e3", 1000 * MILLION),
        ("1e-6", 1),
        ("0.00001", 10),  # which Python would write as 1e-05
        ('"0.000001"', 1),
        ("0", 0),
        ("0.0", 0),
        ('"0"', 0),
        ("0.1", 100_000),
        ("2.675", 2_675_000),
        ('"999999.999999"', 999_999_999_999),
        ("1000000", 10**12),
    ],
)
@pytest.mark.parametrize("unit", BilledUnit)
def test_an_amount_is_taken_exactly_as_text_or_number(
    tmp_path: Path, unit: BilledUnit, written: str, millionths: int
) -> None:
    toml = f'{PRICES}"720P" = {{ per_{unit} = {written} }}'

    assert tariff_in(tmp_path, toml).price("wan2.7-i2v", "720P") == UnitRate(unit, millionths)


@pytest.mark.parametrize(
    "written",
    [
        "-1",
        "-0.09",
        '"-0.09"',
        "1e-7",
        "0.0000001",
        '"0.0000001"',
        '"0.0900000"',
        "0.30000000000000004",
        "1000000000",
        "1e9",
        '"1000000000"',
        "inf",
        "-inf",
        "nan",
        '"nan"',
        "true",
        "false",
        '""',
        '" "',
        '"1e-3"',
        '"0,09"',
        '"0.09 EUR"',
        '".5"',
        '"+1"',
        "[1]",
        "{}",
        "2026-11-20",
    ],
)
def test_what_is_no_amount_or_not_exactly_one_stops_the_start(tmp_path: Path, written: str) -> None:
    for toml, setting in (
        (f'{PRICES}"720P" = {{ per_second = {written} }}', 'models."wan2.7-i2v".prices."720P".'),
        (f"{COSTS}per_second = {written}", 'engines.bailian.costs."wan2.7-i2v".'),
    ):
        said = refused_in(tmp_path, toml)

        assert said.startswith(f"{setting}per_second: {AMOUNT} ")
        assert "\n" not in said
    assert refused_in(tmp_path, f"[money.rates]\nCNY = {written}").startswith(
        f"money.rates.CNY: {AMOUNT} "
    )


@pytest.mark.parametrize(
    ("rate", "said"),
    [
        ("{}", ": must have per_second or per_video"),
        ("{ per_second = 1, per_video = 1 }", ": has per_second and per_video: one of them"),
        ("{ perSecond = 1 }", '.perSecond: is not a setting of unstill, did you mean models."wan'),
        ("{ per_minute = 1 }", ".per_minute: is not a setting of unstill"),
        ("{ per_second = 1, per_frame = 1 }", ".per_frame: is not a setting of unstill"),
        ("0.09", ": must be a table, got 0.09"),
        ('"0.09"', ": must be a table, got '0.09'"),
    ],
)
def test_a_rate_has_one_of_the_two_units(tmp_path: Path, rate: str, said: str) -> None:
    message = refused_in(tmp_path, f'{PRICES}"720P" = {rate}')

    assert message.startswith(f'models."wan2.7-i2v".prices."720P"{said}')


def test_what_would_pass_all_sums_is_refused(tmp_path: Path) -> None:
    assert "must be at most 1000000 in the house currency a video, got 1000000.000001" in (
        refused_in(tmp_path, f'{PRICES}"720P" = {{ per_video = "1000000.000001" }}')
    )
    yuan = f'{BAILIAN}currency = "CNY"\n[engines.bailian.costs."wan2.7-i2v"]\n'
    assert tariff_in(tmp_path, f"[money.rates]\nCNY = 2\n{yuan}per_video = 500_000").costs
    assert "must be at most 1000000 in EUR a video, got 1000002" in (
        refused_in(tmp_path, f"[money.rates]\nCNY = 2\n{yuan}per_video = 500_001")
    )


# --- currencies ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("toml", "currency"),
    [
        ("", ""),
        ("[money]", "EUR"),
        ('[money]\ncurrency = "USD"', "USD"),
        (CNY, "EUR"),
        (f'{PRICES}"720P" = {{ per_second = 1 }}', "EUR"),
        (f"{COSTS}per_second = 1", "EUR"),
        # Nothing of it is charged.
        (BAILIAN, ""),
        (f"{BAILIAN}[engines.bailian.costs]", ""),
        (PRICES, ""),
        (f'{BAILIAN}currency = "EUR"', ""),
    ],
)
def test_money_is_counted_once_anything_is_written_of_it(
    tmp_path: Path, toml: str, currency: str
) -> None:
    tariff = tariff_in(tmp_path, toml)

    assert tariff.currency == currency
    assert tariff.is_empty is (not currency)


@pytest.mark.parametrize("written", ['"eur"', '"Eur"', '"EURO"', '"E"', '""', '"€"', "1", "[]"])
def test_a_currency_is_three_capital_letters(tmp_path: Path, written: str) -> None:
    said = "must be three capital letters, such as EUR, got "

    assert f"money.currency: {said}" in refused_in(tmp_path, f"[money]\ncurrency = {written}")
    assert f"engines.bailian.currency: {said}" in refused_in(
        tmp_path, f"{BAILIAN}currency = {written}"
    )


@pytest.mark.parametrize("name", ["cny", "Cny", "CN", "CNYX", '"CNY "', '"¥"'])
def test_a_rate_is_of_three_capital_letters(tmp_path: Path, name: str) -> None:
    said = refused_in(tmp_path, f'[money.rates]\n{name} = "0.125"')

    assert "must be named in three capital letters, such as CNY, got" in said


def test_a_cost_is_in_its_engines_currency_else_in_the_houses(tmp_path: Path) -> None:
    yuan = COSTS.replace("kind", 'currency = "CNY"\nkind')

    own = tariff_in(tmp_path, f'{CNY}{yuan}per_second = "0.6"')
    of_house = tariff_in(tmp_path, f'[money]\ncurrency = "USD"\n{COSTS}per_second = "0.6"')

    cost = own.cost("bailian", "wan2.7-i2v", "720P")
    assert cost == CostRate(a_second(600_000), "CNY", worth=125_000)
    cost = of_house.cost("bailian", "wan2.7-i2v", "720P")
    assert cost == CostRate(a_second(600_000), "USD", worth=MILLION)


@pytest.mark.parametrize("costs", ["", '[engines.bailian.costs."wan2.7-i2v"]\nper_second = 1'])
def test_a_currency_without_a_rate_stops_the_start(tmp_path: Path, costs: str) -> None:
    said = refused_in(tmp_path, f'{BAILIAN}currency = "CNY"\n{costs}\n[money.rates]\nUSD = 1')

    assert said == (
        "engines.bailian.currency: CNY has no rate; write what one CNY is worth in EUR: "
        '[money.rates] CNY = "..."'
    )


def test_a_rate_that_nothing_uses_is_taken_and_one_of_nothing_is_not(tmp_path: Path) -> None:
    assert tariff_in(tmp_path, CNY).currency == "EUR"
    assert tariff_in(tmp_path, '[money.rates]\nCNY = "0.000001"').currency == "EUR"
    assert "money.rates.CNY: must be more than 0" in refused_in(tmp_path, "[money.rates]\nCNY = 0")


def test_the_house_currency_is_worth_one_of_itself(tmp_path: Path) -> None:
    for written in ("1", '"1.00"'):
        assert tariff_in(tmp_path, f"[money.rates]\nEUR = {written}").currency == "EUR"
    for money in ("[money.rates]\nEUR = 2", '[money]\ncurrency = "USD"\nrates = { USD = "0.9" }'):
        assert "is of the house currency, of which one is worth 1" in refused_in(tmp_path, money)


# --- prices --------------------------------------------------------------------------------------


def test_a_price_holds_for_its_model_by_all_names_and_for_own_names_without_any(
    tmp_path: Path,
) -> None:
    other = '[models.other]\nlike = "wan2.7-i2v"\nprices = { "720P" = { per_video = 2 } }\n'
    toml = f'{PRICES}"720p" = {{ per_second = "0.09" }}\n{MINE}{other}'

    tariff = tariff_in(tmp_path, toml)

    names = ("wan2.7-i2v", "wan2.7-i2v-2026-04-25", "mine")
    assert [tariff.price(name, "720P") for name in names] == [a_second(90_000)] * 3
    assert tariff.price("other", "720P") == a_video(2 * MILLION)
    assert tariff.price("mine", "1080P") is None
    assert tariff.price("happyhorse-1.0-i2v", "720P") is None


def test_an_alias_is_its_model_also_where_it_has_the_prices(tmp_path: Path) -> None:
    alias = '[models."wan2.7-i2v-2026-04-25".prices]\n"720P" = { per_second = 1 }\n'

    assert tariff_in(tmp_path, alias).price("wan2.7-i2v", "720P") == a_second(MILLION)
    assert "which has prices already" in refused_in(
        tmp_path, f'{alias}{PRICES}"720P" = {{ per_second = 1 }}'
    )


@pytest.mark.parametrize("tier", ['"480P"', '"4K"', '"720"', "720", '""', '"1280x720"'])
def test_a_price_is_of_one_of_the_models_tiers(tmp_path: Path, tier: str) -> None:
    said = refused_in(tmp_path, f"{PRICES}{tier} = {{ per_second = 1 }}")

    assert "must be for 720P or 1080P, got" in said


def test_a_tier_has_one_price(tmp_path: Path) -> None:
    both = f'{PRICES}"720P" = {{ per_second = 1 }}\n"720p" = {{ per_second = 1 }}'

    assert 'prices."720p": is 720P, which is there already' in refused_in(tmp_path, both)


# --- costs ---------------------------------------------------------------------------------------


def test_a_cost_holds_for_all_tiers_but_those_with_one_of_their_own(tmp_path: Path) -> None:
    tiers = 'tiers = { "1080p" = { per_second = "0.2" } }'

    tariff = tariff_in(tmp_path, f'{COSTS}per_second = "0.1"\n{tiers}')

    found = [tariff.cost("bailian", "wan2.7-i2v", tier) for tier in ("720P", "1080P")]
    assert [each and each.rate for each in found] == [a_second(100_000), a_second(200_000)]


@pytest.mark.parametrize(
    ("costs", "said"),
    [
        ("", '"wan2.7-i2v": must have per_second or per_video'),
        ("tiers = {}", '"wan2.7-i2v": must have per_second or per_video'),
        ("per_second = 1\nper_video = 1", "has per_second and per_video"),
        ("perSecond = 1", 'did you mean engines.bailian.costs."wan2.7-i2v".per_second?'),
        ("per_second = 1\ntiers = { 720P = {} }", '.tiers."720P": must have per_second or'),
        ("per_second = 1\ntiers = { 8K = { per_second = 1 } }", '.tiers."8K": must be for 480P or'),
        (
            "per_second = 1\ntiers = { 720P = { per_video = 1 }, 720p = { per_video = 1 } }",
            '.tiers."720p": is 720P, which is there already',
        ),
    ],
)
def test_a_cost_that_is_not_one_stops_the_start(tmp_path: Path, costs: str, said: str) -> None:
    assert said in refused_in(tmp_path, f"{COSTS}{costs}")


def test_an_engine_of_this_machine_costs_by_unstills_own_names(tmp_path: Path) -> None:
    camera = '[engines.camera]\nkind = "camera"\n'

    cost = '[engines.camera.costs."wan2.7-i2v-2026-04-25"]\nper_second = "0.001"\n'
    tariff = tariff_in(tmp_path, f"{camera}{cost}")

    found = tariff.cost("camera", "wan2.7-i2v", "720P")
    assert found is not None
    assert found.rate == a_second(1000)
    twice = f'{camera}{cost}[engines.camera.costs."wan2.7-i2v"]\nper_second = 1'
    assert "is wan2.7-i2v, which is there already" in refused_in(tmp_path, twice)
    wrong = f'{camera}[engines.camera.costs."wan2.7-i2w"]\nper_second = 1'
    assert "did you mean wan2.7-i2v?" in refused_in(tmp_path, wrong)


def test_a_model_with_dots_is_put_in_quotes(tmp_path: Path) -> None:
    for toml, said in (
        (
            f"{BAILIAN}[engines.bailian.costs.wan2.7-i2v]\nper_second = 1",
            'engines.bailian.costs.wan2.7-i2v: put the name in quotes: [engines.bailian.costs."wan',
        ),
        (
            "[models.wan2.7-i2v.prices]\n720P = { per_second = 1 }",
            'models.wan2.7-i2v.prices: put the name in quotes: [models."wan2.7-i2v".prices]',
        ),
        (
            '[engines.bailian.costs."wan2.7-i2v"]\nper_second = 1',
            "engines.bailian.kind: must be camera or",
        ),
        (
            '[models."wan2.7-i2v".price]\n720P = { per_second = 1 }',
            'models."wan2.7-i2v".price: is not a setting of unstill, did you mean models."wan2.7-',
        ),
    ):
        assert refused_in(tmp_path, toml).startswith(said)


# --- against the engines -------------------------------------------------------------------------


def started(folder: Path, toml: str) -> None:
    """As a start does it."""
    Product(read_in(folder, f'[server]\ndata_dir = "{folder}/data"\n{toml}'))


@pytest.mark.parametrize(
    "costs",
    [
        '"wan2.7-i2v"]\nper_second = 1',
        '"wan2.2-i2v-flash"]\nper_second = 1',
        # Asked for with a last frame only.
        '"wan2.2-kf2v-flash"]\nper_second = 1',
        '"wan2.7-i2v"]\nper_second = 1\ntiers = { 720P = { per_second = 2 } }',
        '"wan2.7-i2v".tiers]\n720P = { per_second = 1 }\n1080P = { per_second = 2 }',
    ],
)
def test_a_cost_of_what_its_engine_asks_for_is_taken(tmp_path: Path, costs: str) -> None:
    started(tmp_path, f"{BAILIAN}[engines.bailian.costs.{costs}")


@pytest.mark.parametrize(
    ("costs", "said"),
    [
        ('"wan2.7-i2w"]\nper_second = 1', "never asks for it, but for happyhorse-1.0-i2v, "),
        ('"wan2.7-i2w"]\nper_second = 1', "did you mean wan2.7-i2v?"),
        (
            '"wan2.7-i2v"]\nper_second = 1\ntiers = { 480P = { per_second = 2 } }',
            '.tiers."480P": bailian never asks for it, but for 720P or 1080P',
        ),
        (
            '"wan2.7-i2v".tiers]\n720P = { per_second = 1 }',
            "must have per_second or per_video, for tiers without one of their own: 1080P",
        ),
    ],
)
def test_a_cost_of_what_its_engine_never_asks_for_stops_the_start(
    tmp_path: Path, costs: str, said: str
) -> None:
    with pytest.raises(BadSetting) as caught:
        started(tmp_path, f"{BAILIAN}[engines.bailian.costs.{costs}")

    assert said in caught.value.message
