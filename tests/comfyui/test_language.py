"""Errors, notes and progress in the language of the page, on a real ComfyUI."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from rig.comfyui import ComfyUI
from simulator import Simulator

SMALL = {"model": "wan2.2-t2i-flash", "aspect_ratio": "custom", "width": 512, "height": 512}
SETTINGS = "user/default/comfy.settings.json"


@pytest.fixture
def speak(comfy: ComfyUI) -> Iterator[Callable[[str], None]]:
    """Reports a language as the page does; afterwards it is English again."""

    def report(locale: str) -> None:
        requests.put(f"{comfy.url}/model_studio/language", json={"locale": locale}, timeout=10).raise_for_status()

    yield report
    report("en")


def refusal(comfy: ComfyUI, graph: Any, class_type: str, **inputs: Any) -> str:
    """What a user reads of a prompt that is refused before it runs."""
    node = graph.add(class_type, **inputs)
    if class_type == "ModelStudioPromptList":
        node = graph.add("ModelStudioWanText2Image", prompt=[node, 0])
    if class_type != "ModelStudioSubmitText2Image":
        graph.save(node)
    run = comfy.run(graph)
    assert run.status == "refused" and run.refusal
    details: str = next(iter(run.refusal["node_errors"].values()))["errors"][0]["details"]
    return details


@pytest.mark.parametrize(
    ("class_type", "inputs", "says"),
    [
        (
            "ModelStudioQwenText2Image",
            {"prompt": "boats", "aspect_ratio": "custom", "width": 200, "height": 200},
            "qwen-image-2.0-pro 無法生成 200*200 的圖片。它支援：總像素 262144（512*512）到 4194304（2048*2048），"
            "長短邊之比不超過 8:1。建議：2048*2048, 2688*1536, 1536*2688, 2368*1728, 1728*2368。",
        ),
        ("ModelStudioSubmitText2Image", {"prompt": " "}, "提示詞是空的。請描述想要的圖片。"),
        ("ModelStudioTaskPoller", {"task_id": "a/b"}, "'a/b' 不是任務 ID。"),
        ("ModelStudioPromptList", {"prompts": "\n"}, "清單中沒有提示詞。請每行寫一個提示詞。"),
    ],
)
def test_a_refused_prompt(
    comfy: ComfyUI,
    graph: Any,
    speak: Callable[[str], None],
    class_type: str,
    inputs: dict[str, Any],
    says: str,
) -> None:
    speak("zh-TW")
    assert says in refusal(comfy, graph, class_type, **inputs)


def test_a_linked_value_that_is_refused(comfy: ComfyUI, graph: Any, speak: Callable[[str], None]) -> None:
    speak("zh-TW")
    width = graph.add("PrimitiveInt", value=100)
    graph.save(graph.add("ModelStudioWanText2Image", prompt="boats", aspect_ratio="custom", width=[width, 0]))
    run = comfy.run(graph)
    assert run.error and run.error["exception_message"].startswith("wan2.6-t2i 無法生成 100*1280 的圖片。")
    assert run.error["exception_type"].endswith("errors.InvalidRequest")


def test_an_error_of_the_service(
    comfy: ComfyUI, sim: Simulator, graph: Any, new_seed: Any, speak: Callable[[str], None]
) -> None:
    """What the service itself says, and its codes and ids, stay as they are."""
    speak("zh-TW")
    sim.faults.add("moderation_output", times=1)
    graph.save(graph.add("ModelStudioWanText2Image", prompt="boats", seed=new_seed(), **SMALL))
    run = comfy.run(graph)
    assert run.error
    (task_id,) = {seen.path.rsplit("/", 1)[1] for seen in sim.requests if "/tasks/" in seen.path}
    message = run.error["exception_message"]
    assert message.startswith(
        "內容審核拒絕了生成的圖片。服務傳回的訊息：「Output data may contain inappropriate content.」。"
    )
    assert "換一個種子可能通過；否則請修改提示詞。（錯誤碼 DataInspectionFailed，請求 ID " in message
    assert message.strip().endswith(f"，任務 ID {task_id}）")


def test_progress_summary_and_notes(
    comfy: ComfyUI, sim: Simulator, graph: Any, new_seed: Any, speak: Callable[[str], None]
) -> None:
    speak("zh-TW")
    inputs = {**SMALL, "negative_prompt": "x" * 501}
    node = graph.add("ModelStudioWanText2Image", prompt="boats", seed=new_seed(), **inputs)
    graph.save(node)
    shown = graph.show(node, 2)
    run = comfy.run(graph)
    assert run.status == "success"
    note = "負向提示詞有 501 個字元；服務只讀取前 500 個。"
    info = json.loads(run.text(shown))
    assert info["notes"] == [note] and info["source"] == "new"
    assert info["cost"]["basis"].startswith("定價（文件：模型價格")
    texts = [text for _, number, text in run.told if number == node]
    assert any(text.startswith("提交中") for text in texts) and any(text.startswith("已提交 ") for text in texts)
    summary, told = texts[-1].split("\n")
    assert summary.startswith("1 張圖片 512*512，") and summary.endswith(" 秒，按定價 CNY 0.14") and told == note


def test_a_submitted_task(comfy: ComfyUI, graph: Any, new_seed: Any, speak: Callable[[str], None]) -> None:
    speak("zh")
    node = graph.add("ModelStudioSubmitText2Image", prompt="boats", seed=new_seed(), **SMALL)
    run = comfy.run(graph)
    assert run.told[-1][2] == f"已提交：{run.text(node)}"


@pytest.mark.parametrize(
    ("locale", "says"),
    [
        ("zh", "提示词为空。"),
        ("zh-CN", "提示词为空。"),
        ("zh-HK", "提示詞是空的。"),
        ("zh-Hant-MO", "提示詞是空的。"),
        ("fr", "The prompt is empty."),
        ("en", "The prompt is empty."),
        ("../zh", "The prompt is empty."),
    ],
)
def test_languages(comfy: ComfyUI, graph: Any, speak: Callable[[str], None], locale: str, says: str) -> None:
    speak(locale)
    assert refusal(comfy, graph, "ModelStudioWanText2Image", prompt="").startswith(says)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "請求不是 1 到 4096 位元組的 JSON 物件。"),
        (b"{", "請求不是 1 到 4096 位元組的 JSON 物件。"),
        (b"[]", "請求不是 1 到 4096 位元組的 JSON 物件。"),
        (b"[" * 4000, "請求不是 1 到 4096 位元組的 JSON 物件。"),
        (b"[" * 200_000, "請求不是 1 到 4096 位元組的 JSON 物件。"),
        (b'{"locale": 1}', "請求中沒有「locale」。"),
        (b'{"language": "zh"}', "請求中沒有「locale」。"),
    ],
    ids=["empty", "cut off", "a list", "deep", "deep and long", "a number", "another name"],
)
def test_what_names_no_language_changes_nothing(
    comfy: ComfyUI, speak: Callable[[str], None], body: bytes, says: str
) -> None:
    speak("zh-TW")
    headers = {"Content-Type": "application/json"}
    answer = requests.put(f"{comfy.url}/model_studio/language", data=body, headers=headers, timeout=10)
    assert (answer.status_code, answer.json()) == (400, {"error": says})
    assert answer.headers["Cache-Control"] == "no-store"


def test_the_settings_file_alone(tmp_path: Path, new_graph: Callable[[], Any]) -> None:
    """For programs that queue prompts where no page was ever open: as the file is at that moment."""
    settings = tmp_path / SETTINGS
    settings.parent.mkdir(parents=True)
    settings.write_text('{"Comfy.Locale": "zh-TW"}', encoding="utf-8")
    with ComfyUI.start(home=tmp_path, env={}) as comfy:
        for content, says in (
            ('{"Comfy.Locale": "zh-TW"}', "提示詞是空的。"),
            ('{"Comfy.Locale": "fr"}', "The prompt is empty."),
            ("{}", "The prompt is empty."),
            ("{", "The prompt is empty."),
            ('{"Comfy.Locale": "zh"}', "提示词为空。"),
        ):
            settings.write_text(content, encoding="utf-8")
            assert refusal(comfy, new_graph(), "ModelStudioWanText2Image", prompt="").startswith(says), content
