"""Wan Image Set: prompt to a set of pictures that belong together, with Wan models."""

from __future__ import annotations

from typing import Any

from comfy_api.latest import io

from ..comfyui.studio import studio
from ..model_studio.catalog import SET_MODELS
from .comfyui import fingerprint, image_output, running
from .inputs import CATEGORY, call_inputs, check_constants, image_outputs, picture_inputs, plan
from .search import TEXT_TO_IMAGE, WAN, found_by

_COUNT = io.Int.Input(
    "max_images",
    default=4,
    min=1,
    max=max(model.max_n for model in SET_MODELS),
    tooltip="The most pictures of the set. The model decides how many it draws, and each that it draws is paid for.",
)
_UNREAD = ("negative_prompt", "prompt_extend")  # by no model that draws sets


class WanImageSet(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        inputs = [*picture_inputs(SET_MODELS, custom_side=2048), *call_inputs()]
        return io.Schema(
            node_id="ModelStudioWanImageSet",
            display_name="Wan Image Set",
            category=CATEGORY,
            description="Draws a set of pictures that belong together, such as the scenes of a story, with Wan. "
            "Calls Alibaba Cloud Model Studio with your own key; the model decides how many, and each is paid for.",
            inputs=[_COUNT if given.id == "n" else given for given in inputs if given.id not in _UNREAD],
            outputs=image_outputs(),
            hidden=[io.Hidden.unique_id, io.Hidden.extra_pnginfo],
            **found_by(*WAN, *TEXT_TO_IMAGE, "image set", "story", "組圖", "组图"),
        )

    @classmethod
    async def validate_inputs(
        cls,
        prompt: str | None = None,
        model: str | None = None,
        aspect_ratio: str | None = None,
        width: int | None = None,
        height: int | None = None,
        max_images: int | None = None,
        region: str | None = None,
        call_mode: str | None = None,
    ) -> bool:
        about = {"aspect_ratio": aspect_ratio, "width": width, "height": height, "n": max_images}
        return await check_constants(
            SET_MODELS, prompt=prompt, model=model, region=region, call_mode=call_mode, **about
        )

    fingerprint_inputs = classmethod(fingerprint)

    @classmethod
    async def execute(cls, timeout: int, max_images: int, **inputs: Any) -> io.NodeOutput:
        with running(cls, timeout) as waiting:
            inputs |= {"n": max_images, "negative_prompt": "", "prompt_extend": False}
            result = await studio().generate(await plan(SET_MODELS, waiting, **inputs), waiting)
        return await image_output(cls, result)
