"""Prompt List: several prompts for one generator, which draws them all at the same time."""

from __future__ import annotations

from comfy_api.latest import io

from ..comfyui.language import in_users_language
from ..model_studio.request.prompts import prompts_in
from .inputs import CATEGORY, output
from .search import found_by


class PromptList(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="ModelStudioPromptList",
            display_name="Prompt List",
            category=CATEGORY,
            description="Hands each line on as a prompt of its own. A generator that is linked to it makes one request "
            "for each, all at the same time; each is paid for.",
            inputs=[
                io.String.Input(
                    "prompts",
                    multiline=True,
                    placeholder="One prompt per line",
                    tooltip="One prompt per line; empty lines are left out.",
                ),
            ],
            outputs=[output(io.String, "prompt", "The prompts, one after the other.", is_list=True)],
            **found_by(),
        )

    @classmethod
    def validate_inputs(cls, prompts: str | None = None) -> bool:
        if prompts is not None:  # None: linked
            with in_users_language():
                prompts_in(prompts)
        return True

    @classmethod
    def execute(cls, prompts: str) -> io.NodeOutput:
        with in_users_language():
            return io.NodeOutput(prompts_in(prompts))
