"""Each refusal with the words that were recorded or documented for it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.models import ASYNC_MESSAGES, ASYNC_PROMPT, BEIJING, MODELS, SINGAPORE, SYNC, VIRGINIA
from simulator.rules import ServiceFault, find_model, fit_endpoint, inspect, parse_body, read_order, read_size

LIST_OF_FIVE = "The size does not match the allowed size 1664*928,1472*1104,1328*1328,1104*1472,928*1664."


def order(model: str, *, rules: str = "observed", prompt: str = "a boat", **parameters: Any) -> Any:
    endpoint = MODELS[model].endpoints[0]
    message = {"role": "user", "content": [{"text": prompt}]}
    body = {"input": {"messages": [message], "prompt": prompt}, "parameters": parameters}
    return read_order(MODELS[model], endpoint, body, rules)


def refusal(model: str, **more: Any) -> str:
    with pytest.raises(ServiceFault) as caught:
        order(model, **more)
    assert (caught.value.http, caught.value.code) == (400, "InvalidParameter")
    return caught.value.message


SIZES_REFUSED = [
    ("qwen-image", "1024*1024", LIST_OF_FIVE),
    ("qwen-image-plus", "1024x1024", LIST_OF_FIVE),
    ("qwen-image-max", "9999*9999", "Size 9999*9999 is out of range [512*512, 1664*1664]"),
    (
        "qwen-image-2.0",
        "3*3",
        "Image area must be between 262144 and 4194304 pixels. Got area=9 (width=3, height=3).",
    ),
    (
        "qwen-image-3.0-pro",
        "3*3",
        "Image area must be between 262144 (512x512) and 6553600 (2560x2560) pixels for t2i requests",
    ),
    ("wan2.6-t2i", "1536*1536", "Total pixels (2359296) must be between 589824 and 2073600."),
    ("wan2.7-image", "512*512", "Total pixels (262144) must be between 589824 and 16777216."),
    ("wan2.7-image", "4K", "Size 4K is not supported for t2i scenario. Maximum supported size is 2K"),
    ("wan2.2-t2i-plus", "511*1024", "Either width or height should be between 512 and 1440. "),
    (
        "wanx-v1",
        "512*512",
        "The size does not match the allowed size ['1024*1024', '720*1280', '1280*720', '768*1152'].",
    ),
]


@pytest.mark.parametrize(("model", "size", "message"), SIZES_REFUSED)
def test_the_words_for_a_bad_size(model: str, size: str, message: str) -> None:
    assert refusal(model, size=size) == message


@pytest.mark.parametrize(
    "size", ["1024x1024", "16:9", "1K", "", "*", "1024*", "-5*100", "1024*1024*3", "１０２４*１０２４"]
)
def test_a_size_that_is_not_width_star_height(size: str) -> None:
    assert "Expected format: '<width>*<height>'" in refusal("qwen-image-2.0-pro", size=size)


@pytest.mark.parametrize(
    ("model", "size", "documented", "observed"),
    [
        ("wan2.6-t2i", "1280*1280", True, True),
        ("wan2.6-t2i", "1104*1472", False, True),  # recommended by the reference, below the documented area
        ("wan2.6-t2i", "768*768", False, True),
        ("wan2.6-t2i", "768*767", False, False),
        ("wan2.6-t2i", "768*2700", True, True),
        ("wan2.6-t2i", "400*4100", False, False),  # narrower than 1:4
        ("wan2.5-t2i-preview", "1440*810", True, True),
        ("wan2.5-t2i-preview", "512*512", True, False),
        ("wan2.2-t2i-plus", "1440*1440", True, True),
        ("wanx2.0-t2i-turbo", "1440*810", True, False),
        ("wanx2.0-t2i-turbo", "576*1024", True, True),
        ("qwen-image-max", "1024*1024", False, True),
        ("qwen-image-3.0-pro", "2560*2560", False, True),
        ("qwen-image-2.0-pro", "2688*1536", True, True),
        ("qwen-image-2.0-pro", "2049*2048", False, False),
        ("qwen-image-2.0-pro", "256*4096", False, False),  # 1:16
        ("wan2.7-image", "4096*4096", False, True),
        ("wan2.7-image-pro", "4K", True, True),
    ],
)
def test_sizes_by_documented_and_by_observed_rules(model: str, size: str, documented: bool, observed: bool) -> None:
    for rules, taken in (("documented", documented), ("observed", observed)):
        if taken:
            assert order(model, rules=rules, size=size).width >= 256
        else:
            refusal(model, rules=rules, size=size)


sides = st.integers(1, 5000)


@given(width=sides, height=sides)
def test_qwen_2_takes_an_area_and_a_ratio(width: int, height: int) -> None:
    fits = 512 * 512 <= width * height <= 2048 * 2048 and max(width, height) <= 8 * min(width, height)
    assert taken("qwen-image-2.0-pro", width, height) == fits


@given(width=sides, height=sides)
def test_wan_2_2_takes_sides(width: int, height: int) -> None:
    assert taken("wan2.2-t2i-flash", width, height) == (512 <= width <= 1440 and 512 <= height <= 1440)


@given(width=sides, height=sides)
def test_wan_2_6_takes_an_area_and_a_ratio(width: int, height: int) -> None:
    fits = 768 * 768 <= width * height <= 1440 * 1440 and max(width, height) <= 4 * min(width, height)
    assert taken("wan2.6-t2i", width, height) == fits


@given(size=st.one_of(st.text(), st.integers(), st.none(), st.lists(st.integers()), st.booleans()))
def test_anything_as_size_is_taken_or_refused_properly(size: object) -> None:
    for model in MODELS.values():
        try:
            width, height = read_size(model.observed, size)
        except ServiceFault as refused:
            assert refused.http == 400 and refused.message
        else:
            assert f"{width}*{height}" in (size, *model.observed.keywords.values())


def taken(model: str, width: int, height: int) -> bool:
    try:
        return read_size(MODELS[model].observed, f"{width}*{height}") == (width, height)
    except ServiceFault:
        return False


@pytest.mark.parametrize(
    ("model", "n", "message"),
    [
        ("qwen-image-plus", 2, "num_images_per_prompt must be 1"),
        ("z-image-turbo", 0, "num_images_per_prompt must be 1"),
        ("qwen-image-2.0", 7, "Range of n should be [1, 6]"),
        ("wan2.2-t2i-plus", 0, "Range of n should be [1, 4]"),
        ("wan2.2-t2i-plus", True, "Range of n should be [1, 4]"),
        ("wan2.2-t2i-plus", "2", "Range of n should be [1, 4]"),
    ],
)
def test_the_words_for_a_bad_n(model: str, n: object, message: str) -> None:
    assert refusal(model, n=n) == message


@pytest.mark.parametrize("seed", [-1, 2**31, 1.5, "7", True])
def test_seeds_outside_the_range(seed: object) -> None:
    assert refusal("wan2.2-t2i-plus", seed=seed) == "Range of seed should be [0, 2147483647]"


@pytest.mark.parametrize("name", ["prompt_extend", "watermark"])
def test_flags_must_be_booleans(name: str) -> None:
    assert refusal("qwen-image", **{name: "false"}) == f"{name} must be a boolean"


def test_what_is_absent_takes_the_documented_default() -> None:
    wan, qwen, zimage = order("wan2.6-t2i"), order("qwen-image-2.0"), order("z-image-turbo")
    assert (wan.width, wan.height, wan.n, wan.seed, wan.prompt_extend, wan.watermark) == (
        1280,
        1280,
        4,
        None,
        True,
        False,
    )
    assert (qwen.width, qwen.height, qwen.n) == (2048, 2048, 1)
    assert (zimage.width, zimage.height, zimage.prompt_extend) == (1024, 1536, False)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "Field required: input.messages"),
        ({"prompt": "a boat"}, "Field required: input.messages"),
        ({"messages": []}, "No messages found in input"),
        ({"messages": [{"role": "user", "content": [{"text": "a"}]}] * 2}, "messages length only support 1"),
    ],
)
def test_the_words_for_a_bad_messages_shape(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ServiceFault) as caught:
        read_order(MODELS["wan2.6-t2i"], ASYNC_MESSAGES, {"input": given}, "observed")
    assert caught.value.message == message


@pytest.mark.parametrize(
    "message",
    [
        {"role": "system", "content": [{"text": "a"}]},
        {"role": "user", "content": "a"},
        {"role": "user", "content": []},
        {"role": "user", "content": [{"text": ""}]},
        {"role": "user", "content": [{"text": "a"}, {"text": "b"}]},
        "a",
    ],
)
def test_a_message_must_be_one_text_of_the_user(message: Any) -> None:
    with pytest.raises(ServiceFault):
        read_order(MODELS["wan2.6-t2i"], SYNC, {"input": {"messages": [message]}}, "observed")


@pytest.mark.parametrize("given", [{}, {"prompt": ""}, {"messages": []}, None, []])
def test_the_prompt_shape_needs_a_prompt(given: Any) -> None:
    with pytest.raises(ServiceFault, match=r"Field required: input\.prompt"):
        read_order(MODELS["qwen-image"], ASYNC_PROMPT, {"input": given}, "observed")


@pytest.mark.parametrize("where", ["input", "parameters"])
def test_the_prompt_shape_takes_a_negative_prompt_in_either_place(where: str) -> None:
    body: dict[str, dict[str, str]] = {"input": {"prompt": "a boat"}, "parameters": {}}
    body[where]["negative_prompt"] = "blur"
    assert read_order(MODELS["wan2.2-t2i-plus"], ASYNC_PROMPT, body, "observed").negative_prompt == "blur"


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b"1", b"\xff", b'{"model": "\\ud800"}', b"[" * 100_000])
def test_a_body_that_is_no_json_object(raw: bytes) -> None:
    with pytest.raises(ServiceFault) as caught:
        parse_body(raw)
    assert caught.value.http == 400
    assert caught.value.message == "Required body invalid, please check the request body format."


@pytest.mark.parametrize(
    ("model", "region"),
    [("qwen", BEIJING), (None, BEIJING), (["wan2.6-t2i"], BEIJING), ("wanx-v1", SINGAPORE), ("qwen-image", VIRGINIA)],
)
def test_models_that_a_region_does_not_have(model: object, region: str) -> None:
    with pytest.raises(ServiceFault) as caught:
        find_model({"model": model}, region)
    assert (caught.value.http, caught.value.message) == (400, "Model not exist.")


@pytest.mark.parametrize(
    ("model", "endpoint", "is_async", "refused"),
    [
        ("qwen-image-2.0-pro", SYNC, False, None),
        ("qwen-image-2.0-pro", SYNC, True, "current user api does not support asynchronous calls"),
        ("qwen-image-2.0-pro", ASYNC_MESSAGES, True, "url error, please check url!"),
        ("qwen-image-plus", ASYNC_PROMPT, True, None),
        ("qwen-image-plus", ASYNC_PROMPT, False, "current user api does not support synchronous calls"),
        ("wan2.6-t2i", ASYNC_MESSAGES, True, None),
        ("wan2.6-t2i", ASYNC_PROMPT, True, "url error, please check url!"),
        ("wan2.5-t2i-preview", SYNC, False, "url error, please check url!"),
        ("wan2.5-t2i-preview", ASYNC_MESSAGES, True, "url error, please check url!"),
        ("wan2.5-t2i-preview", ASYNC_PROMPT, True, None),
    ],
)
def test_which_endpoint_and_mode_a_model_has(model: str, endpoint: str, is_async: bool, refused: str | None) -> None:
    if refused is None:
        fit_endpoint(MODELS[model], endpoint, is_async, BEIJING)
        return
    with pytest.raises(ServiceFault) as caught:
        fit_endpoint(MODELS[model], endpoint, is_async, BEIJING)
    assert caught.value.message == refused
    assert caught.value.http == (400 if "url" in refused else 403)


@pytest.mark.parametrize("prompts", [("a Forbidden-Word here", ""), ("fine", "違禁詞")])
def test_moderation_reads_prompt_and_negative_prompt(prompts: tuple[str, str]) -> None:
    refused = order("qwen-image", prompt=prompts[0], negative_prompt=prompts[1])
    with pytest.raises(ServiceFault) as caught:
        inspect(refused, ("forbidden-word", "違禁詞"))
    assert (caught.value.http, caught.value.code) == (400, "DataInspectionFailed")


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda v: (
            st.lists(v)
            | st.dictionaries(
                st.sampled_from(["input", "messages", "prompt", "parameters", "size", "n", "role", "content", "text"]),
                v,
            )
        ),
    )
)
def test_no_json_breaks_the_reading(body: Any) -> None:
    parsed = {"input": body, "parameters": body} if not isinstance(body, dict) else body
    assert parse_body(json.dumps(parsed).encode()) == parsed
    for name in ("wan2.6-t2i", "qwen-image"):
        for endpoint in MODELS[name].endpoints:
            try:
                read_order(MODELS[name], endpoint, parsed, "observed")
            except ServiceFault as refused:
                assert refused.code == "InvalidParameter"
