"""Wan Text2Image: prompt to images with Wan models."""

from __future__ import annotations

from typing import Any

from comfy_api.latest import io

from ..comfyui.studio import studio
from ..model_studio.catalog import WAN_MODELS
from .comfyui import fingerprint, image_output, running
from .inputs import CATEGORY, call_inputs, constant_checks, image_outputs, option_inputs, picture_inputs, plan
from .search import TEXT_TO_IMAGE, WAN, found_by


class WanText2Image(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="ModelStudioWanText2Image",
            display_name="Wan Text2Image",
            category=CATEGORY,
            description="Draws pictures with Wan, strong in realistic and photographic scenes. "
            "Calls Alibaba Cloud Model Studio with your own key; each picture is paid for.",
            inputs=[*picture_inputs(WAN_MODELS, custom_side=1280), *call_inputs(), *option_inputs(WAN_MODELS)],
            outputs=image_outputs(),
            hidden=[io.Hidden.unique_id, io.Hidden.extra_pnginfo],
            **found_by(*WAN, *TEXT_TO_IMAGE),
        )

    validate_inputs = constant_checks(WAN_MODELS)

    fingerprint_inputs = classmethod(fingerprint)

    @classmethod
    async def execute(cls, timeout: int, **inputs: Any) -> io.NodeOutput:
        with running(cls, timeout) as waiting:
            result = await studio().generate(await plan(WAN_MODELS, waiting, **inputs), waiting)
        return await image_output(cls, result)
