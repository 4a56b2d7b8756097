"""Inputs and outputs that nodes share, and the checks of their values. Ids and order are a public promise."""

from __future__ import annotations

from typing import Any

from comfy_api.latest import io

from ..comfyui.language import in_users_language
from ..comfyui.studio import studio
from ..model_studio import catalog, request
from ..model_studio.account.regions import AUTO, REGIONS
from ..model_studio.catalog import ASPECT_RATIOS, Model
from ..model_studio.request import ImageRequest, checks
from ..model_studio.request.checks import CALL_MODES, CUSTOM, MAX_SEED
from ..model_studio.request.options import AUTO as AUTO_RESOLUTION
from ..model_studio.request.options import EXTEND_MODES, RESOLUTIONS, applies
from ..model_studio.threads import in_time
from ..model_studio.waiting import Waiting

CATEGORY = "Model Studio"
RECOMMENDED = {
    "Complex text and posters": ("qwen-image-2.0-pro", "wan2.6-t2i"),
    "photographs": ("wan2.6-t2i", "wan2.5-t2i-preview"),
    "free sizes": ("qwen-image-2.0-pro", "qwen-image-2.0", "wan2.6-t2i"),
}


def picture_inputs(models: tuple[Model, ...], custom_side: int) -> list[io.Input]:
    """What describes the pictures; `custom_side`: first width and height in pixels, a size that the models take."""
    return [
        io.String.Input(
            "prompt",
            multiline=True,
            placeholder="Describe the picture: subject, setting, style, light; put text to draw in quotes.",
            tooltip="What the picture shows. What is beyond the model's limit (characters or tokens) is cut off by the "
            "service; the node then says so.",
        ),
        io.Combo.Input(
            "model",
            options=[model.name for model in models],
            default=models[0].name,
            tooltip=_model_tooltip(models),
        ),
        io.Combo.Input(
            "aspect_ratio",
            options=[*ASPECT_RATIOS, CUSTOM],
            default=ASPECT_RATIOS[0],
            tooltip="Width to height. Each ratio stands for the model's own recommended size in pixels; "
            "custom takes width and height below.",
        ),
        *(
            io.Int.Input(
                side,
                default=custom_side,
                min=128,
                max=12288,
                tooltip=f"{side.capitalize()} in pixels, read only when aspect_ratio is custom.",
            )
            for side in ("width", "height")
        ),
        io.Int.Input(
            "n",
            default=1,
            min=1,
            max=max(model.max_n for model in models),
            tooltip="Number of pictures in one request. Each is paid for; some models make only 1.",
        ),
        io.Int.Input(
            "seed",
            default=0,
            min=0,
            max=MAX_SEED,
            control_after_generate=True,
            tooltip=f"Random seed, 0 to {MAX_SEED}. Every new seed is a new, paid request; the same request again "
            "comes from the store and is free. Set control after generate to fixed to keep a picture.",
        ),
        io.String.Input(
            "negative_prompt",
            multiline=True,
            default="",
            tooltip="What the picture should not show, up to 500 characters. Some models take none; the node then says "
            "so.",
        ),
        io.Boolean.Input(
            "prompt_extend",
            default=True,
            tooltip="Lets the service rewrite the prompt in more detail: better pictures from short prompts, 3 to 5 "
            "seconds longer. Switch it off for full control."
            + (" z-image-turbo costs twice as much with it." if catalog.find("z-image-turbo") in models else ""),
        ),
        io.Boolean.Input(
            "watermark", default=False, tooltip="Draws the service's watermark into the lower right corner."
        ),
        region_input(),
    ]


def option_inputs(models: tuple[Model, ...]) -> list[io.Input]:
    """What only some of the models take (see options.Options); the page shows an input where the chosen one does.

    Prompts in API format of before there were any have none.
    """
    inputs: dict[str, io.Input] = {
        "resolution": io.Combo.Input(
            "resolution",
            options=list(RESOLUTIONS),
            default=AUTO_RESOLUTION,
            optional=True,
            tooltip="How large pictures of the aspect ratio are: about 1K, 2K or 4K pixels square. auto: the model's "
            "recommended size. Some models cost less at 1K.",
        ),
        "prompt_extend_mode": io.Combo.Input(
            "prompt_extend_mode",
            options=list(EXTEND_MODES),
            default=EXTEND_MODES[0],
            optional=True,
            tooltip="How prompt_extend rewrites the prompt. agent: it plans the picture first, which takes longer.",
        ),
        "thinking": io.Boolean.Input(
            "thinking",
            default=True,
            optional=True,
            tooltip="Lets the model think before it draws: better pictures, later. Switch it off for speed.",
        ),
        "color_palette": io.String.Input(
            "color_palette",
            optional=True,
            force_input=True,
            tooltip="The colours of the picture and their shares, of the node Color Palette.",
        ),
    }
    for known in inputs.values():
        known.extra_dict = {"advanced": True}  # ComfyUI 0.3.75 has no argument for it
    return [known for name, known in inputs.items() if any(applies(model, name, True) for model in models)]


