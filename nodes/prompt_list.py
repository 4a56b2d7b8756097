"""Prompt List: several prompts for one generator, which draws them all at the same time."""

from __future__ import annotations

from typing import Any

from comfy_api.latest import io

from ..comfyui.language import in_users_language
from ..model_studio.request import checks
from ..model_studio.request.checks import MAX_SEED
from ..model_studio.request.prompts import LINES, SPLITS, file_names, prompts_in
from .inputs import CATEGORY, output
from .search import found_by


class PromptList(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="ModelStudioPromptList",
            display_name="Prompt List",
            category=CATEGORY,
            description="Hands each line or block on as a prompt of its own. A generator that is linked to it makes "
            "one request for each, all at the same time; each is paid for.",
            inputs=[
                io.String.Input(
                    "prompts",
                    multiline=True,
                    placeholder="One prompt per line",
                    tooltip="One prompt per line, or per block (see split); empty ones are left out.",
                ),
                # Prompts in API format of before there were these have none of them: their defaults change nothing.
                io.Combo.Input(
                    "split",
                    options=list(SPLITS),
                    default=LINES,
                    optional=True,
                    tooltip="lines: each line is a prompt. blocks: a prompt may have several lines; an empty line or a "
                    "line of --- ends it.",
                ),
                io.Boolean.Input(
                    "wildcards",
                    default=False,
                    optional=True,
                    tooltip="Lets the seed choose one of several words in curly braces with vertical bars between "
                    "them, and leaves out lines that begin with #. Off: all of it is text like any other.",
                ),
                io.Int.Input(
                    "seed",
                    default=0,
                    min=0,
                    max=MAX_SEED,
                    optional=True,
                    # One that changes after each run would run all that is linked again, in workflows of before too.
                    control_after_generate=False,
                    tooltip=f"What wildcards choose by, 0 to {MAX_SEED}: the same text and seed always make the same "
                    "prompts. Another seed may make new ones, which are paid for.",
                ),
            ],
            outputs=[
                output(io.String, "prompt", "The prompts, one after the other.", is_list=True),
                output(
                    io.String,
                    "filename",
                    "For each prompt its number and first words, to link to the filename_prefix of Save Image.",
                    is_list=True,
                ),
            ],
            **found_by("wildcards", "dynamic prompts"),
        )

    @classmethod
    def validate_inputs(
        cls,
        prompts: str | None = None,
        split: str | None = LINES,
        wildcards: bool | None = False,
        seed: int | None = 0,
    ) -> bool:
        given = {"prompts": prompts, "split": split, "wildcards": wildcards, "seed": seed}
        if None not in given.values():  # None: linked
            with in_users_language():
                _prompts(given)
        return True

    @classmethod
    def execute(cls, prompts: str, split: str = LINES, wildcards: bool = False, seed: int = 0) -> io.NodeOutput:
        with in_users_language():
            found = _prompts({"prompts": prompts, "split": split, "wildcards": wildcards, "seed": seed})
        return io.NodeOutput(found, file_names(found))


def _prompts(given: dict[str, Any]) -> list[str]:
    checks.check_types(given)
    return prompts_in(**given)
