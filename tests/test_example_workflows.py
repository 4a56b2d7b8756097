"""The example workflows, as files: what a page reads in them, what they promise about money, and their pictures.

Their texts in other languages are in locales/, by the English ones: web/page/examples.js puts them in.

That each runs is in tests/comfyui/test_examples.py.
"""

from __future__ import annotations

import itertools
import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from PIL import Image

from model_studio.catalog import ALL_MODELS, ASPECT_RATIOS
from model_studio.request import ImageRequest, plan
from model_studio.request.prompts import prompts_in
from rig import demo
from rig.layout import COMFYUI_VERSION, PACK_NAME, ROOT
from rig.workflows import to_api_prompt, widget_values
from tests.chinese import other_script, other_words

FOLDER = ROOT / "example_workflows"
FILES = sorted(FOLDER.glob("*.json"))
NOTE = "MarkdownNote"  # lives on the page only
MUTED = 2
TITLE_HEIGHT = 30  # of a node on the page, above its `pos`

# Nodes of ComfyUI that the examples use, in the shape of GET /object_info. 0.3.75 and 0.33.0 both have them with these
# inputs, and neither calls one deprecated.
CORE: dict[str, Any] = {
    "ImageGrid": {
        "display_name": "Image Grid",
        "input": {
            "required": {
                "images": ["IMAGE"],
                "columns": ["INT", {"min": 1, "max": 20}],
                "cell_width": ["INT", {"min": 32, "max": 2048}],
                "cell_height": ["INT", {"min": 32, "max": 2048}],
                "padding": ["INT", {"min": 0, "max": 50}],
            }
        },
        "output": ["IMAGE"],
        "output_is_list": [False],
        "output_name": ["images"],
    },
    "ImageScaleBy": {
        "display_name": "Upscale Image By",
        "input": {
            "required": {
                "image": ["IMAGE"],
                "upscale_method": [["nearest-exact", "bilinear", "area", "bicubic", "lanczos"]],
                "scale_by": ["FLOAT", {"min": 0.01, "max": 8.0}],
            }
        },
        "output": ["IMAGE"],
        "output_is_list": [False],
        "output_name": ["IMAGE"],
    },
    "ImageStitch": {
        "display_name": "Image Stitch",
        "input": {
            "required": {
                "image1": ["IMAGE"],
                "direction": [["right", "down", "left", "up"]],
                "match_image_size": ["BOOLEAN"],
                "spacing_width": ["INT", {"min": 0, "max": 1024}],
                "spacing_color": [["white", "black", "red", "green", "blue"]],
            },
            "optional": {"image2": ["IMAGE"]},
        },
        "output": ["IMAGE"],
        "output_is_list": [False],
        "output_name": ["IMAGE"],
    },
    "JoinImageWithAlpha": {
        "display_name": "Join Image with Alpha",
        "input": {"required": {"image": ["IMAGE"], "alpha": ["MASK"]}},
        "output": ["IMAGE"],
        "output_is_list": [False],
        "output_name": ["IMAGE"],
    },
    "PreviewAny": {
        "display_name": "Preview as Text",
        "input": {"required": {"source": ["*", {}]}},
        "output": [],
        "output_is_list": [],
        "output_name": [],
    },
    "PrimitiveStringMultiline": {
        "display_name": "String (Multiline)",
        "input": {"required": {"value": ["STRING", {"multiline": True}]}},
        "output": ["STRING"],
        "output_is_list": [False],
        "output_name": ["STRING"],
    },
    "RebatchImages": {
        "display_name": "Rebatch Images",
        "input": {"required": {"images": ["IMAGE"], "batch_size": ["INT", {"min": 1, "max": 4096}]}},
        "output": ["IMAGE"],
        "output_is_list": [True],
        "output_name": ["IMAGE"],
    },
    "SaveImage": {
        "display_name": "Save Image",
        "input": {"required": {"images": ["IMAGE"], "filename_prefix": ["STRING", {}]}},
        "output": [],
        "output_is_list": [],
        "output_name": [],
    },
    "StringConcatenate": {
        "display_name": "Concatenate",
        "input": {
            "required": {
                "string_a": ["STRING", {"multiline": True}],
                "string_b": ["STRING", {"multiline": True}],
                "delimiter": ["STRING", {}],
            }
        },
        "output": ["STRING"],
        "output_is_list": [False],
        "output_name": ["STRING"],
    },
}
OURS: dict[str, Any] = json.loads((ROOT / "tests/comfyui/object_info.json").read_text("utf-8"))
OBJECT_INFO = CORE | OURS
SCHEMA: dict[str, Any] = json.loads((ROOT / "tests/data/workflow-0.4.schema.json").read_text("utf-8"))
# Language -> English text -> its translation.
WORDS: dict[str, dict[str, str]] = {
    language: json.loads((ROOT / f"locales/{language}/main.json").read_text("utf-8"))["modelStudio"]["examples"]
    for language in ("zh", "zh-TW")
}
PRICE = "model_studio_price"  # the line on a node of ours, a widget of the page alone
CURRENCIES = {"cn-beijing": "CNY", "ap-southeast-1": "USD"}

