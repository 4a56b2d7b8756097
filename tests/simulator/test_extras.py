"""Parameters that only newer models read, by what the API documentation allows."""

from __future__ import annotations

from typing import Any

import pytest

from simulator.extras import scenes

STORY = "A fox in four scenes: 1. wakes 2. walks 3. eats 4. sleeps"
RED = {"hex": "#FF0000", "ratio": "50.00%"}
OTHERS = [{"hex": "#00ff00", "ratio": "25.00%"}, {"hex": "#0000FF", "ratio": "25.00%"}]


def message_of(answer: Any) -> str:
    assert (answer.status_code, answer.json()["code"]) == (400, "InvalidParameter")
    return str(answer.json()["message"])


def test_the_model_decides_how_many_pictures_a_set_has(shared: Any) -> None:
    body = shared.sync("wan2.7-image", STORY, enable_sequential=True, n=12, size="1024*1024").json()
    assert body["usage"]["image_count"] == len(body["output"]["choices"]) == 4
    assert shared.sim.billed[-1].images == 4
    output = shared.wait(shared.task("wan2.7-image-pro", STORY, enable_sequential=True, n=3, size="1024*1024"))
    assert len(output["choices"]) == 3


def test_n_of_a_set_is_its_most_twelve_unless_told(shared: Any) -> None:
    body = shared.sync("wan2.7-image", "a fox", enable_sequential=True, size="768*768").json()
    assert body["usage"]["image_count"] == 12
    answer = shared.sync("wan2.7-image", enable_sequential=True, n=13, size="768*768")
    assert message_of(answer) == "Range of n should be [1, 12]"
    assert message_of(shared.sync("wan2.7-image", n=5, size="768*768")) == "Range of n should be [1, 4]"


def test_the_pictures_of_a_set_have_2048_squared_pixels_at_most(shared: Any) -> None:
    answer = shared.sync("wan2.7-image-pro", enable_sequential=True, n=1, size="4096*4096")
    assert "must be between 589824 and 4194304" in message_of(answer)


@pytest.mark.parametrize(
    ("prompt", "count"),
    [("1. a 2) b 3、c", 3), ("狐狸。1. 甲。2. 乙。", 2), ("no numbers", 7), ("in 1999 a fox", 7), ("1. alone", 1)],
)
def test_scenes_are_counted_by_their_numbers(prompt: str, count: int) -> None:
    assert scenes(prompt, 7) == count


@pytest.mark.parametrize("more", [{"thinking_mode": True}, {"color_palette": [RED, *OTHERS]}])
def test_a_set_takes_neither_thinking_nor_colours(shared: Any, more: dict[str, Any]) -> None:
    name = next(iter(more))
    answer = shared.sync("wan2.7-image", enable_sequential=True, n=1, size="768*768", **more)
    assert message_of(answer) == f"{name} is not supported when enable_sequential is true"
    assert shared.sync("wan2.7-image", n=1, size="768*768", **more).status_code == 200


@pytest.mark.parametrize(
    ("palette", "why"),
    [
        ([RED], "must hold 3 to 10 colors"),
        ([RED] * 11, "must hold 3 to 10 colors"),
        ("#FF0000", "must hold 3 to 10 colors"),
        ([RED, RED, RED], "ratio must sum to 100.00%"),
        ([RED, {"hex": "#00ff00", "ratio": "50%"}, {"hex": "#00ff00", "ratio": "0.00%"}], "ratio must sum to 100.00%"),
        ([{**RED, "hex": "red"}, *OTHERS], "hex must look like #RRGGBB"),
        ([RED, *OTHERS[:1], None], "hex must look like #RRGGBB"),
    ],
)
def test_a_palette_has_three_to_ten_colours_whose_shares_sum_to_a_hundred(shared: Any, palette: Any, why: str) -> None:
    assert why in message_of(shared.sync("wan2.7-image", n=1, size="768*768", color_palette=palette))


@pytest.mark.parametrize("model", ["qwen-image-3.0-pro", "qwen-image-3.0", "qwen-image-2.1-pro"])
@pytest.mark.parametrize(("name", "value"), [("prompt_extend_mode", "agent"), ("enable_thinking", False)])
def test_the_prompt_agent_needs_rewriting(shared: Any, model: str, name: str, value: Any) -> None:
    assert shared.sync(model, size="512*512", **{name: value}).status_code == 200
    answer = shared.sync(model, size="512*512", prompt_extend=False, **{name: value})
    assert message_of(answer) == f"{name} needs prompt_extend"


def test_an_unknown_way_of_rewriting(shared: Any) -> None:
    answer = shared.sync("qwen-image-3.0", size="512*512", prompt_extend_mode="clever")
    assert message_of(answer) == "prompt_extend_mode must be direct or agent"
    assert message_of(shared.sync("qwen-image-3.0", size="512*512", enable_thinking="yes"))


def test_other_models_read_none_of_them(shared: Any) -> None:
    answer = shared.sync("qwen-image-2.0", size="512*512", prompt_extend_mode="clever", enable_sequential=True, n=2)
    assert len(answer.json()["output"]["choices"][0]["message"]["content"]) == 2
