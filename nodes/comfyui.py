"""Talks to ComfyUI: text and bar on a node, Cancel, folders, image tensors."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import comfy.model_management
import folder_paths
import torch
from comfy_api.latest import io
from comfy_execution.progress import get_progress_state
from server import PromptServer

from ..model_studio.info import NEW
from ..model_studio.pictures import to_float
from ..model_studio.studio import Result, Studio
from ..model_studio.waiting import Interrupted, Waiting, start

log = logging.getLogger(__name__)


@cache
def studio() -> Studio:
    """The one Studio of this process, made at first use."""
    return Studio(private_folder())


def private_folder() -> Path:
    """user/__model_studio, which ComfyUI gives out over no HTTP route; not created here."""
    name = "model_studio"
    if hasattr(folder_paths, "get_system_user_directory"):  # since 0.3.76
        return Path(folder_paths.get_system_user_directory(name))
    return Path(folder_paths.get_user_directory()) / f"__{name}"


@contextmanager
def running(node: type[io.ComfyNode], timeout: float) -> Iterator[Waiting]:
    """The waits of a node's run: progress is shown on the node, and Cancel ends it as ComfyUI's interrupt."""

    def show(text: str, fraction: float) -> None:
        say(node, text)
        get_progress_state().update_progress(node.hidden.unique_id, fraction, 1.0)

    try:
        yield Waiting(timeout, comfy.model_management.processing_interrupted, show)
    except Interrupted:
        # Not throw_exception_if_processing_interrupted: it clears the flag, and other waiting nodes would go on.
        raise comfy.model_management.InterruptProcessingException from None


def say(node: type[io.ComfyNode], text: str) -> None:
    """A line of text on the node."""
    PromptServer.instance.send_progress_text(text, node.hidden.unique_id)


def finish(node: type[io.ComfyNode], info: dict[str, Any], summary: str) -> str:
    """Tells the end of a run on the node, notes in the log too; `info` as the node's output."""
    notes = info["notes"]
    for note in notes:
        log.warning("Node %s: %s", node.hidden.unique_id, note)
    say(node, "\n".join([summary, *notes]))
    return json.dumps(info, ensure_ascii=False, indent=2)


async def image_output(node: type[io.ComfyNode], result: Result) -> io.NodeOutput:
    """Outputs `images` (a list: one batch [B,H,W,3] float32 0…1 for each size), `used_prompt`, `info`."""
    arrays = await asyncio.wrap_future(start(to_float, result.pictures))
    info = finish(node, result.info, _summary(result))
    return io.NodeOutput([torch.from_numpy(array) for array in arrays], result.used_prompt, info)


def _summary(result: Result) -> str:
    info = result.info
    count, cost, source = len(result.pictures), info["cost"], info["source"]
    parts = [f"{count} picture{'s' if count > 1 else ''} {info['size']}", f"{info['times']['total_seconds']:g} s"]
    if source != NEW:
        parts.append(source)
    if cost:
        parts.append(f"{cost['currency']} {_money(cost['amount'])}" + (" at list price" if source == NEW else ""))
    return ", ".join(parts)


def _money(amount: float) -> str:
    """0.50, but 0.015."""
    return f"{amount:.2f}" if round(amount, 2) == amount else f"{amount:g}"
