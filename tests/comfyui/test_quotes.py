"""The route by which a node on the page learns what its run will cost."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from rig.comfyui import ComfyUI

INPUTS = {"model": "qwen-image-2.0", "aspect_ratio": "1:1", "n": 2, "region": "auto"}


def test_a_node_learns_its_price(comfy: ComfyUI) -> None:
    told = comfy.post("/model_studio/quote", {"inputs": INPUTS, "linked": False})
    assert told.json() == {
        "applies": {
            "width": False,
            "height": False,
            "n": True,
            "negative_prompt": True,
            "prompt_extend": True,
            "watermark": True,
            "resolution": False,
            "prompt_extend_mode": False,
            "thinking": False,
            "color_palette": False,
        },
        "max_n": 6,
        "seconds": 3.6,
        "cost": {"amount": 0.4, "currency": "CNY", "precision": "exact"},
        "size": "2048*2048",
        "notes": [],
        "problem": None,
        "linked": False,
        "no_key": False,
        "prompts": 1,
        "credits": False,
        "legacy": False,
    }
    assert told.headers["Cache-Control"] == "no-store"


def test_a_node_of_sets_learns_the_most(comfy: ComfyUI) -> None:
    inputs = {"model": "wan2.7-image", "aspect_ratio": "1:1", "max_images": 4, "region": "auto", "call_mode": "auto"}
    told = comfy.post("/model_studio/quote", {"inputs": inputs, "linked": False, "set": True}).json()
    assert told["cost"] == {"amount": 0.8, "currency": "CNY", "precision": "at most"}
    told = comfy.post(
        "/model_studio/quote", {"inputs": inputs | {"max_images": 13}, "linked": False, "set": True}
    ).json()
    assert told["problem"].endswith("Set max_images to 1 to 12.")


def test_plan_credits_and_legacy_models_are_told(comfy: ComfyUI) -> None:
    inputs = INPUTS | {"region": "token-plan-cn-beijing", "n": 1}
    told = comfy.post("/model_studio/quote", {"inputs": inputs, "linked": False}).json()
    assert (told["cost"], told["credits"], told["legacy"]) == (None, True, False)
    inputs = {**INPUTS, "model": "qwen-image-max", "n": 1}
    assert comfy.post("/model_studio/quote", {"inputs": inputs, "linked": False}).json()["legacy"] is True


def test_a_node_learns_what_will_be_refused(comfy: ComfyUI) -> None:
    told = comfy.post("/model_studio/quote", {"inputs": INPUTS | {"n": 7}, "linked": False}).json()
    assert told["problem"] == "qwen-image-2.0 cannot make 7 pictures in one request. Set n to 1 to 6."


def test_region_that_the_server_does_not_lead_to_is_a_problem_of_the_node(comfy: ComfyUI) -> None:
    told = comfy.post("/model_studio/quote", {"inputs": INPUTS | {"region": "us-east-1"}, "linked": False}).json()
    assert "is not offered in region us-east-1" in told["problem"]


def test_a_node_learns_of_every_refusal_that_is_known(comfy: ComfyUI) -> None:
    def problem(inputs: Any, **more: Any) -> Any:
        return comfy.post("/model_studio/quote", {"inputs": inputs, "linked": False, **more}).json()

    empty = problem(INPUTS | {"prompt": " "})
    assert empty["problem"] == "The prompt is empty. Describe the picture you want."
    assert empty["cost"]["amount"] == 0.4
    no_key = problem(INPUTS | {"region": "us-east-1", "model": "wan2.6-t2i"})
    assert (no_key["problem"], no_key["no_key"]) == ("There is no API key for region us-east-1.", True)
    assert problem(INPUTS, prompts={"prompts": "a\n\nb"})["prompts"] == 2
    assert (
        problem(INPUTS, prompts={"prompts": "\n"})["problem"] == "The list holds no prompt. Write one prompt per line."
    )
    blocks = {"prompts": "a\n{b|c}\n\nd", "split": "blocks", "wildcards": True, "seed": 3}
    assert problem(INPUTS, prompts=blocks)["prompts"] == 2
    poller = problem({"task_id": "", "region": "auto"}, fetches=True)
    assert poller["problem"].startswith("There is not a task id.")
    assert problem({"task_id": "abc", "region": "auto"}, fetches=True)["problem"] is None
    assert problem(INPUTS | {"prompt": "x" * 100_000})["problem"] is None


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        {},
        {"inputs": 3, "linked": False},
        {"inputs": INPUTS},
        {"inputs": INPUTS, "linked": False, "prompts": "a"},
    ],
)
def test_anything_else_is_a_bad_request(comfy: ComfyUI, body: Any) -> None:
    assert comfy.post("/model_studio/quote", body).status_code == 400


@pytest.mark.parametrize("inputs", [{}, {"model": "x"}, {"model": 3}, INPUTS | {"n": "1"}])
def test_inputs_of_a_strange_workflow_are_refused_in_words(comfy: ComfyUI, inputs: Any) -> None:
    answer = comfy.post("/model_studio/quote", {"inputs": inputs, "linked": False})
    assert answer.status_code == 400
    assert answer.json()["error"]


def test_other_pages_learn_nothing(comfy: ComfyUI) -> None:
    for headers in ({"Origin": "http://elsewhere.example"}, {"Sec-Fetch-Site": "cross-site"}):
        answer = requests.post(
            f"{comfy.url}/model_studio/quote", json={"inputs": INPUTS, "linked": False}, headers=headers, timeout=10
        )
        assert answer.status_code == 403
        assert "amount" not in answer.text
