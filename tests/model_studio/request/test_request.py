from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_studio import catalog
from model_studio.catalog import ALL_MODELS, BEIJING, SET_MODELS, SINGAPORE, VIRGINIA, Model
from model_studio.errors import InvalidRequest
from model_studio.request import ImageRequest, plan
from model_studio.request.checks import MAX_SEED
from model_studio.request.options import Options

models = pytest.mark.parametrize("model", ALL_MODELS, ids=lambda model: model.name)


def make(model: str = "wan2.6-t2i", **changes: Any) -> ImageRequest:
    """In the first region that has it."""
    known = catalog.find(model)
    inputs: dict[str, Any] = {
        "prompt": "a paper boat",
        "aspect_ratio": "1:1",
        "width": 1,
        "height": 1,
        "n": 1,
        "seed": 7,
        "negative_prompt": "",
        "prompt_extend": True,
        "watermark": False,
        "region": next(iter(known.ids)) if known else BEIJING,
        "call_mode": "auto",
    }
    return plan(model=model, **{**inputs, **changes})


@models
@pytest.mark.parametrize("ratio", catalog.ASPECT_RATIOS)
def test_defaults_pass_without_a_note(model: Model, ratio: str) -> None:
    for region in model.ids:
        request = make(model.name, aspect_ratio=ratio, region=region)
        assert request.notes == ()
        assert request.body["model"] == model.ids[region]


@models
def test_n_size_and_seed_are_always_sent(model: Model) -> None:
    parameters = make(model.name).body["parameters"]
    assert parameters["n"] == 1
    assert parameters["size"] == str(model.ratio_sizes["1:1"])
    assert parameters["seed"] == 7


@pytest.mark.parametrize(
    ("seed", "sent"),
    [(0, 0), (MAX_SEED, MAX_SEED), (MAX_SEED + 1, 0), (2**32 + 7, 7), (2**64 - 1, MAX_SEED)],
)
def test_a_linked_seed_beyond_the_range_is_folded(seed: int, sent: int) -> None:
    """As ComfyUI's own seeds go further; the same seed is always the same request."""
    request = make(seed=seed)
    assert request.seed == sent == request.body["parameters"]["seed"]
    told = [f"The service takes seeds up to {MAX_SEED}: {seed} was sent as {sent}."]
    assert list(request.notes) == (told if seed > MAX_SEED else [])


@models
def test_only_what_the_model_takes_is_sent(model: Model) -> None:
    body = make(model.name, negative_prompt="blurry").body
    sent = {*body["parameters"], *body["input"]} - {"n", "size", "seed", "messages", "prompt"}
    assert sent == model.takes - set(model.wire)


@models
def test_by_default_nothing_is_sent_that_versions_before_did_not_send(model: Model) -> None:
    """Their requests are found in the ledger by what was sent."""
    known = {"n", "size", "seed", "negative_prompt", "prompt_extend", "watermark"}
    assert set(make(model.name, **vars(Options())).body["parameters"]) <= known
    assert make(model.name, **vars(Options())).notes == ()


def test_what_a_model_no_longer_takes_is_part_of_what_it_was_known_by() -> None:
    request = make("qwen-image-2.1-pro", negative_prompt="blurry")
    now, before = request.identities
    assert now == request.body and "negative_prompt" not in now["parameters"]
    assert before["parameters"] == {**now["parameters"], "negative_prompt": "blurry"}
    assert make("qwen-image-3.0-pro").identities == [make("qwen-image-3.0-pro").body]


def test_a_set_is_asked_for_by_its_most() -> None:
    request = make("wan2.7-image", models=SET_MODELS, n=12)
    assert request.body["parameters"] == {
        "size": "2048*2048",
        "n": 12,
        "seed": 7,
        "watermark": False,
        "enable_sequential": True,
    }
    assert request.endpoint.is_async


