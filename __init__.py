"""Model Studio Text2Image: Qwen-Image and Wan for ComfyUI, with your own Alibaba Cloud Model Studio key."""

from .comfyui.console import take_every_character
from .nodes import ModelStudioExtension
from .routes import register

WEB_DIRECTORY = "./web"

__all__ = ["WEB_DIRECTORY", "comfy_entrypoint"]


async def comfy_entrypoint() -> ModelStudioExtension:
    take_every_character()
    register()  # here, because ComfyUI 0.3.75 does not call on_load of custom nodes
    return ModelStudioExtension()
