"""Talks to ComfyUI: text and bar on a node, Cancel, folders, image tensors."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import comfy.model_management
import torch
from comfy_api.latest import io
from comfy_execution.utils import get_executing_context

from ..comfyui.language import in_users_language, translations
from ..comfyui.prompts import queued_at
from ..comfyui.revisions import Place, Revisions
from ..comfyui.shutdown import end_politely
from ..model_studio.errors import ModelStudioError
from ..model_studio.runs.outcomes import Outcome, Pictures
from ..model_studio.runs.pictures import to_batches
from ..model_studio.studio import Result
from ..model_studio.threads import start
from ..model_studio.waiting import Interrupted, Origin, Waiting
from ..model_studio.words import Text, translate
from . import board

log = logging.getLogger(__name__)
_revisions = Revisions()
_CANCELED = Outcome(left=Text("canceled"))


@contextmanager
def running(node: type[io.ComfyNode], timeout: float) -> Iterator[Waiting]:
    """The waits of a node's run: progress is shown on the node, and Cancel ends it as ComfyUI's interrupt.

    Errors come out in the user's language.
    """
    line = board.begin(node)
    if _place():
        end_politely()
    interrupted = comfy.model_management.processing_interrupted
    try:
        with in_users_language():
            # Of a list, one node makes many runs: they stand in line as one.
            waiting = Waiting(timeout, interrupted, line.show, origin=_origin())
            waiting.on_left = line.left
            waiting.show_picture = line.landed
            yield waiting
    except ModelStudioError as error:
        _revisions.failed(error.failed_tasks)
        line.end(Outcome(error=error))
        raise
    except Interrupted:
        line.end(_CANCELED)
        # Not throw_exception_if_processing_interrupted: it clears the flag, and other waiting nodes would go on.
        raise comfy.model_management.InterruptProcessingException from None
    except BaseException:  # ComfyUI ends a node's siblings so, after Cancel and after an error
        line.end(_CANCELED if interrupted() else Outcome(left=Text("stopped")))
        raise


def fingerprint(node: type[io.ComfyNode], /, **constants: Any) -> int:
    """A node's `fingerprint_inputs`: changes when its last result is not final (see Revisions)."""
    place = _place()
    return _revisions.fingerprint(place, node.__name__, constants) if place else 0


def submitted(task_id: str) -> None:
    """The node's result is the id of a task, and good as long as the task is."""
    if place := _place():
        _revisions.submitted(place, task_id)


def _place() -> Place | None:
    """Where ComfyUI runs this; None for Python code that calls a node without its queue."""
    context = get_executing_context()
    return context and Place(context.prompt_id, context.node_id)


def _origin() -> Origin | None:
    place = _place()
    return place and Origin(place, queued_at(place.prompt_id))


def finish(node: type[io.ComfyNode], info: dict[str, Any], outcome: Outcome) -> str:
    """Tells the end of a run on the node, notes in the log too; `info` as the node's output, in the user's language."""
    for note in outcome.notes:
        log.warning("Node %s: %s", node.hidden.unique_id, note)
    board.end(outcome)
    return json.dumps(translate(info, translations()), ensure_ascii=False, indent=2)


async def image_output(node: type[io.ComfyNode], result: Result) -> io.NodeOutput:
    """Outputs `images`, `used_prompt`, `info`, `mask` (see inputs.image_outputs)."""
    _revisions.failed(result.failed_tasks)
    if not result.is_final and (place := _place()):
        _revisions.not_final(place)
    batches, _ = await asyncio.gather(asyncio.wrap_future(start(to_batches, result.pictures)), board.show_all())
    info = finish(node, result.info, Outcome(drawn=_drawn(result), notes=result.info["notes"]))
    images = [torch.from_numpy(batch.images) for batch in batches]
    masks = [torch.from_numpy(batch.mask) for batch in batches]
    return io.NodeOutput(images, result.used_prompt, info, masks)


def _drawn(result: Result) -> Pictures:
    info = result.info
    drawn = Pictures(len(result.pictures), info["size"], info["times"]["total_seconds"], info["source"])
    cost = info["cost"]
    return replace(drawn, amount=cost["amount"] or 0.0, currency=cost["currency"]) if cost else drawn
