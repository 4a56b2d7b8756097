from __future__ import annotations

import json
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from model_studio import catalog
from model_studio.account import settings
from model_studio.account.settings import DAILY_BUDGET, PACE, REUSE, STORE_DAYS, STORE_LIMIT
from model_studio.catalog import ALL_MODELS, BEIJING, SINGAPORE
from model_studio.catalog.model import RateLimit
from model_studio.errors import ConfigurationError

READERS: dict[str, Callable[[Any], Any]] = {
    REUSE: settings.reuse,
    STORE_LIMIT: settings.store_limit,
    STORE_DAYS: settings.store_days,
    DAILY_BUDGET: settings.daily_budget,
    PACE: settings.pace,
}


def refusal(name: str, value: str) -> str:
    """The error for a value, which names the variable and holds an example that works."""
    with pytest.raises(ConfigurationError) as caught:
        READERS[name]({name: value})
    text = str(caught.value)
    assert text.startswith(f"{name} is ")
    found = re.search(rf"for instance {name}=(.*), or unset it", caught.value.advice)
    assert found
    READERS[name]({name: found[1]})
    return text


@pytest.mark.parametrize(
    ("name", "default"),
    [(REUSE, True), (STORE_LIMIT, 4294967296), (STORE_DAYS, 90), (DAILY_BUDGET, {}), (PACE, settings.Pace())],
)
def test_defaults(name: str, default: Any) -> None:
    assert READERS[name]({}) == default
    assert READERS[name]({name: " \t"}) == default


@pytest.mark.parametrize("name", READERS)
def test_long_values_are_cut(name: str) -> None:
    text = refusal(name, "x" * 100_000)
    assert "x" * 80 + "…" in text
    assert "x" * 81 not in text
    assert len(text) < 500


@pytest.mark.parametrize(("value", "on"), [("on", True), (" On\n", True), ("off", False), ("OFF ", False)])
def test_reuse(value: str, on: bool) -> None:
    assert settings.reuse({REUSE: value}) is on


@pytest.mark.parametrize("value", ["0", "false", "no", "of", "on off"])
def test_reuse_is_on_or_off(value: str) -> None:
    assert repr(value) in refusal(REUSE, value)


@pytest.mark.parametrize(
    ("value", "size"),
    [
        ("0", 0),
        ("0 GB", 0),
        ("1234", 1234),
        ("500MB", 500_000_000),
        ("500 mb", 500_000_000),
        ("2 KB", 2000),
        ("1TB", 10**12),
        ("2KiB", 2048),
        (" 4 GiB ", 4 * 2**30),
        ("1.5 gib", 3 * 2**29),
        ("0.1 TiB", 109951162777),
        ("3K", 3072),
        ("3 M", 3 * 2**20),
        ("3g", 3 * 2**30),
        ("3T", 3 * 2**40),
    ],
)
def test_store_limit(value: str, size: int) -> None:
    assert settings.store_limit({STORE_LIMIT: value}) == size


@pytest.mark.parametrize(
    "value",
    [
        "1.5",
        "-1",
        "+1",
        "4 G B",
        "4 GiB.",
        "GiB",
        "4 Gb it",
        "1,5 GiB",
        "1e9",
        "nan",
        "inf",
        "٤ GiB",
        "4 \u212aB",
        "4 PB",
    ],
)
def test_what_is_not_a_size(value: str) -> None:
    assert "not a size" in refusal(STORE_LIMIT, value)


UNITS = {"": 1, "K": 2**10, "KB": 10**3, "MiB": 2**20, "GB": 10**9, "GiB": 2**30, "TB": 10**12}


@given(st.integers(0, 10**12), st.sampled_from(sorted(UNITS)), st.sampled_from(["", " ", "  "]))
def test_sizes_multiply(number: int, unit: str, blank: str) -> None:
    assert settings.store_limit({STORE_LIMIT: f"{number}{blank}{unit}"}) == number * UNITS[unit]


@pytest.mark.parametrize(("value", "days"), [("0", None), ("0.0", None), ("30", 30), (" 0.5 ", 0.5)])
def test_store_days(value: str, days: float | None) -> None:
    assert settings.store_days({STORE_DAYS: value}) == days


