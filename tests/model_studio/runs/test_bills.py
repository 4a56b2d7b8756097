"""What a run cost is what the service says it bills: of a set the pictures that came, of a tier its price."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from model_studio import errors
from model_studio.catalog import SET_MODELS, find
from model_studio.studio import Result, Studio
from simulator import Simulator
from tests.model_studio.asking import billed, creations, same

STORY = "a fox: 1. wakes 2. walks 3. sleeps"
SET: dict[str, Any] = {
    "model": "wan2.7-image",
    "models": SET_MODELS,
    "prompt": STORY,
    "aspect_ratio": "custom",
    "width": 768,
    "height": 768,
}
BUDGET = "MODEL_STUDIO_DAILY_BUDGET"
Generate = Callable[..., Result]


@pytest.mark.parametrize("call_mode", ["async", "sync"])
def test_of_a_set_those_pictures_are_paid_for_that_came(
    generate: Generate, sim: Simulator, studio: Studio, call_mode: str
) -> None:
    result = generate(**SET, n=12, call_mode=call_mode)
    assert same(result, sim) and len(result.pictures) == 3 == billed(sim)
    assert result.info["cost"]["amount"] == pytest.approx(0.6)
    assert studio.ledger.spent_today() == {"CNY": pytest.approx(0.6)}
    assert result.info["notes"] == ["The model made a set of 3; up to 12 were asked for."]
    again = generate(**SET, n=12, call_mode=call_mode)
    assert (again.info["source"], len(again.pictures), billed(sim)) == ("from store", 3, 3)


def test_a_set_and_single_pictures_of_the_same_words_are_two_requests(generate: Generate, sim: Simulator) -> None:
    size = {"aspect_ratio": "custom", "width": 768, "height": 768}
    assert len(generate(**SET, n=4).pictures) == 3
    assert len(generate("wan2.7-image", prompt=STORY, n=4, **size).pictures) == 4
    assert len(creations(sim)) == 2


def test_a_budget_reserves_the_most_of_a_set_and_gets_back_what_did_not_come(
    generate: Generate, sim: Simulator, environ: dict[str, str]
) -> None:
    environ[BUDGET] = "CNY 1"
    with pytest.raises(errors.BudgetReached, match=r"This run costs CNY 1\.20 at list price"):
        generate(**SET, n=6)
    assert not creations(sim)
    generate(**SET, n=5)  # 3 come
    generate(**SET | {"prompt": "1. one 2. two"}, n=2)
    with pytest.raises(errors.BudgetReached, match=r"with the CNY 1\.00 of today"):
        generate(**SET, n=1)
    assert billed(sim) == 5


@pytest.mark.parametrize("fault", ["close_before_answer", "http_504"])
def test_a_set_whose_answer_was_lost_is_found_though_it_has_fewer_than_the_most(
    generate: Generate, sim: Simulator, fault: str
) -> None:
    sim.faults.add(fault, on="create", times=1)
    result = generate(**SET, n=12)
    assert (result.info["source"], len(result.pictures), billed(sim)) == ("resumed", 3, 3)


def test_a_lost_set_is_told_with_the_most_that_it_may_cost(generate: Generate, sim: Simulator) -> None:
    sim.faults.add("http_502", on="create", times=1)
    with pytest.raises(errors.SubmissionUncertain, match=r"up to 12 pictures, CNY 2\.40 at list price"):
        generate(**SET, n=12)


def test_more_pictures_than_the_most_are_told(generate: Generate, sim: Simulator) -> None:
    sim.faults.add("more_pictures", extra=2)
    result = generate(**SET, n=3)
    assert result.info["notes"] == ["3 pictures were asked for, 5 came."]
    assert result.info["cost"]["amount"] == pytest.approx(1.0)


PRO: dict[str, Any] = {"model": "qwen-image-3.0-pro", "aspect_ratio": "custom", "width": 512, "height": 512}


def test_another_tier_than_planned_is_what_was_paid_and_told(
    generate: Generate, sim: Simulator, studio: Studio
) -> None:
    sim.faults.add("other_usage", usage={"output_image_type": "qima_output_2k"})
    result = generate(**PRO)
    assert result.info["cost"]["amount"] == 0.5
    assert result.info["notes"] == ["The service billed CNY 0.50 a picture; CNY 0.25 was expected."]
    assert studio.ledger.spent_today() == {"CNY": 0.5}
    assert generate(**PRO).info["source"] == "from store"
    assert studio.ledger.spent_today() == {"CNY": 0.5}


@pytest.mark.parametrize("tier", ["qima_output_8k", "", 7])
def test_a_tier_that_nobody_knows_changes_nothing(generate: Generate, sim: Simulator, tier: Any) -> None:
    sim.faults.add("other_usage", usage={"output_image_type": tier})
    result = generate(**PRO)
    assert (result.info["cost"]["amount"], result.info["notes"]) == (0.25, [])


@pytest.mark.parametrize(
    ("model", "name"), [("qwen-image-3.0", "output_image_count"), ("qwen-image-2.0", "image_count")]
)
def test_the_service_counts_what_it_bills(
    generate: Generate, sim: Simulator, studio: Studio, model: str, name: str
) -> None:
    sim.faults.add("other_usage", usage={name: 1})
    result = generate(**PRO | {"model": model}, n=2)
    assert len(result.pictures) == 2
    assert result.info["cost"]["amount"] == 0.2
    assert result.info["notes"] == ["Pictures that came: 2; pictures billed: 1."]
    assert studio.ledger.spent_today() == {"CNY": 0.2}


@pytest.mark.parametrize("count", [0, -3, 10**9, True, "2", 1.5, None])
def test_an_absurd_count_is_not_believed(generate: Generate, sim: Simulator, count: Any) -> None:
    sim.faults.add("other_usage", usage={"image_count": count})
    result = generate(n=2)
    assert (result.info["cost"]["amount"], result.info["notes"]) == (0.28, [])


def test_what_a_version_before_drew_with_a_negative_prompt_is_found(
    generate: Generate, sim: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: dict[str, Any] = {"aspect_ratio": "custom", "width": 512, "height": 512, "negative_prompt": "blurry"}
    now = find("qwen-image-2.1-pro")
    assert now
    before = replace(now, takes=now.takes | now.once_took, once_took=frozenset())
    generate("qwen-image-2.1-pro", models=[before], **asked)
    again = generate("qwen-image-2.1-pro", **asked)
    assert (again.info["source"], billed(sim), len(creations(sim))) == ("from store", 1, 1)
    assert "takes no negative_prompt; it was not sent" in " ".join(again.info["notes"])
    other = generate("qwen-image-2.1-pro", **asked | {"negative_prompt": "dark"})  # is sent like one without
    assert (other.info["source"], billed(sim)) == ("new", 2)
    assert generate("qwen-image-2.1-pro", **asked | {"negative_prompt": ""}).info["source"] == "from store"
