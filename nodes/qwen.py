"""Qwen Text2Image: prompt to images with Qwen-Image models."""

from __future__ import annotations

from typing import Any

from comfy_api.latest import io

from ..comfyui.studio import studio
from ..model_studio.catalog import QWEN_MODELS
from .comfyui import fingerprint, image_output, running
from .inputs import CATEGORY, call_inputs, constant_checks, image_outputs, option_inputs, picture_inputs, plan
from .search import QWEN, TEXT_TO_IMAGE, found_by


class QwenText2Image(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="ModelStudioQwenText2Image",
            display_name="Qwen Text2Image",
            category=CATEGORY,
            description="Draws pictures with Qwen-Image, strong in complex Chinese and English text. "
            "Calls Alibaba Cloud Model Studio with your own key; each picture is paid for.",
            inputs=[*picture_inputs(QWEN_MODELS, custom_side=1328), *call_inputs(), *option_inputs(QWEN_MODELS)],
            outputs=image_outputs(),
            hidden=[io.Hidden.unique_id, io.Hidden.extra_pnginfo],
            **found_by(*QWEN, *TEXT_TO_IMAGE),
        )

    validate_inputs = constant_checks(QWEN_MODELS)

    fingerprint_inputs = classmethod(fingerprint)

    @classmethod
    async def execute(cls, timeout: int, **inputs: Any) -> io.NodeOutput:
        with running(cls, timeout) as waiting:
            result = await studio().generate(await plan(QWEN_MODELS, waiting, **inputs), waiting)
        return await image_output(cls, result)