def region_input() -> io.Input:
    return io.Combo.Input(
        "region",
        options=[AUTO, *REGIONS],
        default=AUTO,
        tooltip="Where the API is called; a key works in its own region only. auto: the region set on the server, "
        "else the only one that there is a key for, else cn-beijing.",
    )


def call_inputs() -> list[io.Input]:
    """How the service is called and waited for."""
    return [
        io.Combo.Input(
            "call_mode",
            options=list(CALL_MODES),
            default=CALL_MODES[0],
            tooltip="sync: one long request. async: a task that can be found again by its id. auto: a task where the "
            "model allows it.",
        ),
        timeout_input(
            300,
            " A sync call always gets the 300 seconds the service takes for it: left early it would be lost.",
        ),
    ]


def _model_tooltip(models: tuple[Model, ...]) -> str:
    """The specification's advice on choosing, of the models in the list, and those that the vendor calls legacy."""
    names = [model.name for model in models]
    legacy = ", ".join(model.name for model in models if model.is_legacy)
    advice = {use: " or ".join(name for name in best if name in names) for use, best in RECOMMENDED.items()}
    told = "; ".join(f"{use}: {best}" for use, best in advice.items() if best)
    return " ".join(
        [
            "The model that draws.",
            *([f"{told}."] if told else []),
            *([f"Legacy, by the vendor's pages: {legacy}."] if legacy else []),
        ]
    )


def timeout_input(default: int, more: str = "") -> io.Input:
    return io.Int.Input(
        "timeout",
        default=default,
        min=10,
        max=86400,
        tooltip="Seconds to wait for the service; waiting for a rate limit does not count. A task goes on after that: "
        "run again within 24 hours to take it up." + more,
    )


def output(kind: Any, name: str, tooltip: str, is_list: bool = False) -> io.Output:
    """An output that is called by its id; older ComfyUI would call it by its type."""
    return kind.Output(name, display_name=name, tooltip=tooltip, is_output_list=is_list)


def image_outputs() -> list[io.Output]:
    return [
        output(
            io.Image,
            "images",
            "The pictures as one batch [B,H,W,3]; one batch for each size should the service draw several.",
            is_list=True,
        ),
        output(io.String, "used_prompt", "The prompt as the service rewrote it, where it returns it; otherwise yours."),
        output(
            io.String,
            "info",
            "JSON: model, region, request and task id, size, seed, image count, source, cost, times, notes.",
        ),
        output(
            io.Mask,
            "mask",
            "What is transparent in the pictures, as batches [B,H,W] like theirs: 1 where it is, 0 all over for opaque "
            "ones.",
            is_list=True,
        ),
    ]


def constant_checks(models: tuple[Model, ...]) -> Any:
    """A `validate_inputs` for a node with `picture_inputs` (see check_constants)."""

    async def validate_inputs(
        cls: type[io.ComfyNode],
        prompt: str | None = None,
        model: str | None = None,
        aspect_ratio: str | None = None,
        width: int | None = None,
        height: int | None = None,
        n: int | None = None,
        region: str | None = None,
        call_mode: str | None = None,
        resolution: str | None = None,
    ) -> bool:
        inputs = {name: value for name, value in locals().items() if name not in ("cls", "models")}
        return await check_constants(models, **inputs)

    return classmethod(validate_inputs)


async def check_constants(models: tuple[Model, ...], **inputs: Any) -> bool:
    """Checks what is known while the graph is validated, and says that it is right.

    Linked values arrive as None and are checked by `plan` when the node runs, and so is what the disk does not tell in
    time; ComfyUI's server waits for this, and goes on with all else. It raises InvalidRequest rather than
    returning its text, because ComfyUI repeats a returned text for each argument.
    """
    given = {name: value for name, value in inputs.items() if value is not None}
    with in_users_language():
        if "prompt" in given:
            checks.check_prompt(given["prompt"])
        real_region = await in_time(studio().region, given["region"]) if "region" in given else None
        if "model" in given:
            checks.check_known(checks.check_model(given["model"], models), real_region, given)
    return True


async def plan(
    models: tuple[Model, ...], waiting: Waiting, region: str, call_mode: str, unique_id: object = None, **inputs: Any
) -> ImageRequest:
    """The checked request for the inputs of `picture_inputs`. Raises ModelStudioError, Interrupted.

    `unique_id`: a number that programs which export graphs as Python code hand to every node.
    """
    real_region = await studio().region_of(region, waiting)
    return request.plan(models=models, region=real_region, call_mode=call_mode, **inputs)
