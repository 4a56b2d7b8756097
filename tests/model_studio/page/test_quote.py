"""What a node tells of its run beforehand is what the run will do."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_studio.account.settings import daily_budget
from model_studio.catalog import ALL_MODELS, ASPECT_RATIOS, BEIJING, SINGAPORE, VIRGINIA
from model_studio.errors import BudgetReached, InvalidRequest, KeyMissing
from model_studio.page.quote import ABOUT, AT_LEAST, AT_MOST, EXACT, quote, quote_of_fetching, quote_of_set
from model_studio.request import ImageRequest, plan
from model_studio.request.checks import CUSTOM
from model_studio.runs.budget import Priced, guard
from model_studio.words import Text

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


class Account:
    """One of Beijing, which may lack a key, or money."""

    def __init__(self, *, key: bool = True, budget: str = "") -> None:
        self.has_key, self.budget = key, budget
        self.whole: list[ImageRequest | None] = []

    def region(self, region: str) -> str:
        return BEIJING if region == "auto" else region

    def need_key(self, region: str) -> None:
        if not self.has_key:
            raise KeyMissing(Text("There is no API key for region {region}.", region=region))

    def check_budget(self, priced: Priced, whole: ImageRequest | None) -> None:
        self.whole.append(whole)
        if allowed := guard(parse_budget(self.budget), priced):
            allowed({})

    def check_task_ids(self, text: str) -> None:
        if not text:
            raise InvalidRequest(Text("There is not a task id."))


def parse_budget(text: str) -> dict[str, Decimal]:
    return daily_budget({"MODEL_STUDIO_DAILY_BUDGET": text})


IN_BEIJING = Account()


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
    told = quote(inputs, False, IN_BEIJING)
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
    assert quote(but(), False, IN_BEIJING).cost == {"amount": 0.2, "currency": "CNY", "precision": EXACT}
    assert quote(but(model="qwen-image-3.0"), False, IN_BEIJING).cost == {
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
    told = quote(but(*left_out, model=model, aspect_ratio=CUSTOM), True, IN_BEIJING)
    assert told.cost == {"amount": amount, "currency": "CNY", "precision": AT_LEAST}


def test_nothing_is_said_of_a_price_whose_region_or_model_is_linked() -> None:
    told = quote(but("region", model="qwen-image-3.0-pro"), True, IN_BEIJING)
    assert (told.cost, told.problem, told.seconds) == (None, None, 40)
    told = quote(but("model", n=12), True, IN_BEIJING)
    assert (told.cost, told.problem, told.seconds) == (None, None, None)
    assert all(told.applies.values())


def test_region_decides_the_currency() -> None:
    cost = quote(but(region=SINGAPORE, n=2), False, IN_BEIJING).cost
    assert cost == {"amount": 0.07, "currency": "USD", "precision": EXACT}


def test_only_what_the_model_reads_applies() -> None:
    everything = dict.fromkeys(("width", "height", "n", "negative_prompt", "prompt_extend", "watermark"), True)
    everything |= dict.fromkeys(("resolution", "prompt_extend_mode", "thinking", "color_palette"), False)
    assert quote(but(aspect_ratio=CUSTOM), False, IN_BEIJING).applies == everything
    assert quote(but(), False, IN_BEIJING).applies == everything | {"width": False, "height": False}
    assert quote(but(model="z-image-turbo"), False, IN_BEIJING).applies == dict.fromkeys(everything, False) | {
        "prompt_extend": True
    }
    assert quote(but("aspect_ratio"), True, IN_BEIJING).applies == everything


def test_tells_how_long_and_how_many() -> None:
    told = quote(but(model="qwen-image-max", n=3), False, IN_BEIJING)
    assert (told.seconds, told.max_n) == (16.5, 1)
    assert "Set n to 1." in str(told.problem)


@pytest.mark.parametrize("inputs", [but("model"), but(model="x"), but(n="3"), but(width=None), but(model=7)])
def test_refuses_what_no_node_holds(inputs: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest):
        quote(inputs, False, IN_BEIJING)


REST: dict[str, Any] = {"prompt": "boats", "seed": 1, "negative_prompt": "", "watermark": False}


@pytest.mark.parametrize(
    ("account", "changes", "kind"),
    [
        (Account(), {"prompt": " \n"}, InvalidRequest),
        (Account(), {"seed": -1}, InvalidRequest),
        (Account(key=False), {}, KeyMissing),
        (Account(budget="CNY 0.1"), {}, BudgetReached),
        (Account(budget="USD 5"), {}, BudgetReached),
    ],
    ids=["empty prompt", "seed", "no key", "budget", "budget in another currency"],
)
def test_what_will_refuse_the_run_is_a_problem_beside_the_price(
    account: Account, changes: dict[str, Any], kind: type[Exception]
) -> None:
    told = quote(but(**REST) | changes, False, account)
    assert type(told.problem) is kind
    assert told.cost and told.cost["amount"] == 0.2


def test_a_linked_prompt_is_not_looked_at_and_the_budget_is() -> None:
    account = Account(budget="CNY 0.1")
    assert type(quote(but(), False, account).problem) is BudgetReached
    assert account.whole == [None]
    account = Account(budget="CNY 1")
    assert quote(but(**REST), False, account).problem is None
    assert account.whole == [plan(**{**INPUTS, **REST, "region": BEIJING})]


def test_a_list_of_prompts_is_counted_and_an_empty_one_refused() -> None:
    told = quote(but(), False, IN_BEIJING, {"prompts": "a boat\r\n \u3000\na bird\ra\u2028bee"})
    assert (told.prompts, told.problem) == (3, None)
    assert "holds no prompt" in str(quote(but(), False, IN_BEIJING, {"prompts": " \n"}).problem)


@pytest.mark.parametrize(
    ("more", "count"), [({}, 6), ({"split": "blocks"}, 3), ({"split": "blocks", "wildcards": True, "seed": 7}, 2)]
)
def test_a_list_is_counted_as_it_is_split(more: dict[str, Any], count: int) -> None:
    listed = {"prompts": "a {boat|bird}\nat dawn\n\n# birds\n---\na bee\n at noon", **more, "of a newer page": 1}
    assert quote(but(), False, IN_BEIJING, listed).prompts == count


@pytest.mark.parametrize("wrong", [{"split": "x"}, {"seed": "x"}, {"wildcards": 1}, {"prompts": None}])
def test_a_list_of_a_strange_workflow_is_a_problem(wrong: dict[str, Any]) -> None:
    assert type(quote(but(), False, IN_BEIJING, {"prompts": "a boat", **wrong}).problem) is InvalidRequest


def test_a_brace_without_its_other_is_a_problem_before_anything_is_spent() -> None:
    told = quote(but(), False, IN_BEIJING, {"prompts": "a {boat", "wildcards": True})
    assert "Braces do not fit together in the prompt 'a {boat'." in str(told.problem)


def test_a_poller_without_a_task_or_a_key() -> None:
    assert quote_of_fetching({"task_id": "abc", "region": "auto"}, IN_BEIJING).problem is None
    assert "not a task id" in str(quote_of_fetching({"task_id": "", "region": "auto"}, IN_BEIJING).problem)
    assert quote_of_fetching({"region": "auto"}, IN_BEIJING).problem is None  # linked
    assert type(quote_of_fetching({"region": "auto"}, Account(key=False)).problem) is KeyMissing


OF_SET = {"model": "wan2.7-image", "aspect_ratio": "1:1", "max_images": 4, "region": BEIJING, "call_mode": "auto"}


def test_a_set_costs_at_most_what_all_its_pictures_do() -> None:
    told = quote_of_set(OF_SET, False, IN_BEIJING)
    assert told.cost == {"amount": 0.8, "currency": "CNY", "precision": AT_MOST}
    assert (told.problem, told.size, told.max_n) == (None, "2048*2048", 12)


def test_a_set_with_a_linked_count_costs_at_least_a_picture() -> None:
    inputs = {name: value for name, value in OF_SET.items() if name != "max_images"}
    cost = quote_of_set(inputs, True, IN_BEIJING).cost
    assert cost == {"amount": 0.2, "currency": "CNY", "precision": AT_LEAST}


def test_a_budget_has_to_allow_the_most_of_a_set() -> None:
    account = Account(budget="CNY 0.7")
    assert type(quote_of_set(OF_SET, False, account).problem) is BudgetReached
    assert quote_of_set(OF_SET | {"max_images": 3}, False, account).problem is None


@pytest.mark.parametrize("changes", [{"max_images": 13}, {"max_images": "4"}, {"model": "wan2.6-t2i"}])
def test_a_set_that_cannot_be(changes: dict[str, Any]) -> None:
    try:
        problem = quote_of_set(OF_SET | changes, False, IN_BEIJING).problem
    except InvalidRequest as error:
        problem = error
    assert isinstance(problem, InvalidRequest)


def test_a_smaller_resolution_has_its_own_price() -> None:
    pro = but(model="qwen-image-3.0-pro")
    amounts = {
        resolution: (told.cost or {}).get("amount")
        for resolution in ("auto", "1K", "2K")
        if (told := quote(pro | {"resolution": resolution}, False, IN_BEIJING))
    }
    assert amounts == {"auto": 0.5, "1K": 0.25, "2K": 0.5}
    linked = quote(pro, True, IN_BEIJING)
    assert (linked.size, (linked.cost or {})["amount"]) == (None, 0.25)
    assert "cannot draw in 4K" in str(quote(pro | {"resolution": "4K"}, False, IN_BEIJING).problem)


def test_rewriting_decides_whether_the_ways_of_it_apply() -> None:
    of = ("prompt_extend_mode", "thinking", "resolution")
    for extend in (True, False):
        applies = quote(but(model="qwen-image-3.0", prompt_extend=extend), False, IN_BEIJING).applies
        assert [applies[name] for name in of] == [extend, extend, False]
    applies = quote(but(model="wan2.7-image", prompt_extend=False), False, IN_BEIJING).applies
    assert [applies[name] for name in of] == [False, True, True]
