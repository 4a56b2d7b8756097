"""The catalog against the specification's rules and against itself."""

from __future__ import annotations

import pytest

import simulator.models
from model_studio import catalog
from model_studio.account.regions import REGIONS
from model_studio.catalog import (
    ALL_MODELS,
    BEIJING,
    QWENCLOUD,
    SET_MODELS,
    SINGAPORE,
    SYNC_ONLY,
    TOKEN_PLAN_BEIJING,
    TOKEN_PLAN_SINGAPORE,
    VIRGINIA,
    Model,
    Size,
)
from model_studio.catalog.model import ASPECT_RATIOS, ASYNC_MESSAGES, ASYNC_PROMPT, SYNC_MESSAGES
from model_studio.request.options import NAMES

FACTS = {"ids", "endpoints", "ratio_sizes", "max_n", "takes", "prompt_limit", "prices", "rate_limit", "typical_seconds"}
models = pytest.mark.parametrize(
    "model", [*ALL_MODELS, *SET_MODELS], ids=lambda model: f"{model.name}{' set' * model.is_set}"
)


@models
def test_every_fact_has_a_source(model: Model) -> None:
    assert set(model.sources) == FACTS
    assert all(model.sources.values())
    assert all(rule.source for rule in model.size_rules)


@models
def test_recommended_sizes_break_no_rule(model: Model) -> None:
    """So that no choice in the list is refused or warned about."""
    assert tuple(model.ratio_sizes) == ASPECT_RATIOS
    for sizes in (model.ratio_sizes, *model.tiers.values()):
        assert tuple(sizes) == ASPECT_RATIOS
        for ratio, size in sizes.items():
            for rule in model.size_rules:
                assert rule.accepts(size), f"{ratio} {size}: {rule} ({rule.source})"


@models
def test_recommended_sizes_have_their_ratio(model: Model) -> None:
    for sizes in (model.ratio_sizes, *model.tiers.values()):
        for ratio, size in sizes.items():
            across, down = map(int, ratio.split(":"))
            # The service's own 2688*1536 is 1.75, its 2368*1728 is 1.37.
            assert size.width / size.height == pytest.approx(across / down, rel=0.03)


def test_the_smaller_resolution_of_3_0_pro_costs_half() -> None:
    pro = catalog.find("qwen-image-3.0-pro")
    assert pro
    prices = {tier: {pro.price(BEIJING, size, True) for size in sizes.values()} for tier, sizes in pro.tiers.items()}
    assert prices == {"1K": {(0.25, "CNY")}, "2K": {(0.50, "CNY")}}
    assert pro.price_of_tier(SINGAPORE, "qima_output_2k") == (0.075, "USD")
    assert pro.price_of_tier(SINGAPORE, "qima_output_4k") is None
    assert pro.price_of_tier(SINGAPORE, "") is None


def test_sets_are_drawn_by_wan_2_7_alone() -> None:
    """Names as elsewhere; the order is that of the node, whose default is the cheaper one."""
    assert [model.name for model in SET_MODELS] == ["wan2.7-image", "wan2.7-image-pro"]
    assert {model.max_n for model in SET_MODELS} == {12}
    assert not any(model.is_set for model in ALL_MODELS)


@models
def test_entry_is_usable(model: Model) -> None:
    assert model.sync or model.task
    assert model.ids and set(model.ids) <= set(REGIONS)
    assert 1 <= model.max_n <= (12 if model.is_set else 6)
    assert model.takes <= {"negative_prompt", "prompt_extend", "watermark", *model.wire}
    assert set(model.wire) <= model.takes & set(NAMES)
    assert model.typical_seconds > 0
    for region in model.ids:
        for extend in (True, False):
            price = model.price(region, Size(1024, 1024), extend)
            if region in SYNC_ONLY:  # paid with credits, or at a price that nobody has told
                assert price is None
                continue
            assert price is not None and price[0] > 0
            assert price[1] == ("CNY" if region == BEIJING else "USD")


def test_names_are_unique() -> None:
    names = [model.name for model in ALL_MODELS]
    assert len(names) == len(set(names))


def test_first_models_are_recommended_by_the_specification() -> None:
    assert catalog.QWEN_MODELS[0].name == "qwen-image-2.0-pro"
    assert catalog.WAN_MODELS[0].name == "wan2.6-t2i"
    assert catalog.TASK_MODELS[0].name == "wan2.6-t2i"


