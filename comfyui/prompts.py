"""Prompts in ComfyUI's queue."""

from __future__ import annotations

import time

from server import PromptServer


def queued_at(prompt_id: str) -> float:
    """When ComfyUI took a prompt that it runs now, in seconds since 1970; now where it does not tell."""
    running = PromptServer.instance.prompt_queue.currently_running
    times = [item[3].get("create_time") for item in list(running.values()) if item[1] == prompt_id]
    # None where another pack put the prompt into the queue.
    return times[0] / 1000 if times and times[0] is not None else time.time()