@pytest.mark.parametrize("value", ["-1", "90 days", "nan", "inf", "1e3", "٩", "forever", "1_000"])
def test_what_is_not_a_number_of_days(value: str) -> None:
    assert "not a number of days" in refusal(STORE_DAYS, value)


@pytest.mark.parametrize(
    ("value", "budget"),
    [
        ("CNY 20", {"CNY": "20"}),
        ("CNY 20, USD 3", {"CNY": "20", "USD": "3"}),
        ("20 CNY", {"CNY": "20"}),
        ("usd3.50；20cny", {"USD": "3.50", "CNY": "20"}),
        ("Usd 0，cny 0.05", {"USD": "0", "CNY": "0.05"}),
        ("USD 3;", {"USD": "3"}),
    ],
)
def test_daily_budget(value: str, budget: dict[str, str]) -> None:
    assert settings.daily_budget({DAILY_BUDGET: value}) == {name: Decimal(amount) for name, amount in budget.items()}


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("20", "'20' is not an amount"),
        ("CNY", "'CNY' is not an amount"),
        ("CNY -1", "'CNY -1' is not an amount"),
        ("CNY NaN", "not an amount"),
        ("CNY Infinity", "not an amount"),
        ("CNY 1e3", "not an amount"),
        ("EUR 5", "'EUR 5' is not an amount"),
        ("CNY 20 USD", "not an amount"),
        ("CNY 20 USD 3", "not an amount"),
        ("CNY 1,000", "'000' is not an amount"),
        ("CNY 20, USD 3, cny 5", "names CNY twice"),
        ("CNY ２０", "not an amount"),
        (",;", "contains no amount"),
    ],
)
def test_budgets_in_doubt_are_refused(value: str, reason: str) -> None:
    assert reason in refusal(DAILY_BUDGET, value)


@given(st.decimals(0, 10**9, places=2), st.decimals(0, 10**9, places=2), st.sampled_from(",;，；"), st.booleans())
def test_budgets_come_back_to_the_cent(cny: Decimal, usd: Decimal, between: str, swapped: bool) -> None:
    parts = [f"{cny:f} CNY" if swapped else f"CNY {cny:f}", f"USD {usd:f}"]
    budget = settings.daily_budget({DAILY_BUDGET: between.join(reversed(parts) if swapped else parts)})
    assert budget == {"CNY": cny, "USD": usd}


OWN = '{"qwen-image-2.0-pro": {"submits": 10, "seconds": 60}}'
PRO = catalog.find("qwen-image-2.0-pro")
WAN = catalog.find("wan2.6-t2i")
assert PRO and WAN


@pytest.mark.parametrize("value", ["published", " Published ", "{}"])
def test_published_pace(value: str) -> None:
    pace = settings.pace({PACE: value})
    assert pace.limits_queries
    for model in ALL_MODELS:
        assert pace.limit(model, SINGAPORE) == model.rate_limit
        assert not pace.is_own(model)
    assert pace.limit(WAN, BEIJING) == WAN.rate_limits[BEIJING] != WAN.rate_limit


def test_no_pace() -> None:
    pace = settings.pace({PACE: "OFF"})
    assert not pace.limits_queries
    assert {pace.limit(model, BEIJING) for model in ALL_MODELS} == {None}


def test_own_pace_counts_for_its_model_in_every_region() -> None:
    pace = settings.pace({PACE: OWN})
    assert pace.limits_queries
    assert pace.is_own(PRO) and not pace.is_own(WAN)
    for region in (BEIJING, SINGAPORE):
        assert pace.limit(PRO, region) == RateLimit(10, 60, None)
        assert pace.limit(WAN, region) == settings.Pace().limit(WAN, region)


@pytest.mark.parametrize(("told", "concurrent"), [({}, 5), ({"concurrent": None}, None), ({"concurrent": 9}, 9)])
def test_own_places(told: dict[str, int | None], concurrent: int | None) -> None:
    """What the user leaves out is as published."""
    entry = {"submits": 1, "seconds": 0.25, **told}
    assert settings.pace({PACE: json.dumps({WAN.name: entry})}).limit(WAN, BEIJING) == RateLimit(1, 0.25, concurrent)


