"""Submit Text2Image Task: creates a task and returns its id at once."""

from __future__ import annotations

from typing import Any

from comfy_api.latest import io

from ..comfyui.studio import studio
from ..model_studio.catalog import TASK_MODELS
from ..model_studio.runs.info import NEW, RESUMED
from ..model_studio.runs.outcomes import Outcome
from ..model_studio.words import Text
from .comfyui import fingerprint, finish, running, submitted
from .inputs import CATEGORY, constant_checks, option_inputs, output, picture_inputs, plan
from .search import QWEN, TEXT_TO_IMAGE, WAN, found_by

# Seconds in which the service must take the task; it usually does so in under one, unless it limits requests.
PATIENCE = 120
_SOURCE_TEXTS = {NEW: Text("submitted"), RESUMED: Text("submitted before (resumed)")}


class SubmitText2Image(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="ModelStudioSubmitText2Image",
            display_name="Submit Text2Image Task",
            category=CATEGORY,
            description="Creates a task that draws pictures and returns its id at once; a Task Poller fetches them, "
            "now or within 24 hours. The pictures are paid for whether they are fetched or not.",
            inputs=[*picture_inputs(TASK_MODELS, custom_side=1280), *option_inputs(TASK_MODELS)],
            outputs=[
                output(io.String, "task_id", "The task's id, for a Task Poller. Valid for 24 hours."),
                output(io.String, "info", "JSON: model, region, request and task id, size, seed, cost, notes."),
            ],
            hidden=[io.Hidden.unique_id],  # ComfyUI adds extra_pnginfo for an output node
            is_output_node=True,
            **found_by(*QWEN, *WAN, *TEXT_TO_IMAGE),
        )

    validate_inputs = constant_checks(TASK_MODELS)

    fingerprint_inputs = classmethod(fingerprint)

    @classmethod
    async def execute(cls, **inputs: Any) -> io.NodeOutput:
        with running(cls, PATIENCE) as waiting:
            request = await plan(TASK_MODELS, waiting, call_mode="async", **inputs)
            task_id, info = await studio().submit(request, waiting)
        submitted(task_id)
        said = Text("{source}: {task_id}", source=_SOURCE_TEXTS[info["source"]], task_id=task_id)
        told = finish(cls, info, Outcome(said=said, ids=[task_id], notes=info["notes"]))
        # In the history too: whoever queued this node alone through the API finds the id there.
        return io.NodeOutput(task_id, told, ui={"text": (task_id,)})