@pytest.mark.parametrize(
    ("changes", "advice"),
    [
        ({"n": 13}, "Set max_images to 1 to 12."),
        ({"n": 0}, "Set max_images to 1 to 12."),
        ({"aspect_ratio": "custom", "width": 4096, "height": 4096}, "It takes 589824"),
        ({"model": "wan2.6-t2i"}, "Choose one of wan2.7-image, wan2.7-image-pro."),
    ],
)
def test_a_set_that_cannot_be(changes: dict[str, Any], advice: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        make(**{"model": "wan2.7-image-pro", "models": SET_MODELS, **changes})
    assert advice in caught.value.text


def test_messages_shape() -> None:
    request = make("wan2.6-t2i", negative_prompt="blurry", n=2)
    assert request.endpoint.path == "/services/aigc/image-generation/generation"
    assert request.body == {
        "model": "wan2.6-t2i",
        "input": {"messages": [{"role": "user", "content": [{"text": "a paper boat"}]}]},
        "parameters": {
            "size": "1280*1280",
            "n": 2,
            "seed": 7,
            "prompt_extend": True,
            "watermark": False,
            "negative_prompt": "blurry",
        },
    }


def test_prompt_shape() -> None:
    request = make("wan2.5-t2i-preview", negative_prompt="blurry", prompt_extend=False, watermark=True)
    assert request.endpoint.path == "/services/aigc/text2image/image-synthesis"
    assert request.body == {
        "model": "wan2.5-t2i-preview",
        "input": {"prompt": "a paper boat", "negative_prompt": "blurry"},
        "parameters": {"size": "1280*1280", "n": 1, "seed": 7, "prompt_extend": False, "watermark": True},
    }


@pytest.mark.parametrize(
    ("model", "mode", "path"),
    [
        ("wan2.6-t2i", "sync", "/services/aigc/multimodal-generation/generation"),
        ("wan2.6-t2i", "async", "/services/aigc/image-generation/generation"),
        ("qwen-image-plus", "sync", "/services/aigc/multimodal-generation/generation"),
        ("qwen-image-plus", "auto", "/services/aigc/text2image/image-synthesis"),
        ("qwen-image-2.0-pro", "auto", "/services/aigc/multimodal-generation/generation"),
    ],
)
def test_call_mode_chooses_the_endpoint(model: str, mode: str, path: str) -> None:
    assert make(model, call_mode=mode).endpoint.path == path


@pytest.mark.parametrize(
    "changes",
    [
        {"n": None},
        {"n": "2"},
        {"n": True},
        {"seed": 1.5},
        {"width": 1024.0},
        {"prompt": None},
        {"negative_prompt": None},
        {"aspect_ratio": ["1:1"]},
        {"watermark": "no"},
        {"prompt_extend": 1},
    ],
)
def test_linked_values_of_another_type_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest, match=next(iter(changes))):
        make(**changes)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"model": "gpt-image"}, "Choose one of qwen-image-2.0-pro"),
        ({"prompt": "  \n"}, "prompt is empty"),
        ({"prompt": "a boat \ud83d"}, "prompt holds half of a character (U+D83D, number 8)"),
        ({"negative_prompt": "\udc00"}, "negative_prompt holds half of a character"),
        ({"model": "qwen-image-max", "n": 2}, "Set n to 1."),
        ({"n": 5}, "Set n to 1 to 4."),
        ({"n": 0}, "Set n to 1 to 4."),
        ({"seed": -1}, f"0 to {MAX_SEED}"),
        ({"seed": 2**64}, f"0 to {MAX_SEED}"),
        ({"seed": 10**5000}, f"0 to {MAX_SEED}"),
        ({"model": "qwen-image-2.0-pro", "call_mode": "async"}, "Set call_mode to auto or sync"),
        ({"model": "wan2.5-t2i-preview", "call_mode": "sync"}, "Set call_mode to auto or async"),
        ({"call_mode": "later"}, "auto, sync, async"),
        ({"aspect_ratio": "2:1"}, "16:9"),
        ({"model": "qwen-image-max", "region": VIRGINIA}, "It is in cn-beijing and ap-southeast-1"),
        ({"model": "wanx2.0-t2i-turbo", "region": SINGAPORE}, "It is in cn-beijing"),
    ],
)
def test_refused_with_what_would_work(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        make(**changes)
    assert says in str(caught.value)


def custom(model: str, size: str) -> ImageRequest:
    width, height = map(int, size.split("*"))
    return make(model, aspect_ratio="custom", width=width, height=height)


@pytest.mark.parametrize(
    ("model", "size"),
    [
        ("qwen-image-2.0-pro", "512*511"),
        ("qwen-image-2.0-pro", "2048*2049"),
        ("qwen-image-max", "1024*1024"),
        ("qwen-image-plus", "1472*1140"),
        ("wan2.6-t2i", "767*767"),
        ("wan2.6-t2i", "1441*1440"),
        ("wan2.5-t2i-preview", "1448*1448"),
        ("wan2.5-t2i-preview", "300*1500"),
        ("wan2.2-t2i-plus", "511*1024"),
        ("wan2.2-t2i-plus", "1441*512"),
        ("qwen-image-3.0", "2560*2561"),
        ("wan2.7-image-pro", "4096*4097"),
        ("z-image-turbo", "511*512"),
        ("wan2.6-t2i", "0*1000"),
        ("wan2.6-t2i", "-1280*-1280"),
    ],
)
def test_sizes_the_service_refuses(model: str, size: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        custom(model, size)
    (entry,) = [entry for entry in ALL_MODELS if entry.name == model]
    assert f"cannot draw {size}" in str(caught.value)
    assert str(entry.ratio_sizes["16:9"]) in str(caught.value)


@pytest.mark.parametrize(
    ("model", "size"),
    [
        ("wan2.6-t2i", "1104*1472"),  # documented, below the specification's 1280*1280
        ("wan2.6-t2i", "1024*1024"),
        ("wan2.6-t2i", "2700*660"),
        ("wan2.5-t2i-preview", "512*512"),
        ("wan2.5-t2i-preview", "1696*960"),
        ("wanx2.0-t2i-turbo", "1440*810"),
        ("qwen-image-2.0", "4096*500"),
        ("qwen-image-3.0-pro", "2560*2560"),
        ("wan2.7-image", "4096*2304"),
    ],
)
def test_sizes_that_sources_disagree_on_pass_with_a_note(model: str, size: str) -> None:
    (note,) = custom(model, size).notes
    assert size in note and ("specification" in note or "documentation" in note or "observed" in note)


@pytest.mark.parametrize(("model", "size"), [("wan2.2-t2i-plus", "512*1440"), ("qwen-image-2.0", "512*512")])
def test_custom_sizes_inside_every_rule_pass_silently(model: str, size: str) -> None:
    assert custom(model, size).notes == ()


@given(st.sampled_from(ALL_MODELS), st.integers(1, 6000), st.integers(1, 6000))
def test_a_size_passes_just_when_some_source_allows_it(model: Model, width: int, height: int) -> None:
    allowed = [rule.accepts(catalog.Size(width, height)) for rule in model.size_rules]
    try:
        request = custom(model.name, f"{width}*{height}")
    except InvalidRequest:
        assert not any(allowed)
    else:
        assert any(allowed)
        assert len(request.notes) == allowed.count(False)


@pytest.mark.parametrize(
    ("model", "prompt", "warned"),
    [
        ("wan2.2-t2i-plus", "x" * 500, False),
        ("wan2.2-t2i-plus", "x" * 501, True),
        ("qwen-image-max", "字" * 800, False),
        ("qwen-image-max", "字" * 801, True),
        ("qwen-image-max", "word" * 800, False),
        ("qwen-image-max", "word" * 801, True),
    ],
)
def test_long_prompts_are_sent_whole_with_a_note(model: str, prompt: str, warned: bool) -> None:
    request = make(model, prompt=prompt)
    assert bool(request.notes) == warned
    assert prompt in str(request.body["input"])


def test_long_negative_prompt_has_a_note() -> None:
    assert "501 characters" in make(negative_prompt="x" * 501).notes[0]


def test_inputs_a_model_does_not_take_have_a_note() -> None:
    notes = make("z-image-turbo", negative_prompt="blurry", watermark=True).notes
    assert [note.split(";")[0] for note in notes] == [
        "z-image-turbo takes no negative_prompt",
        "z-image-turbo takes no watermark",
    ]
