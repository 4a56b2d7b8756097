"""The table of models against facts of the specification, written out here by hand."""

import pytest

from simulator.models import ASYNC_MESSAGES, ASYNC_PROMPT, BEIJING, MODELS, REGIONS, SINGAPORE, SYNC, VIRGINIA
from simulator.rules import read_size

QWEN_ASYNC = ("qwen-image-plus", "qwen-image")
WAN = ("wan2.6-t2i", "wan2.5-t2i-preview", "wan2.2-t2i-plus", "wan2.2-t2i-flash", "wanx2.1-t2i-plus")


def test_every_qwen_model_is_synchronous_and_only_two_are_asynchronous_too() -> None:
    qwen = {name: model for name, model in MODELS.items() if name.startswith("qwen-image")}
    assert all(SYNC in model.endpoints for model in qwen.values())
    assert {name for name, model in qwen.items() if len(model.endpoints) > 1} == set(QWEN_ASYNC)
    assert all(MODELS[name].endpoints == (SYNC, ASYNC_PROMPT) for name in QWEN_ASYNC)


@pytest.mark.parametrize("name", WAN)
def test_every_wan_model_is_asynchronous_and_only_2_6_is_synchronous_too(name: str) -> None:
    expected = (SYNC, ASYNC_MESSAGES) if name == "wan2.6-t2i" else (ASYNC_PROMPT,)
    assert MODELS[name].endpoints == expected


@pytest.mark.parametrize("name", WAN)
def test_wan_makes_four_pictures_unless_told(name: str) -> None:
    assert (MODELS[name].n, MODELS[name].n_max) == (4, 4)


@pytest.mark.parametrize("name", MODELS)
def test_what_a_model_takes_by_default_is_within_its_rules(name: str) -> None:
    model = MODELS[name]
    assert 1 <= model.n <= model.n_max
    assert set(model.regions) <= set(REGIONS)
    for sizes in (model.documented, model.observed):
        assert min(read_size(sizes, model.size)) >= 512


@pytest.mark.parametrize(
    ("name", "region", "count", "period"),
    [
        ("qwen-image-2.0-pro-2026-06-22", BEIJING, 2, 60),
        ("qwen-image-max", SINGAPORE, 2, 60),
        ("qwen-image-2.0", BEIJING, 2, 1),
        ("wan2.6-t2i", BEIJING, 1, 1),
        ("wan2.6-t2i", SINGAPORE, 5, 1),
        ("wan2.6-t2i", VIRGINIA, 5, 1),
        ("wan2.5-t2i-preview", BEIJING, 5, 1),
        ("wan2.2-t2i-flash", SINGAPORE, 2, 1),
    ],
)
def test_published_rates(name: str, region: str, count: int, period: float) -> None:
    rate = MODELS[name].rate_in(region)
    assert (rate.count, rate.period) == (count, period)


def test_the_two_names_of_wan_2_1() -> None:
    assert MODELS["wanx2.1-t2i-turbo"].regions == (BEIJING,)
    assert MODELS["wan2.1-t2i-turbo"].regions == (SINGAPORE,)


def test_a_dated_snapshot_is_like_its_model_but_plus_is_synchronous_only() -> None:
    assert MODELS["qwen-image-2.0-pro-2026-03-03"].n_max == 6
    assert MODELS["qwen-image-plus-2026-01-09"].endpoints == (SYNC,)
