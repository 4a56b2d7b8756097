"""What the demo says and asks before it spends money."""

from __future__ import annotations

from argparse import Namespace
from typing import Any

import pytest

from rig import demo
from rig.layout import RigError


def generator(**inputs: Any) -> dict[str, Any]:
    given = {
        "prompt": "a cat",
        "model": "wan2.6-t2i",
        "aspect_ratio": "1:1",
        "width": 1280,
        "height": 1280,
        "n": 2,
        "seed": 7,
        "negative_prompt": "",
        "prompt_extend": True,
        "watermark": False,
        "region": "cn-beijing",
        "call_mode": "auto",
        "timeout": 300,
    }
    return {"class_type": "ModelStudioWanText2Image", "inputs": given | inputs}


SAVE = {"class_type": "SaveImage", "inputs": {"images": ["1", 0]}}


def test_costs_of_all_pictures_by_currency() -> None:
    prompt = {"1": generator(), "2": generator(n=1, region="ap-southeast-1", aspect_ratio="custom"), "3": SAVE}
    assert demo.cost_of(prompt) == pytest.approx({"CNY": 0.40, "USD": 0.03})


def test_a_linked_prompt_does_not_change_the_price() -> None:
    text = {"class_type": "PrimitiveStringMultiline", "inputs": {"value": "a cat"}}
    assert demo.cost_of({"1": generator(prompt=["4", 0]), "4": text}) == pytest.approx({"CNY": 0.40})
    with pytest.raises(RigError, match=r"depends on \['n'\]"):
        demo.cost_of({"1": generator(n=["4", 0])})


def prompt_list(prompts: Any) -> dict[str, Any]:
    return {"class_type": "ModelStudioPromptList", "inputs": {"prompts": prompts}}


def test_each_prompt_of_a_list_is_paid_for() -> None:
    linked = generator(prompt=["2", 0])
    assert demo.cost_of({"1": linked, "2": prompt_list("a cat\n\na dog\na hen")}) == pytest.approx({"CNY": 1.20})
    suffix = {"class_type": "StringConcatenate", "inputs": {"string_a": ["3", 0], "string_b": ", in oil"}}
    assert demo.cost_of({"1": linked, "2": suffix, "3": prompt_list("a cat\na dog")}) == pytest.approx({"CNY": 0.80})
    with pytest.raises(RigError, match="holds no prompt"):
        demo.cost_of({"1": linked, "2": prompt_list(" ")})
    with pytest.raises(RigError, match="whose text comes from another node"):
        demo.cost_of({"1": linked, "2": prompt_list(["3", 0]), "3": suffix})


def test_auto_is_the_region_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in demo.pack_variables():
        monkeypatch.delenv(name)
    assert list(demo.cost_of({"1": generator(region="auto")})) == ["CNY"]
    monkeypatch.setenv("DASHSCOPE_API_REGION", "ap-southeast-1")
    assert list(demo.cost_of({"1": generator(region="auto")})) == ["USD"]


def test_what_the_pack_would_refuse_is_not_offered() -> None:
    with pytest.raises(RigError, match=r"Nothing was sent: .*wan9-t2i"):
        demo.cost_of({"1": generator(model="wan9-t2i")})


def test_the_price_is_said_and_only_yes_goes_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    prompts = {"one": {"1": generator()}, "two": {"1": generator()}}
    monkeypatch.setattr("builtins.input", lambda _: "")
    with pytest.raises(RigError, match="Nothing was sent"):
        demo.confirm_cost(prompts, agreed=False)
    assert "at most CNY 0.80" in capsys.readouterr().out
    monkeypatch.setattr("builtins.input", lambda _: "y")
    demo.confirm_cost(prompts, agreed=False)
    monkeypatch.delattr("builtins.input")
    demo.confirm_cost(prompts, agreed=True)


def test_real_needs_a_key_and_someone_to_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "pack_variables", lambda: {"DASHSCOPE_HTTP_BASE_URL": "https://example.org"})
    with pytest.raises(RigError, match="DASHSCOPE_API_KEY"):
        demo.check_real(Namespace(command="demo", yes=True))
    monkeypatch.setattr(demo, "pack_variables", lambda: {"DASHSCOPE_API_KEY": "sk-x"})
    monkeypatch.setattr(demo, "has_terminal", lambda: False)
    with pytest.raises(RigError, match="--yes"):
        demo.check_real(Namespace(command="demo", yes=False))
    demo.check_real(Namespace(command="demo", yes=True))


def test_an_unknown_example_is_said() -> None:
    with pytest.raises(RigError, match="No example starts with “No such”"):
        demo.example_workflows("No such")
