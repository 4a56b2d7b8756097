"""The words of the nodes in three languages, against the frozen nodes themselves."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any

import pytest

from rig.layout import ROOT
from tests.chinese import other_script, other_words

NODES: dict[str, Any] = json.loads((ROOT / "tests/comfyui/object_info.json").read_text("utf-8"))
INPUTS: dict[str, dict[str, Any]] = {
    node_id: node["input"].get("required", {}) | node["input"].get("optional", {}) for node_id, node in NODES.items()
}
MODELS = {name for inputs in INPUTS.values() for name in inputs.get("model", ["", {"options": []}])[1]["options"]}
# Numbers, names, words: "300", "qwen-image-2.0-pro", "cn-beijing", "curl".
LATIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*[A-Za-z0-9]|[0-9]")
CHINESE = ("zh", "zh-TW")


def words(language: str) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((ROOT / f"locales/{language}/nodeDefs.json").read_text("utf-8"))
    return read


def flat(branch: Any, *path: str) -> dict[tuple[str, ...], str]:
    """Path -> text."""
    if isinstance(branch, str):
        return {path: branch}
    return {where: text for key, value in branch.items() for where, text in flat(value, *path, key).items()}


def schema_words(node_id: str) -> dict[str, Any]:
    """What a node says of itself, in the shape of nodeDefs.json."""
    node, inputs = NODES[node_id], {}
    for name, (_, options) in INPUTS[node_id].items():
        inputs[name] = {"name": name, "tooltip": options["tooltip"]}
        if options.get("multiline") and "placeholder" in options:  # ComfyUI's page shows no other hints
            inputs[name]["placeholder"] = options["placeholder"]
    outputs = {
        str(index): {"name": name, "tooltip": tooltip}
        for index, (name, tooltip) in enumerate(zip(node["output_name"], node["output_tooltips"], strict=True))
    }
    said = {key: node[key] for key in ("display_name", "description")}
    return {**said, "inputs": inputs, "outputs": outputs}


@pytest.fixture(params=CHINESE)
def language(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def translated(language: str) -> dict[tuple[str, ...], str]:
    return flat(words(language))


def test_english_is_what_the_nodes_say() -> None:
    assert words("en") == {node_id: schema_words(node_id) for node_id in NODES}


def test_chinese_has_the_same_keys_in_the_same_order(translated: dict[tuple[str, ...], str]) -> None:
    assert [path for path in translated if "options" not in path] == list(flat(words("en")))


def test_values_that_need_it_have_a_label_that_begins_with_them(translated: dict[tuple[str, ...], str]) -> None:
    labelled: dict[tuple[str, str], list[str]] = {}
    for path, label in translated.items():
        if "options" in path:
            node, _, name, _, value = path
            labelled.setdefault((node, name), []).append(value)
            assert re.fullmatch(re.escape(value) + "（.+）", label)
    combos = {
        (node_id, name): options["options"]
        for node_id, inputs in INPUTS.items()
        for name, (kind, options) in inputs.items()
        if kind == "COMBO" and name != "model"
    }
    assert labelled == combos


def test_everything_is_translated(translated: dict[tuple[str, ...], str]) -> None:
    english = flat(words("en"))
    assert not {path: text for path, text in translated.items() if text == english.get(path)}


def test_numbers_and_models_are_those_of_the_english(translated: dict[tuple[str, ...], str]) -> None:
    for path, english in flat(words("en")).items():
        if path[-1] in ("tooltip", "description"):
            said, kept = Counter(LATIN.findall(english)), Counter(LATIN.findall(translated[path]))
            exact = {word for word in said | kept if word in MODELS or word.isdigit()}
            assert {word: said[word] for word in exact} == {word: kept[word] for word in exact}, path
            assert set(kept) <= set(said) | {"ID", "token"}, path


def test_each_chinese_keeps_to_its_own_characters_and_words(
    language: str, translated: dict[tuple[str, ...], str]
) -> None:
    text = "".join(translated.values())
    assert not other_script(text, language)
    assert not other_words(text, language)


def test_a_node_is_found_by_its_names_in_each_language() -> None:
    """The page's search looks at the display name; older ones at nothing else that is ours."""
    found = {
        language: [words(language)[f"ModelStudio{kind}Text2Image"]["display_name"] for kind in ("Qwen", "Wan")]
        for language in ("en", *CHINESE)
    }
    assert found == {
        "en": ["Qwen Text2Image", "Wan Text2Image"],
        "zh": ["Qwen 千问文生图", "Wan 万相文生图"],
        "zh-TW": ["Qwen 千問文生圖", "Wan 萬相文生圖"],
    }


@pytest.mark.parametrize("name", ["en", *CHINESE])
def test_no_text_is_a_formula_to_the_page(name: str) -> None:
    """vue-i18n reads these characters as variables, links and plurals."""
    assert not [text for text in flat(words(name)).values() if re.search(r"[{}@|]", text)]
