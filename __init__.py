"""Model Studio Text2Image: Qwen-Image and Wan for ComfyUI, with your own Alibaba Cloud Model Studio key."""

from .nodes import comfy_entrypoint

WEB_DIRECTORY = "./web"

__all__ = ["WEB_DIRECTORY", "comfy_entrypoint"]
