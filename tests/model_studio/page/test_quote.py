"""What a node tells of its run beforehand is what the run will do."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_studio.catalog import ALL_MODELS, ASPECT_RATIOS, BEIJING, SINGAPORE, VIRGINIA
from model_studio.errors import InvalidRequest
from model_studio.page.quote import ABOUT, AT_LEAST, EXACT, quote
from model_studio.request import CUSTOM, plan

INPUTS: dict[str, Any] = {
    "model": "qwen-image-2.0",
    "aspect_ratio": "1:1",
    "width": 1024,
    "height": 1024,
    "n": 1,
    "prompt_extend": True,
    "region": "auto",
    "call_mode": "auto",
}


def in_beijing(region: str) -> str:
    return BEIJING if region == "auto" else region


def but(*names: str, **changes: Any) -> dict[str, Any]:
    """INPUTS with changes, without those of these names."""
    return {name: value for name, value in (INPUTS | changes).items() if name not in names}


@given(
    model=st.sampled_from([model.name for model in ALL_MODELS]),
    aspect_ratio=st.sampled_from([*ASPECT_RATIOS, CUSTOM]),
    width=st.integers(128, 5000),
    height=st.integers(128, 5000),
    n=st.integers(1, 7),
    prompt_extend=st.booleans(),
    region=st.sampled_from([BEIJING, SINGAPORE, VIRGINIA]),
    call_mode=st.sampled_from(["auto", "sync", "async"]),
)
def test_tells_what_the_request_will_come_to(**inputs: Any) -> None:
    told = quote(inputs, False, in_beijing)
    rest = {"prompt": "boats", "seed": 1, "negative_prompt": "", "watermark": False}
    try:
        request = plan(**rest, **inputs)
    except InvalidRequest as error:
        assert str(told.problem) == str(error)
        assert told.cost is None
        return
    assert told.problem is None
    assert told.size == str(request.size)
    assert told.notes == request.notes
    if request.price is None:
        assert told.cost is None
    else:
        amount, currency = request.price
        assert told.cost is not None
        assert (told.cost["amount"], told.cost["currency"]) == (pytest.approx(amount * inputs["n"]), currency)


def test_price_is_exact_where_the_list_says_it_and_about_where_reports_do() -> None:
    assert quote(but(), False, in_beijing).cost == {"amount": 0.2, "currency": "CNY", "precision": EXACT}
    assert quote(but(model="qwen-image-3.0"), False, in_beijing).cost == {
        "amount": 0.2,
        "currency": "CNY",
        "precision": ABOUT,
    }


@pytest.mark.parametrize(
    "left_out, model, amount",
    [
        (["n"], "qwen-image-2.0-pro", 0.5),
        (["prompt_extend"], "z-image-turbo", 0.1),
        (["width"], "qwen-image-3.0-pro", 0.25),
        (["aspect_ratio"], "qwen-image-3.0-pro", 0.25),
    ],
)
def test_linked_inputs_make_it_the_least_it_can_be(left_out: list[str], model: str, amount: float) -> None:
    told = quote(but(*left_out, model=model, aspect_ratio=CUSTOM), True, in_beijing)
    assert told.cost == {"amount": amount, "currency": "CNY", "precision": AT_LEAST}


def test_nothing_is_said_of_a_price_whose_region_or_model_is_linked() -> None:
    told = quote(but("region", model="qwen-image-3.0-pro"), True, in_beijing)
    assert (told.cost, told.problem, told.seconds) == (None, None, 40)
    told = quote(but("model", n=12), True, in_beijing)
    assert (told.cost, told.problem, told.seconds) == (None, None, None)
    assert all(told.applies.values())


def test_region_decides_the_currency() -> None:
    cost = quote(but(region=SINGAPORE, n=2), False, in_beijing).cost
    assert cost == {"amount": 0.07, "currency": "USD", "precision": EXACT}


def test_only_what_the_model_reads_applies() -> None:
    everything = dict.fromkeys(("width", "height", "n", "negative_prompt", "prompt_extend", "watermark"), True)
    assert quote(but(aspect_ratio=CUSTOM), False, in_beijing).applies == everything
    assert quote(but(), False, in_beijing).applies == everything | {"width": False, "height": False}
    assert quote(but(model="z-image-turbo"), False, in_beijing).applies == dict.fromkeys(everything, False) | {
        "prompt_extend": True
    }
    assert quote(but("aspect_ratio"), True, in_beijing).applies == everything


def test_tells_how_long_and_how_many() -> None:
    told = quote(but(model="qwen-image-max", n=3), False, in_beijing)
    assert (told.seconds, told.max_n) == (16.5, 1)
    assert "Set n to 1." in str(told.problem)


@pytest.mark.parametrize("inputs", [but("model"), but(model="x"), but(n="3"), but(width=None), but(model=7)])
def test_refuses_what_no_node_holds(inputs: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest):
        quote(inputs, False, in_beijing)