Workflow = dict[str, Any]
Node = dict[str, Any]


@pytest.fixture(params=FILES, ids=lambda path: path.stem)
def file(request: pytest.FixtureRequest) -> Path:
    path: Path = request.param
    return path


@pytest.fixture
def workflow(file: Path) -> Workflow:
    content: Workflow = json.loads(file.read_text("utf-8"))
    return content


@pytest.fixture
def nodes(workflow: Workflow) -> list[Node]:
    """All but the notes."""
    return [node for node in workflow["nodes"] if node["type"] != NOTE]


@pytest.fixture
def notes(workflow: Workflow) -> dict[str, str]:
    """Language -> the note as it is read there."""
    return {
        language: "\n\n".join(words.get(paragraph, paragraph) for paragraph in note_of(workflow))
        for language, words in {"en": {}, **WORDS}.items()
    }


def note_of(workflow: Workflow) -> list[str]:
    """The paragraphs of the only note."""
    (text,) = (node["widgets_values"][0] for node in workflow["nodes"] if node["type"] == NOTE)
    paragraphs: list[str] = text.split("\n\n")
    return paragraphs


def texts_of(workflow: Workflow) -> set[str]:
    """All that a user reads, but for prompts and names of models."""
    texts = {group["title"] for group in workflow["groups"]} | set(note_of(workflow))
    texts |= {node["title"] for node in workflow["nodes"] if "title" in node}
    texts |= {socket["label"] for node in workflow["nodes"] for socket in node["inputs"] if "label" in socket}
    texts |= {shown["description"] for *_, shown in form(workflow) if "description" in shown}
    return texts - {model.name for model in ALL_MODELS}


def form(workflow: Workflow) -> list[tuple[Node, str, dict[str, Any]]]:
    """The fields of App mode: node, widget, how it is shown."""
    by_id = {node["id"]: node for node in workflow["nodes"]}
    fields = workflow["extra"]["linearData"]["inputs"]
    return [(by_id[node_id], name, *(shown or [{}])) for node_id, name, *shown in fields]


def specs(node: Node) -> dict[str, Any]:
    """Name -> [type, options] of a node's inputs."""
    inputs: dict[str, Any] = OBJECT_INFO[node["type"]]["input"]
    return {name: [*spec, {}][:2] for name, spec in (inputs["required"] | inputs.get("optional", {})).items()}


def is_widget(spec: list[Any]) -> bool:
    is_value = isinstance(spec[0], list) or spec[0] in ("INT", "FLOAT", "STRING", "BOOLEAN", "COMBO")
    return is_value and not spec[1].get("forceInput")


def fits(value: Any, spec: list[Any]) -> bool:
    """Whether a widget takes this value."""
    kind, options = spec
    if isinstance(kind, list) or kind == "COMBO":
        return value in (kind if isinstance(kind, list) else options["options"])
    if kind in ("INT", "FLOAT"):
        right_type = type(value) is int or (kind == "FLOAT" and type(value) is float)
        return right_type and options.get("min", value) <= value <= options.get("max", value)
    return type(value) is {"STRING": str, "BOOLEAN": bool}[kind]


def planned(workflow: Workflow, region: str) -> list[ImageRequest]:
    """The requests that a run sends when `auto` means this region."""
    prompt = to_api_prompt(workflow, OBJECT_INFO)
    requests = []
    for node in prompt.values():
        if "model" not in node["inputs"] or node["class_type"] not in OURS:
            continue
        given = demo.asked_for(node)
        linked = {name for name, value in node["inputs"].items() if isinstance(value, list)}
        assert linked <= {"prompt"}, "the price is hidden"
        for text in texts(prompt, given["prompt"]):
            requests.append(plan(**given | {"prompt": text, "region": region}))
    return requests


