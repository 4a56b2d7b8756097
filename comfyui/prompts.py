"""Prompts in ComfyUI's queue."""

from __future__ import annotations

import time

from server import PromptServer


def queued_at(prompt_id: str) -> float:
    """When ComfyUI took a prompt that it runs now, in seconds since 1970; now where it does not tell."""
    running = PromptServer.instance.prompt_queue.currently_running
    extra_data = next((item[3] for item in list(running.values()) if item[1] == prompt_id), {})
    milliseconds = extra_data.get("create_time")  # missing where another pack put the prompt there
    return time.time() if milliseconds is None else milliseconds / 1000
