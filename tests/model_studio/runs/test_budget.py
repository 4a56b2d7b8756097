"""A run is refused exactly when it would exceed its currency's budget of the day."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from model_studio.catalog import find
from model_studio.catalog.model import Price
from model_studio.errors import BudgetReached
from model_studio.request import ImageRequest
from model_studio.runs.budget import guard
from tests.model_studio.asking import ask

WAN = "wan2.2-t2i-flash"  # CNY 0.14 a picture


def asked(prices: Mapping[str, tuple[float, str]], n: int = 1) -> ImageRequest:
    """For n pictures of a model with these prices by region, in Beijing."""
    request = ask(WAN)
    return replace(request, n=n, model=replace(request.model, prices=(Price(prices),)))


def is_refused(budget: Decimal, request: ImageRequest, spent: Mapping[str, float]) -> bool:
    allowed = guard({"CNY": budget}, request)
    assert allowed is not None
    try:
        allowed(spent)
    except BudgetReached:
        return True
    return False


mills = st.integers(0, 10**7)


@given(budget=mills, price=st.integers(0, 5000), n=st.integers(1, 6), spent=mills, beyond=st.integers(-1, 1))
@example(budget=300, price=100, n=1, spent=200, beyond=0)  # as floats, 0.1 + 0.2 is more than 0.3
def test_refused_exactly_when_the_sum_would_pass(budget: int, price: int, n: int, spent: int, beyond: int) -> None:
    request = asked({"cn-beijing": (price / 1000, "CNY")}, n)
    sums = {"CNY": spent / 1000, "USD": 1e9}
    assert is_refused(Decimal(budget) / 1000, request, sums) == (spent + price * n > budget)
    edge = spent + price * n + beyond  # whatever hypothesis finds, the edge is met
    assert edge < 0 or is_refused(Decimal(edge) / 1000, request, sums) == (beyond < 0)


def test_before_anything_was_spent() -> None:
    assert not is_refused(Decimal("0.28"), ask(WAN, n=2), {})
    assert is_refused(Decimal("0.27"), ask(WAN, n=2), {})
    assert is_refused(Decimal(0), ask(WAN), {})


def test_the_refusal_says_what_was_spent_what_it_costs_and_what_is_allowed() -> None:
    allowed = guard({"CNY": Decimal("20"), "USD": Decimal("3")}, ask(WAN, n=4))
    assert allowed is not None
    with pytest.raises(BudgetReached) as caught:
        allowed({"CNY": 19.5, "USD": 2.875})
    text = str(caught.value)
    assert "costs CNY 0.56 " in text and "the CNY 19.50 of today" in text and "budget of CNY 20.00." in text
    assert "Nothing was sent" in text and "MODEL_STUDIO_DAILY_BUDGET" in text and "USD" not in text


def test_small_sums_are_written_as_people_write_them() -> None:
    allowed = guard({"CNY": Decimal("1E-3")}, asked({"cn-beijing": (0.0002, "CNY")}))
    assert allowed is not None
    with pytest.raises(BudgetReached, match=r"CNY 0\.0002 .* CNY 0\.0055 of .* CNY 0\.001\."):
        allowed({"CNY": 0.0055})


def test_no_budget_no_guard() -> None:
    assert guard({}, ask(WAN)) is None
    assert guard({}, asked({})) is None


@pytest.mark.parametrize(
    ("budget", "region", "model", "says"),
    [
        ({"CNY": Decimal(0)}, "ap-southeast-1", "qwen-image-2.0", r"costs USD .* nothing in USD\..* CNY 0, USD 3,"),
        ({"USD": Decimal("1E+1")}, "cn-beijing", WAN, r"costs CNY 0\.14 .* nothing in CNY\..* USD 10, CNY 3,"),
    ],
)
def test_a_currency_that_the_budget_does_not_name_is_0(
    budget: Mapping[str, Decimal], region: str, model: str, says: str
) -> None:
    """A workflow's region decides the currency, and the workflow may be a stranger's."""
    with pytest.raises(BudgetReached, match=says) as caught:
        guard(budget, ask(model, region=region))
    assert "Nothing was sent" in str(caught.value)


def test_what_is_free_needs_no_budget_of_its_currency() -> None:
    assert guard({"USD": Decimal(0)}, asked({"cn-beijing": (0.0, "CNY")})) is None


def test_what_has_no_price_is_refused_before_anything_is_looked_up() -> None:
    model = find(WAN)
    assert model is not None
    with pytest.raises(BudgetReached) as caught:
        guard({"USD": Decimal(1000)}, asked({"us-east-1": (0.1, "USD")}))
    text = str(caught.value)
    assert model.name in text and "cn-beijing" in text and "Nothing was sent" in text


def test_free_pictures_fit_into_what_is_left() -> None:
    free: Any = asked({"cn-beijing": (0.0, "CNY")}, n=4)
    assert not is_refused(Decimal(5), free, {"CNY": 5})
    assert is_refused(Decimal(5), free, {"CNY": 5.000001})