def texts(prompt: dict[str, Any], value: Any) -> list[str]:
    """What a `prompt` input holds: its own text, or that of a node before it; one for each request."""
    if isinstance(value, str):
        return [value]
    source = prompt[value[0]]
    if source["class_type"] == "ModelStudioPromptList":
        return prompts_in(**source["inputs"])
    assert source["class_type"] == "PrimitiveStringMultiline"
    return [source["inputs"]["value"]]


def test_every_workflow_has_a_thumbnail_and_every_thumbnail_a_workflow() -> None:
    assert len(FILES) >= 8
    assert sorted(path.name for path in FOLDER.iterdir()) == sorted(
        f"{file.stem}{suffix}" for file in FILES for suffix in (".json", ".jpg")
    )


def test_thumbnail_is_a_small_jpeg(file: Path) -> None:
    thumbnail = file.with_suffix(".jpg")
    with Image.open(thumbnail) as picture:
        assert picture.format == "JPEG"
        assert 512 <= picture.width <= 768
    assert thumbnail.stat().st_size < 150_000


def test_the_demo_finds_its_poster() -> None:
    assert [file for file in FILES if file.stem.startswith("Qwen poster")]


def test_format_is_the_one_that_pages_save(workflow: Workflow) -> None:
    jsonschema.validate(workflow, SCHEMA)


def test_ids_are_unique(workflow: Workflow) -> None:
    for numbers, last in (
        ([node["id"] for node in workflow["nodes"]], workflow["last_node_id"]),
        ([link[0] for link in workflow["links"]], workflow["last_link_id"]),
    ):
        assert len(set(numbers)) == len(numbers)
        assert max(numbers) == last
    assert sorted(node["order"] for node in workflow["nodes"]) == list(range(len(workflow["nodes"])))


def test_links_agree_with_both_ends(workflow: Workflow) -> None:
    by_id = {node["id"]: node for node in workflow["nodes"]}
    named: dict[str, set[int]] = {"inputs": set(), "outputs": set()}
    for node in workflow["nodes"]:
        named["inputs"] |= {socket["link"] for socket in node["inputs"]} - {None}
        named["outputs"] |= {link for socket in node["outputs"] for link in socket["links"] or ()}
    assert named["inputs"] == named["outputs"] == {link[0] for link in workflow["links"]}
    for number, source, output, target, slot, kind in workflow["links"]:
        start, end = by_id[source]["outputs"][output], by_id[target]["inputs"][slot]
        assert number in start["links"]
        assert number == end["link"]
        assert kind == start["type"]
        assert end["type"] in (kind, "*")
        assert by_id[source]["order"] < by_id[target]["order"]


def test_nodes_say_which_pack_they_are_of(workflow: Workflow) -> None:
    """ "Install missing nodes" reads it."""
    version = re.search(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text("utf-8"), re.M)
    assert version
    for node in workflow["nodes"]:
        properties = node["properties"]
        of_pack = (properties["cnr_id"], properties["ver"])
        assert of_pack == ((PACK_NAME, version[1]) if node["type"] in OURS else ("comfy-core", COMFYUI_VERSION))
        assert properties.get("Node name for S&R") == (None if node["type"] == NOTE else node["type"])


def test_sockets_are_those_of_the_nodes(nodes: list[Node]) -> None:
    for node in nodes:
        inputs = {
            name: ("COMBO" if isinstance(spec[0], list) else spec[0], {"name": name} if is_widget(spec) else None)
            for name, spec in specs(node).items()
        }
        assert {socket["name"]: (socket["type"], socket.get("widget")) for socket in node["inputs"]} == inputs
        info = OBJECT_INFO[node["type"]]
        outputs = [(socket["name"], socket["type"], socket.get("shape") == 6) for socket in node["outputs"]]
        assert outputs == list(zip(info["output_name"], info["output"], info["output_is_list"], strict=True))


def test_widgets_hold_values_that_they_take(nodes: list[Node]) -> None:
    for node in nodes:
        widgets = {name: spec for name, spec in specs(node).items() if is_widget(spec)}
        controls = sum(bool(spec[1].get("control_after_generate")) for spec in widgets.values())
        assert len(node["widgets_values"]) == len(widgets) + controls
        for name, value in widget_values(node, OBJECT_INFO[node["type"]]).items():
            assert fits(value, widgets[name]), f"{node['type']}: {name} is {value!r}"


