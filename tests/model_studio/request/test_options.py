from __future__ import annotations

from typing import Any

import pytest

from model_studio.catalog import ALL_MODELS, Model, find
from model_studio.errors import InvalidRequest
from model_studio.request import ImageRequest, plan
from model_studio.request.options import NAMES, Options, applies

PALETTE = "#FF0000 50%\n#00FF00 30%\n#0000FF 20%"
OTHERS: dict[str, Any] = {
    "resolution": "1K",
    "prompt_extend_mode": "agent",
    "thinking": False,
    "color_palette": PALETTE,
}


def named(name: str) -> Model:
    model = find(name)
    assert model
    return model


def make(model: str, **changes: Any) -> ImageRequest:
    """In the first region that has it."""
    inputs: dict[str, Any] = {
        "prompt": "a boat",
        "aspect_ratio": "1:1",
        "width": 1,
        "height": 1,
        "n": 1,
        "seed": 7,
        "negative_prompt": "",
        "prompt_extend": True,
        "watermark": False,
        "region": next(iter(named(model).ids)),
        "call_mode": "auto",
    }
    return plan(model=model, **inputs | changes)


def test_how_qwen_3_rewrites_a_prompt() -> None:
    sent = make("qwen-image-3.0-pro", prompt_extend_mode="agent", thinking=False).body["parameters"]
    assert (sent["prompt_extend_mode"], sent["enable_thinking"]) == ("agent", False)


def test_is_not_sent_where_it_rewrites_none() -> None:
    request = make("qwen-image-3.0", prompt_extend_mode="agent", thinking=False, prompt_extend=False)
    assert not {"prompt_extend_mode", "enable_thinking"} & set(request.body["parameters"])
    assert list(request.notes) == [
        f"{name} was not sent: it is read together with prompt_extend only."
        for name in ("prompt_extend_mode", "thinking")
    ]


def test_what_wan_2_7_reads() -> None:
    sent = make("wan2.7-image", thinking=False, color_palette=PALETTE, prompt_extend=False).body["parameters"]
    assert sent["thinking_mode"] is False
    assert sent["color_palette"] == [
        {"hex": "#FF0000", "ratio": "50.00%"},
        {"hex": "#00FF00", "ratio": "30.00%"},
        {"hex": "#0000FF", "ratio": "20.00%"},
    ]


@pytest.mark.parametrize("model", ALL_MODELS, ids=lambda model: model.name)
def test_what_a_model_does_not_read_is_not_sent_and_said(model: Model) -> None:
    request, plain = make(model.name, **OTHERS), make(model.name)
    unread = [name for name in NAMES if not applies(model, name, True)]
    assert len(request.notes) == len(unread)
    assert set(request.body["parameters"]) - set(plain.body["parameters"]) == {
        model.wire[name] for name in NAMES if name in model.wire
    }


@pytest.mark.parametrize(
    ("model", "resolution", "ratio", "size"),
    [
        ("qwen-image-3.0-pro", "1K", "16:9", "1664*928"),
        ("qwen-image-3.0-pro", "auto", "1:1", "2048*2048"),
        ("wan2.7-image-pro", "4K", "4:3", "4096*3072"),
        ("wan2.7-image", "1K", "1:1", "1024*1024"),
        ("qwen-image-2.0", "4K", "1:1", "2048*2048"),
    ],
)
def test_sizes_by_resolution(model: str, resolution: str, ratio: str, size: str) -> None:
    assert make(model, resolution=resolution, aspect_ratio=ratio).body["parameters"]["size"] == size


@pytest.mark.parametrize(
    ("model", "changes", "words"),
    [
        ("wan2.7-image", {"resolution": "4K"}, "wan2.7-image cannot draw in 4K. Set resolution to auto, 1K, 2K."),
        ("qwen-image-2.0", {"resolution": "8K"}, "resolution '8K' is unknown. Choose one of auto, 1K, 2K, 4K."),
        ("wan2.6-t2i", {"prompt_extend_mode": "x"}, "prompt_extend_mode 'x' is unknown. Choose one of direct, agent."),
        ("wan2.7-image", {"thinking": 1}, "thinking is 1. Link or enter a value of type bool."),
        ("wan2.7-image", {"color_palette": "#FF0000"}, "The palette holds 1 colours. A palette takes 3 to 10."),
    ],
)
def test_what_cannot_be_is_refused(model: str, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        make(model, **changes)
    assert caught.value.text == words


def test_a_size_by_hand_has_no_resolution() -> None:
    request = make("wan2.7-image", aspect_ratio="custom", width=800, height=900, resolution="4K")
    assert str(request.size) == "800*900"


def test_those_that_are_used() -> None:
    assert Options().used() == []
    assert Options(**OTHERS).used() == list(NAMES)