def test_a_model_may_be_called_as_in_a_region() -> None:
    model = next(model for model in ALL_MODELS if set(model.ids.values()) - {model.name})
    (other,) = set(model.ids.values()) - {model.name}
    entry = {"submits": 3, "seconds": 7}
    assert settings.pace({PACE: json.dumps({other: entry})}).is_own(model)
    assert f"names {model.name} twice" in refusal(PACE, json.dumps({other: entry, model.name: entry}))


def test_an_unknown_model_is_named_with_those_near_it() -> None:
    text = refusal(PACE, '{"qwen-image-2-pro": {"submits": 10, "seconds": 60}}')
    assert re.search(r"'qwen-image-2-pro' is not a known model \(similar: [^)]*qwen-image-2\.0-pro", text)
    assert "similar" not in refusal(PACE, '{"~": {"submits": 10, "seconds": 60}}')


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ("2", "has to be an object"),
        ("[]", "has to be an object"),
        ('{"submits": 1}', "has to be an object"),
        ('{"seconds": 1}', "has to be an object"),
        ('{"submits": 1, "seconds": 1, "concurent": 1}', "has to be an object"),
        *(
            (f'{{"submits": {wrong}, "seconds": 1}}', "as submits")
            for wrong in ("0", "-1", "1.0", '"1"', "true", "null")
        ),
        *(
            (f'{{"submits": 1, "seconds": {wrong}}}', "as seconds")
            for wrong in ("0", "-1", "NaN", "Infinity", '"1"', "true", "null", "86401", "1" + "0" * 400)
        ),
        *(
            (f'{{"submits": 1, "seconds": 1, "concurrent": {wrong}}}', "as concurrent")
            for wrong in ("0", "-1", "1.5", '"1"', "true", "false")
        ),
    ],
)
def test_senseless_limits(entry: str, reason: str) -> None:
    text = refusal(PACE, f'{{"{PRO.name}": {entry}}}')
    assert f"where {PRO.name} " in text
    assert reason in text


@pytest.mark.parametrize("value", ["on", "10/60", "[]", "null", '"off"', "{", "[" * 100_000, OWN + ","], ids=repr)
def test_what_is_no_pace(value: str) -> None:
    assert "neither published nor off nor a JSON object" in refusal(PACE, value)


plausible = st.text(st.sampled_from("0123456789.+-eE,;，； CNYUSDcnyusdKMGTiBb\u212a٤"), max_size=14)
limits = st.fixed_dictionaries(
    {},
    optional={
        key: st.none() | st.booleans() | st.integers() | st.floats()
        for key in ("submits", "seconds", "concurrent", "x")
    },
)
paces = st.dictionaries(st.sampled_from([PRO.name, WAN.name, "x"]), limits, max_size=2).map(json.dumps)


@given(st.sampled_from(sorted(READERS)), st.text() | plausible | paces)
@example(PACE, '{"qwen-image-2.0-pro": {"submits": 1, "seconds": 1%s}}' % ("0" * 5000))
@example(STORE_LIMIT, "9" * 5000)
@example(STORE_LIMIT, "9" * 18 + "." + "9" * 9 + " TiB")
@example(STORE_DAYS, "9" * 18)
def test_whatever_text_comes_there_is_a_value_or_an_explanation(name: str, value: str) -> None:
    try:
        result = READERS[name]({name: value})
    except ConfigurationError as error:
        assert name in str(error)
        return
    if name == STORE_LIMIT:
        assert type(result) is int and result >= 0
    elif name == STORE_DAYS:
        assert result is None or result > 0
    elif name == DAILY_BUDGET:
        assert all(amount.is_finite() and amount >= 0 for amount in result.values())
        assert result.keys() <= {"CNY", "USD"}
    elif name == PACE:
        for limit in result.own.values():
            assert limit.submits >= 1
            assert 0 < limit.per_seconds <= settings.LONGEST_PERIOD
            assert limit.concurrent is None or limit.concurrent >= 1