def test_run_again_buys_nothing(nodes: list[Node]) -> None:
    for node in nodes:
        after_seed = [name for name, spec in specs(node).items() if is_widget(spec)]
        if "seed" in after_seed and specs(node)["seed"][1]["control_after_generate"]:
            assert node["widgets_values"][after_seed.index("seed") + 1] == "fixed"


@pytest.mark.parametrize("region", ["cn-beijing", "ap-southeast-1"])
def test_each_request_can_be_sent_without_a_warning(workflow: Workflow, region: str) -> None:
    requests = planned(workflow, region)
    assert requests
    for request in requests:
        assert request.notes == ()


def test_every_picture_is_saved(workflow: Workflow) -> None:
    """What was paid for is not left to a preview, which ComfyUI forgets; of tasks, once somebody wakes the poller."""
    awake = {**workflow, "nodes": [{**node, "mode": 0} for node in workflow["nodes"]]}
    prompt = to_api_prompt(awake, OBJECT_INFO)
    saved = {node_id for node_id, node in prompt.items() if node["class_type"] == "SaveImage"}
    for _ in prompt:  # one step back at a time, as many as there can be
        inputs = [value for node_id in saved for value in prompt[node_id]["inputs"].values()]
        saved |= {value[0] for value in inputs if isinstance(value, list)}
    drawing = {
        node_id for node_id, node in prompt.items() if "used_prompt" in OBJECT_INFO[node["class_type"]]["output_name"]
    }
    assert drawing
    assert drawing <= saved


def test_only_what_fetches_tasks_is_muted(workflow: Workflow) -> None:
    """Else something that is paid for might wake by accident."""
    muted = {node["id"] for node in workflow["nodes"] if node["mode"] != 0}
    prompt = to_api_prompt({**workflow, "nodes": [node | {"mode": 0} for node in workflow["nodes"]]}, OBJECT_INFO)
    assert not any("model" in prompt[str(node_id)]["inputs"] for node_id in muted)
    for _, source, _, target, _, _ in workflow["links"]:
        assert (source in muted) == (target in muted), "the page refuses to run a node whose source is muted"


@pytest.mark.parametrize("region", CURRENCIES)
def test_notes_say_what_is_bought(workflow: Workflow, notes: dict[str, str], region: str) -> None:
    """In each language: the count and the list prices of the catalog."""
    requests = planned(workflow, region)
    count = sum(request.n for request in requests)
    assert f"**{count} picture{'s' if count > 1 else ''}**" in notes["en"]
    assert any(request.model.is_set for request in requests) == ("at most" in notes["en"])
    assert f"**{count} 张图**" in notes["zh"]
    assert f"**{count} 張圖**" in notes["zh-TW"]
    for note in notes.values():
        assert re.search(rf"{CURRENCIES[region]} {money(total(requests))}(?!\d)", note)


