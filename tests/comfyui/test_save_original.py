"""Save Original Pictures in real graphs: the files are those of the service, byte for byte."""

from __future__ import annotations

import io
import json
import re
import uuid
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from model_studio.kinds import kind_of
from rig.comfyui import ComfyUI
from rig.prompt_run import PromptRun
from simulator import Simulator

from .conftest import Graph


@pytest.fixture
def prefix() -> str:
    return f"original-{uuid.uuid4().hex[:8]}"


def drawn(sim: Simulator) -> list[bytes]:
    return [sim.pictures[path] for charge in sim.billed for path in charge.paths]


def files_of(run: PromptRun, node: str) -> list[Path]:
    assert run.status == "success", run.error
    return run.images(node)


def keep(graph: Graph, source: Any, prefix: str, **inputs: Any) -> str:
    return graph.add("ModelStudioSaveOriginal", source=source, filename_prefix=prefix, **inputs)


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_the_files_are_those_that_the_service_gave(
    comfy: ComfyUI, sim: Simulator, graph: Graph, prefix: str, mode: str
) -> None:
    shown = graph.draw(mode, n=2)
    node = keep(graph, [shown.node, 2], prefix)
    run = comfy.run(graph)
    files = files_of(run, node)
    assert [file.name for file in files] == [f"{prefix}_0000{number}_.png" for number in (1, 2)]
    assert [file.read_bytes() for file in files] == drawn(sim)
    assert "original files saved: 2" in [text for _, _, text in run.told]
    again = [Image.open(file).convert("RGB").tobytes() for file in run.images(shown.save)]
    assert [Image.open(file).convert("RGB").tobytes() for file in files] == again
    assert list((comfy.home / "output").glob(".*")) == []


def test_by_task_ids_nothing_is_sent_and_nothing_overwritten(
    comfy: ComfyUI, sim: Simulator, graph: Graph, new_graph: Any, prefix: str
) -> None:
    shown = graph.draw("async")
    first = files_of(comfy.run(graph), shown.save)
    other = new_graph()
    other_shown = other.draw("async")
    tasks = [shown.read(comfy.run(graph))["task_id"], other_shown.read(comfy.run(other))["task_id"]]
    before = len(sim.requests)
    for count in (2, 4):
        alone = new_graph()
        # Another graph each time: ComfyUI would answer an equal one from its cache.
        node = keep(alone, f"{tasks[1]}{',' * count} {tasks[0]}", prefix)
        files = files_of(comfy.run(alone), node)
        assert [file.read_bytes() for file in files] == drawn(sim)[::-1]
        assert [int(file.stem.split("_")[-2]) for file in files] == [count - 1, count]
    assert len(sim.requests) == before and first


def test_a_list_is_saved_in_its_order_under_its_names(
    comfy: ComfyUI, sim: Simulator, graph: Graph, new_seed: Any, prefix: str
) -> None:
    prompts = [f"boat {prefix} {number}" for number in range(6)]
    listed = graph.add("ModelStudioPromptList", prompts="\n".join(prompts))
    inputs = {"model": "wan2.2-t2i-flash", "aspect_ratio": "custom", "width": 512, "height": 512, "n": 2}
    made = graph.add("ModelStudioWanText2Image", prompt=[listed, 0], seed=new_seed(), **inputs)
    node = keep(graph, [made, 2], [listed, 1])
    show = graph.show(made, 2)
    run = comfy.run(graph)
    files = files_of(run, node)
    names = [f"{number + 1:02}-boat-{prefix}-{number}" for number in range(6)]
    assert [file.name for file in files] == [f"{name}_0000{place}_.png" for name in names for place in (1, 2)]
    tasks = re.findall(r'"task_id": "([^"]+)"', run.text(show))
    by_task = {charge.task_id: [sim.pictures[path] for path in charge.paths] for charge in sim.billed}
    assert [file.read_bytes() for file in files] == [content for task in tasks for content in by_task[task]]


