"""Color Palette: colours and their shares, from a list or from a picture, for models that take them."""

from __future__ import annotations

from typing import Any

from comfy_api.latest import io

from ..comfyui.language import in_users_language
from ..model_studio.request import palette
from .inputs import CATEGORY, output
from .search import WAN, found_by


class ColorPalette(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="ModelStudioColorPalette",
            display_name="Color Palette",
            category=CATEGORY,
            description="The colours that a picture of wan2.7 is to have, and how much of it each takes: written down, "
            "or taken from a picture.",
            inputs=[
                io.String.Input(
                    "colors",
                    multiline=True,
                    placeholder="One colour a line, such as #1A6FB0 40%",
                    tooltip="3 to 10 colours, one a line, each with its share; without shares all get the same. Leave "
                    "it empty to take them from the picture.",
                ),
                io.Int.Input(
                    "count",
                    default=5,
                    min=palette.FEWEST,
                    max=palette.MOST,
                    tooltip="How many colours are taken from the picture.",
                ),
                io.Image.Input(
                    "image",
                    optional=True,
                    tooltip="The picture whose main colours are taken where none are written down; of a batch the "
                    "first.",
                ),
            ],
            outputs=[output(io.String, "color_palette", "Colours and shares, for the input color_palette.")],
            **found_by(*WAN, "colours", "palette", "配色"),
        )

    @classmethod
    def validate_inputs(cls, colors: str | None = None) -> bool:
        if colors and colors.strip():  # None: linked
            with in_users_language():
                palette.parse(colors)
        return True

    @classmethod
    def execute(cls, colors: str, count: int, image: Any = None) -> io.NodeOutput:
        with in_users_language():
            if colors.strip() or image is None:
                found = palette.parse(colors)
            else:
                found = palette.of_picture((image[0, ..., :3] * 255).round().byte().cpu().numpy(), count)
        return io.NodeOutput(palette.text_of(found))
