"""A real ComfyUI with the pack, one for the session, that talks to a simulator with keys nobody has seen before."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from rig.comfyui import ComfyUI
from rig.prompt_run import PromptRun
from simulator import Config, Simulator
from simulator.config import Account


@pytest.fixture(scope="session")
def planted_keys() -> dict[str, str]:
    """Region -> a key made for this session, so that finding it anywhere is a leak. None for us-east-1."""
    return {region: f"sk-planted-{uuid.uuid4().hex}" for region in ("cn-beijing", "ap-southeast-1")}


@pytest.fixture(scope="session")
def running_simulator(planted_keys: dict[str, str]) -> Iterator[Simulator]:
    keys = {key: Account("account-1", region) for region, key in planted_keys.items()}
    with Simulator(Config(keys=keys)) as sim:
        yield sim


@pytest.fixture(scope="session")
def comfy(
    running_simulator: Simulator, planted_keys: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ComfyUI]:
    keys = {f"DASHSCOPE_API_KEY_{region.upper().replace('-', '_')}": key for region, key in planted_keys.items()}
    env = {"DASHSCOPE_HTTP_BASE_URL": running_simulator.base_url, **keys}
    with ComfyUI.start(home=tmp_path_factory.mktemp("comfyui"), env=env) as comfy:
        yield comfy


@pytest.fixture
def sim(running_simulator: Simulator) -> Simulator:
    running_simulator.reset()
    return running_simulator


NODES = {
    "sync": ("ModelStudioQwenText2Image", {"model": "qwen-image-2.0"}),
    "async": ("ModelStudioWanText2Image", {"model": "wan2.2-t2i-flash"}),
}
SMALL = {"prompt": "boats", "aspect_ratio": "custom", "width": 512, "height": 512}


@dataclass(frozen=True)
class Shown:
    """The ids of a node of ours and of those that show what it puts out."""

    node: str
    save: str
    info: str

    def read(self, run: PromptRun) -> dict[str, Any]:
        read: dict[str, Any] = json.loads(run.text(self.info))
        return read

    def text(self, run: PromptRun) -> str:
        """What the user sees: the error with its class, or how many pictures from where, and the notes.

        That is what they saw before where ComfyUI has it in its cache.
        """
        if run.status == "interrupted":
            return "Cancel"
        if run.error:
            return f"{run.error['exception_type'].rsplit('.', 1)[1]}: {run.error['exception_message'].strip()}"
        assert run.status == "success", (run.status, run.refusal)
        info = self.read(run)
        cached = "cached: " if self.node in run.cached else ""
        return cached + "; ".join([f"{info['image_count']} {info['source']}", *info["notes"]])


class Graph(dict[str, Any]):
    """A prompt in API format; `add` gives nodes the defaults of their inputs and returns their id."""

    def __init__(self, object_info: Mapping[str, Any]) -> None:
        super().__init__()
        self._object_info = object_info

    def add(self, class_type: str, **inputs: Any) -> str:
        required = self._object_info[class_type]["input"].get("required", {})
        defaults = {}
        for name, (kind, *options) in required.items():
            if options and "default" in options[0]:
                defaults[name] = options[0]["default"]
            elif isinstance(kind, list):
                defaults[name] = kind[0]
        node_id = str(len(self) + 1)
        self[node_id] = {"class_type": class_type, "inputs": {**defaults, **inputs}}
        return node_id

    def save(self, node_id: str) -> str:
        return self.add("SaveImage", images=[node_id, 0], filename_prefix=f"test-{uuid.uuid4().hex[:8]}")

    def show(self, node_id: str, output: int) -> str:
        return self.add("PreviewAny", source=[node_id, output])

    def draw(self, mode: str, **inputs: Any) -> Shown:
        """One of NODES with a small picture, saved, and its info."""
        class_type, model = NODES[mode]
        node = self.add(class_type, **{**SMALL, **model, "seed": uuid.uuid4().int % 2**31, **inputs})
        return Shown(node, self.save(node), self.show(node, 2))


@pytest.fixture(scope="session")
def object_info(comfy: ComfyUI) -> Any:
    return comfy.get("/object_info")


@pytest.fixture(scope="session")
def new_graph(object_info: Any) -> Callable[[], Graph]:
    return lambda: Graph(object_info)


@pytest.fixture
def graph(new_graph: Callable[[], Graph]) -> Graph:
    return new_graph()


@pytest.fixture(scope="session")
def new_seed() -> Callable[[], int]:
    """Seeds that no other test uses: equal nodes are answered from ComfyUI's cache."""
    return lambda: uuid.uuid4().int % 2**31


@pytest.fixture
def root() -> Path:
    return Path(__file__).parent.parent.parent
