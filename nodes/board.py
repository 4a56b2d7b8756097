"""What a node shows: a line for each of its runs, of which a list of prompts makes several at once, and one bar."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any
from weakref import WeakKeyDictionary

from comfy_api.latest import io
from comfy_execution.progress import get_progress_state
from server import PromptServer

from ..model_studio.words import translate
from .language import words

# ComfyUI's progress of a prompt -> node id -> the lines of that node's runs.
_boards: WeakKeyDictionary[Any, dict[str | None, list[Line]]] = WeakKeyDictionary()


class Line:
    """What one run of a node tells."""

    def __init__(self, node_id: str | None) -> None:
        self._node_id = node_id
        self._lines = _boards.setdefault(get_progress_state(), {}).setdefault(node_id, [])
        self._lines.append(self)
        self._text = ""
        self._fraction = 0.0

    def show(self, text: str, fraction: float) -> None:
        """A text, shown in the user's language, and how far the run is, 0…1; with what the others told last."""
        self._text, self._fraction = translate(text, words()), fraction
        if self._node_id is None:  # called by Python code: there is no graph to show it on
            return
        PromptServer.instance.send_progress_text(self._told(), self._node_id)
        done = sum(line._fraction for line in self._lines) / len(self._lines)
        get_progress_state().update_progress(self._node_id, done, 1.0)

    def end(self, text: str, fraction: float = 0.0) -> None:
        """The last text of a run. The page keeps it on the node; ComfyUI's own progress text goes with the run."""
        self.show(text, fraction)
        if self._node_id is None:
            return
        server = PromptServer.instance
        server.send_sync("model_studio.told", {"node": self._node_id, "text": self._told()}, server.client_id)

    def _told(self) -> str:
        return "\n".join(line._text for line in self._lines if line._text)


# ComfyUI runs each item of a list in a task, and so in a context, of its own.
_line: ContextVar[Line] = ContextVar("line")


def begin(node: type[io.ComfyNode]) -> Line:
    """The line of the run that begins here."""
    line = Line(node.hidden.unique_id)
    _line.set(line)
    return line


def end(text: str) -> None:
    """The last text of the run that began in this context."""
    _line.get().end(text, 1.0)
