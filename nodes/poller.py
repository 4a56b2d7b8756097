"""Task Poller: task ids to images, whoever created the tasks."""

from __future__ import annotations

from comfy_api.latest import io

from ..comfyui.language import in_users_language
from ..comfyui.studio import studio
from .comfyui import fingerprint, image_output, running
from .inputs import CATEGORY, image_outputs, region_input, timeout_input
from .search import found_by


class TaskPoller(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="ModelStudioTaskPoller",
            display_name="Task Poller",
            category=CATEGORY,
            description="Waits for tasks and fetches their pictures: tasks of Submit Text2Image Task, or created "
            "elsewhere (curl, SDK) with a key of the same account. Fetching costs nothing.",
            inputs=[
                io.String.Input(
                    "task_id",
                    default="",
                    placeholder="9e2b6ef6-285d-4efa-8651-4dbda7d571fa",
                    tooltip="One task id or several, separated by commas, blanks or line ends. Valid for 24 hours.",
                ),
                region_input(),
                timeout_input(120),
            ],
            outputs=image_outputs(),
            hidden=[io.Hidden.unique_id, io.Hidden.extra_pnginfo],
            **found_by(),
        )

    @classmethod
    async def validate_inputs(cls, task_id: str | None = None) -> bool:
        if task_id is not None:  # None: linked
            with in_users_language():
                await studio().task_ids_soon(task_id)
        return True

    fingerprint_inputs = classmethod(fingerprint)

    @classmethod
    async def execute(cls, task_id: str, region: str, timeout: int, unique_id: object = None) -> io.NodeOutput:
        with running(cls, timeout) as waiting:
            result = await studio().collect(await studio().task_ids_of(task_id, waiting), region, waiting)
        return await image_output(cls, result)