@pytest.mark.parametrize("region", CURRENCIES)
def test_the_demo_says_the_same_price(workflow: Workflow, region: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in demo.pack_variables():
        monkeypatch.delenv(name)
    monkeypatch.setenv("DASHSCOPE_API_REGION", region)
    cost = demo.cost_of(to_api_prompt(workflow, OBJECT_INFO))
    assert cost == pytest.approx({CURRENCIES[region]: total(planned(workflow, region))})


def total(requests: list[ImageRequest]) -> float:
    return round(sum(request.price[0] * request.n for request in requests if request.price), 4)


def money(amount: float) -> str:
    """0.50, but 0.075."""
    return f"{amount:.2f}" if round(amount, 2) == amount else f"{amount:g}"


def test_notes_tell_where_the_key_goes_and_why_the_seed_is_fixed(notes: dict[str, str]) -> None:
    assert "*Settings > Model Studio*" in notes["en"] and "Never type it into a graph" in notes["en"]
    assert "“设置 > 百炼 (Model Studio)”" in notes["zh"] and "切勿填入工作流" in notes["zh"]
    assert "「設定 > 百鍊 (Model Studio)」" in notes["zh-TW"] and "切勿填入工作流程" in notes["zh-TW"]
    for note in notes.values():
        assert "**DASHSCOPE_API_KEY**" in note
        assert "**fixed**" in note


def test_notes_name_models_and_sizes_that_are_drawn(workflow: Workflow, notes: dict[str, str]) -> None:
    requests = planned(workflow, "cn-beijing")
    sizes = {str(request.size).replace("*", " × ") for request in requests}
    drawn = {
        ratio for request in requests for ratio in ASPECT_RATIOS if request.model.ratio_sizes[ratio] == request.size
    }
    for note in notes.values():
        assert all(f"**{request.model.name}**" in note for request in requests)
        assert set(ASPECT_RATIOS) & set(re.findall(r"\d+:\d+", note)) <= drawn
        assert set(re.findall(r"(\d+ × \d+) (?:pixels|像素)", note)) <= sizes


@pytest.mark.parametrize("language", WORDS)
def test_every_text_is_translated_and_nothing_else(language: str) -> None:
    said = {text for file in FILES for text in texts_of(json.loads(file.read_text("utf-8")))}
    assert set(WORDS[language]) == said
    translated = "".join(WORDS[language].values())
    assert not other_script(translated, language)
    assert not other_words(translated, language)


def test_an_example_says_that_it_is_one(workflow: Workflow) -> None:
    """Else the page leaves its texts as they are."""
    assert workflow["extra"]["model_studio_example"] is True


def test_it_opens_as_a_form_unless_a_part_of_it_waits_for_tomorrow(workflow: Workflow) -> None:
    """A muted node is not in App mode, and cannot be woken there."""
    assert workflow["extra"]["linearMode"] is not any(node["mode"] == MUTED for node in workflow["nodes"])


def test_fields_of_the_form_are_widgets_that_can_be_filled_in(workflow: Workflow) -> None:
    linked = {(link[3], link[4]) for link in workflow["links"]}
    fields = form(workflow)
    assert fields
    assert len({(node["id"], name) for node, name, _ in fields}) == len(fields)
    for node, name, shown in fields:
        assert node["mode"] == 0 and node["type"] != NOTE
        assert shown.keys() <= {"height", "description"}
        if name == PRICE:
            continue
        assert is_widget(specs(node)[name])
        slots = [index for index, socket in enumerate(node["inputs"]) if socket["name"] == name]
        assert not linked & {(node["id"], slot) for slot in slots}, "what is linked is not shown"


def test_the_form_has_the_price_of_each_node_that_buys(workflow: Workflow) -> None:
    buyers = {node["id"] for node in workflow["nodes"] if node["type"] in OURS and "model" in specs(node)}
    assert {node["id"] for node, name, _ in form(workflow) if name == PRICE} == buyers


def test_the_form_shows_all_that_a_run_saves(workflow: Workflow) -> None:
    """Where a run saves nothing (tasks are fetched the next day): the ids."""
    awake = [node for node in workflow["nodes"] if node["mode"] == 0]
    saves = {node["id"] for node in awake if node["type"] == "SaveImage"}
    ids = {node["id"] for node in awake if node["type"] == "PreviewAny"}
    assert sorted(workflow["extra"]["linearData"]["outputs"]) == sorted(saves or ids)


def test_nothing_private_is_inside(file: Path) -> None:
    """No key, no path of a machine, no address."""
    text = file.read_text("utf-8")
    assert not re.search(r"\bsk-|api_key\"|https?:|www\.|localhost|\d+\.\d+\.\d+\.\d+", text, re.I)
    assert not re.search(r"(?<![\w/])/(home|Users|root|tmp|var|mnt|opt|workspace)/|[A-Za-z]:\\\\", text)


def test_nodes_do_not_overlap(workflow: Workflow) -> None:
    boxes = {}
    for node in workflow["nodes"]:
        (left, top), (width, height) = node["pos"], node["size"]
        boxes[node["id"]] = (left, top - TITLE_HEIGHT, left + width, top + height)
    for (one, a), (other, b) in itertools.combinations(boxes.items(), 2):
        apart = a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]
        assert apart, f"nodes {one} and {other}"


def test_links_lead_to_the_right(workflow: Workflow) -> None:
    by_id = {node["id"]: node for node in workflow["nodes"]}
    for _, source, _, target, _, _ in workflow["links"]:
        assert by_id[source]["pos"][0] + by_id[source]["size"][0] <= by_id[target]["pos"][0]


def test_a_node_is_in_one_group_or_in_none(workflow: Workflow) -> None:
    for node in workflow["nodes"]:
        (left, top), (width, height) = node["pos"], node["size"]
        for x, y, wide, tall in (group["bounding"] for group in workflow["groups"]):
            inside = x <= left and y <= top - TITLE_HEIGHT and left + width <= x + wide and top + height <= y + tall
            outside = left + width <= x or x + wide <= left or top + height <= y or y + tall <= top - TITLE_HEIGHT
            assert inside or outside, f"node {node['id']} lies across the border of a group"
