"""The nodes that people drag. Only this folder knows ComfyUI and torch."""

from comfy_api.latest import ComfyExtension, io

from .poller import TaskPoller
from .qwen import QwenText2Image
from .submit import SubmitText2Image
from .wan import WanText2Image


class ModelStudioExtension(ComfyExtension):
    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        return [QwenText2Image, WanText2Image, SubmitText2Image, TaskPoller]


async def comfy_entrypoint() -> ModelStudioExtension:
    return ModelStudioExtension()