def test_the_info_of_a_poller_names_several_tasks(
    comfy: ComfyUI, sim: Simulator, graph: Graph, new_graph: Any, prefix: str
) -> None:
    shown = [graph.draw("async"), graph.draw("async")]
    run = comfy.run(graph)
    ids = [each.read(run)["task_id"] for each in shown]
    fetch = new_graph()
    node = keep(fetch, [fetch.add("ModelStudioTaskPoller", task_id=", ".join(ids)), 2], prefix)
    assert len(files_of(comfy.run(fetch), node)) == 2


def test_the_workflow_is_added_only_where_it_is_asked_for_and_to_png_files(
    comfy: ComfyUI, sim: Simulator, graph: Graph, prefix: str
) -> None:
    shown = graph.draw("sync")
    node = keep(graph, [shown.node, 2], prefix, workflow_metadata=True)
    run = comfy.run(graph)
    (file,), (content,) = files_of(run, node), drawn(sim)
    assert file.read_bytes().startswith(content[:33]) and file.read_bytes().endswith(content[33:])
    image: Any = Image.open(io.BytesIO(file.read_bytes()))
    by_comfyui: Any = Image.open(io.BytesIO(run.images(shown.save)[0].read_bytes()))
    assert json.loads(image.text["prompt"])[node]["class_type"] == "ModelStudioSaveOriginal"
    assert {name: image.text[name] for name in by_comfyui.text} == by_comfyui.text
    assert image.convert("RGB").tobytes() == Image.open(io.BytesIO(content)).convert("RGB").tobytes()


def test_another_kind_keeps_its_bytes_and_is_called_so(
    comfy: ComfyUI, sim: Simulator, graph: Graph, prefix: str
) -> None:
    sim.faults.add("picture_jpeg")
    shown = graph.draw("sync")
    node = keep(graph, [shown.node, 2], f"{prefix}/%width%", workflow_metadata=True)
    run = comfy.run(graph)
    (file,) = files_of(run, node)
    assert (file.parent.name, file.name) == (prefix, "512_00001_.jpg")
    assert kind_of(file.read_bytes()) == "JPEG" and b"prompt" not in file.read_bytes()
    assert "The workflow was added to PNG files only." in "\n".join(text for _, _, text in run.told)


@pytest.mark.parametrize("outside", ["../evil", "../../evil/x", "/evil/x", "a/../../evil"])
def test_a_prefix_that_leads_outside_is_refused(comfy: ComfyUI, sim: Simulator, graph: Graph, outside: str) -> None:
    shown = graph.draw("sync")
    keep(graph, [shown.node, 2], outside)
    run = comfy.run(graph)
    assert run.status == "error" and run.error
    assert "does not lead into the output folder" in run.error["exception_message"]
    assert str(comfy.home) not in run.error["exception_message"]
    assert not list(comfy.home.rglob("*evil*"))


@pytest.mark.parametrize(
    ("source", "says"),
    [
        (
            "9e2b6ef6-285d-4efa-8651-4dbda7d571fa",
            "No original of 9e2b6ef6-285d-4efa-8651-4dbda7d571fa is in the store.",
        ),
        ('{"request_id": "\' OR 1=1"}', "There is neither an info nor a task id."),
        ('{"request_id": "../../x"}', "No original of ../../x is in the store."),
    ],
)
def test_a_strangers_info_selects_nothing_and_asks_nothing(
    comfy: ComfyUI, sim: Simulator, graph: Graph, prefix: str, source: str, says: str
) -> None:
    text = graph.add("PrimitiveString", value=source)
    keep(graph, [text, 0], prefix)
    run = comfy.run(graph)
    assert run.status == "error" and run.error
    assert says in run.error["exception_message"]
    assert not sim.requests
    assert not list((comfy.home / "output").glob(f"{prefix}*"))


def test_what_names_nothing_is_refused_before_anything_runs(comfy: ComfyUI, sim: Simulator, graph: Graph) -> None:
    keep(graph, "", "x")
    run = comfy.run(graph)
    assert run.status == "refused"
    assert "There is neither an info nor a task id." in str(run.refusal)
