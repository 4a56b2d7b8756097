"""What a node shows: a line for each of its runs, of which a list of prompts makes several at once, and one bar."""

from __future__ import annotations

import asyncio
from typing import Any
from weakref import WeakKeyDictionary

from comfy_api.latest import io
from comfy_execution.progress import get_progress_state
from server import PromptServer

from ..model_studio.words import translate
from .language import words

# ComfyUI's progress of a prompt -> node id -> the runs of that node, by their tasks.
_boards: WeakKeyDictionary[Any, dict[str, dict[asyncio.Task[Any] | None, Line]]] = WeakKeyDictionary()


class Line:
    """What one run of a node tells."""

    def __init__(self, node_id: str, lines: dict[asyncio.Task[Any] | None, Line]) -> None:
        self._node_id = node_id
        self._lines = lines
        self._text = ""
        self._fraction = 0.0

    def show(self, text: str, fraction: float) -> None:
        """A text, shown in the user's language, and how far the run is, 0…1; with what the others told last."""
        self._text, self._fraction = text, fraction
        PromptServer.instance.send_progress_text(self._told(), self._node_id)
        done = sum(line._fraction for line in self._lines.values()) / len(self._lines)
        get_progress_state().update_progress(self._node_id, done, 1.0)

    def end(self, text: str, fraction: float = 0.0) -> None:
        """The last text of a run. The page keeps it on the node; ComfyUI's own progress text goes with the run."""
        self.show(text, fraction)
        server = PromptServer.instance
        server.send_sync("model_studio.told", {"node": self._node_id, "text": self._told()}, server.client_id)

    def _told(self) -> str:
        return "\n".join(translate(line._text, words()) for line in self._lines.values() if line._text)


def line(node: type[io.ComfyNode]) -> Line:
    """That of the run in this task; new, and below the others, where it has none yet."""
    node_id = node.hidden.unique_id
    lines = _boards.setdefault(get_progress_state(), {}).setdefault(node_id, {})
    return lines.setdefault(asyncio.current_task(), Line(node_id, lines))
