"""The nodes that people drag. Only this folder and `comfyui` know ComfyUI; only this one knows torch."""

from comfy_api.latest import ComfyExtension, io

from .color_palette import ColorPalette
from .poller import TaskPoller
from .prompt_list import PromptList
from .qwen import QwenText2Image
from .save_original import SaveOriginal
from .submit import SubmitText2Image
from .wan import WanText2Image
from .wan_set import WanImageSet

NODES: list[type[io.ComfyNode]] = [
    *(QwenText2Image, WanText2Image, SubmitText2Image, TaskPoller, PromptList),
    *(WanImageSet, ColorPalette, SaveOriginal),
]


class ModelStudioExtension(ComfyExtension):
    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        for node in NODES:
            node.hidden = io.HiddenHolder.from_dict({})  # for Python code that calls a node without ComfyUI's queue
        return NODES
