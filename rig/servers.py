"""ComfyUI with the pack and a simulator behind it, for programs that use its page."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from simulator import Config, Simulator

from .comfyui import ComfyUI


@contextmanager
def servers(*args: str) -> Iterator[ComfyUI]:
    """Both; the service is quick, and nothing stays on the disk. `args`: of ComfyUI, such as frontend.arguments()."""
    with tempfile.TemporaryDirectory() as home, Simulator(Config(task_seconds=0.2)) as sim:
        env = {"DASHSCOPE_HTTP_BASE_URL": sim.base_url, "DASHSCOPE_API_KEY": sim.key, "MODEL_STUDIO_PACE": "off"}
        with ComfyUI.start(home=Path(home), env=env, args=args) as comfy:
            yield comfy