def test_all_models_of_the_field_are_there() -> None:
    expected = {
        *("qwen-image-3.0-pro", "qwen-image-3.0", "qwen-image-2.1-pro", "qwen-image-2.0-pro", "qwen-image-2.0"),
        *("qwen-image-2.0-pro-2026-03-03", "qwen-image-2.0-pro-2026-04-22", "qwen-image-2.0-pro-2026-06-22"),
        *("qwen-image-2.0-2026-03-03", "qwen-image-max", "qwen-image-max-2025-12-30", "qwen-image-plus"),
        *("qwen-image-plus-2026-01-09", "qwen-image", "z-image-turbo", "wan2.7-image", "wan2.7-image-pro"),
        *(
            "qwen-image-2.1-turbo",
            "wan2.6-t2i",
            "wan2.5-t2i-preview",
            "wan2.2-t2i-plus",
            "wan2.2-t2i-flash",
            "wan2.1-t2i-plus",
        ),
        *("wan2.1-t2i-turbo", "wanx2.0-t2i-turbo"),
    }
    assert {model.name for model in ALL_MODELS} == expected


@pytest.mark.parametrize(
    ("name", "sync", "task"),
    [
        ("qwen-image-2.0-pro", SYNC_MESSAGES, None),
        ("qwen-image-max", SYNC_MESSAGES, None),
        ("qwen-image-plus", SYNC_MESSAGES, ASYNC_PROMPT),
        ("qwen-image-plus-2026-01-09", SYNC_MESSAGES, None),
        ("qwen-image", SYNC_MESSAGES, ASYNC_PROMPT),
        ("qwen-image-3.0-pro", SYNC_MESSAGES, None),
        ("wan2.6-t2i", SYNC_MESSAGES, ASYNC_MESSAGES),
        ("wan2.7-image-pro", SYNC_MESSAGES, ASYNC_MESSAGES),
        ("wan2.5-t2i-preview", None, ASYNC_PROMPT),
        ("wan2.2-t2i-plus", None, ASYNC_PROMPT),
        ("wanx2.0-t2i-turbo", None, ASYNC_PROMPT),
    ],
)
def test_call_modes(name: str, sync: object, task: object) -> None:
    model = catalog.find(name)
    assert model is not None
    assert (model.sync, model.task) == (sync, task)


@pytest.mark.parametrize("spelling", ["wan2.1-t2i-plus", "wanx2.1-t2i-plus"])
def test_both_spellings_of_2_1(spelling: str) -> None:
    model = catalog.find(spelling)
    assert model is not None
    assert model.ids == {BEIJING: "wanx2.1-t2i-plus", SINGAPORE: "wan2.1-t2i-plus"}


def test_unknown_model() -> None:
    assert catalog.find("gpt-image") is None


def test_prices_by_size_and_rewriting() -> None:
    big, small = Size(2048, 2048), Size(1500, 1500)
    pro, turbo = catalog.find("qwen-image-3.0-pro"), catalog.find("z-image-turbo")
    assert pro and turbo
    assert pro.price(BEIJING, small, True) == (0.25, "CNY")
    assert pro.price(BEIJING, Size(1500, 1501), True) == (0.50, "CNY")
    assert pro.price(SINGAPORE, big, True) == (0.075, "USD")
    assert turbo.price(BEIJING, small, False) == (0.10, "CNY")
    assert turbo.price(BEIJING, small, True) == (0.20, "CNY")


def test_what_the_other_shops_sell() -> None:
    """Those of the Token Plan are documented for Beijing alone."""
    of_plan = {"qwen-image-3.0-pro", "qwen-image-2.0-pro", "qwen-image-2.0", "wan2.7-image", "wan2.7-image-pro"}
    assert sold_in(TOKEN_PLAN_BEIJING) == sold_in(TOKEN_PLAN_SINGAPORE) == of_plan
    assert sold_in(QWENCLOUD) == {"qwen-image-2.1-pro", "qwen-image-2.1-turbo"}
    assert not any(model.task_in(region) for model in ALL_MODELS for region in SYNC_ONLY)
    assert {model.name for model in catalog.SET_MODELS} <= sold_in(TOKEN_PLAN_BEIJING)


def sold_in(region: str) -> set[str]:
    return {model.name for model in ALL_MODELS if region in model.ids}


def test_virginia_has_wan_2_6_only() -> None:
    assert [model.name for model in ALL_MODELS if VIRGINIA in model.ids] == ["wan2.6-t2i"]


@models
def test_the_simulator_knows_it(model: Model) -> None:
    """It shares no table with the pack, or it would share its mistakes: a new model is written down there too."""
    for region, name in model.ids.items():
        assert region in simulator.models.MODELS[name].regions
