"""What a node shows while it runs and afterwards, sent only to the page that queued it.

ComfyUI's own progress text is not used. Its page takes that for HTML, in which a workflow or an answer of the service
could bring a script, and shows it on any node of the same number. Our part of the page shows text as text.
"""

from __future__ import annotations

import asyncio
import threading
from contextvars import ContextVar
from typing import Any
from weakref import WeakKeyDictionary

from comfy_api.latest import io
from comfy_execution.progress import ProgressRegistry, get_progress_state
from server import PromptServer

from ..comfyui.language import translations
from ..model_studio.runs.outcomes import Outcome, Runs
from ..model_studio.waiting import Landed
from .previews import Preview

EVERY = 0.5  # seconds between two messages of a node, in the long run
AT_ONCE = 5  # messages after a pause

# ComfyUI's progress of a prompt -> node id -> that node's board.
_boards: WeakKeyDictionary[Any, dict[str | None, Board]] = WeakKeyDictionary()


class Board:
    """The runs of a node in a prompt. However many there are, the page gets few messages, and the last state always."""

    def __init__(self, node: type[io.ComfyNode], progress: ProgressRegistry) -> None:
        extra = node.hidden.extra_pnginfo
        self.runs = Runs()
        self._progress = progress
        self._node_id: str | None = node.hidden.unique_id  # None: called by Python code, in no graph
        self._address = {
            "prompt_id": progress.prompt_id,
            "node": self._node_id,
            "workflow": _text_at(extra, "workflow", "id"),
            "tab": _text_at(extra, "workflow", "extra", "model_studio_tab"),
        }
        server = getattr(PromptServer, "instance", None)
        self._client: str | None = server and server.client_id  # another prompt's by the time a late message comes
        self.preview = Preview(progress, self._node_id, self._client)
        self.awaited = 0  # runs of which more pictures may come
        self._loop = asyncio.get_running_loop()
        self._due: asyncio.Handle | None = None
        self._lock = threading.Lock()  # what becomes of a run that was left is told in the server's loop
        self._late: asyncio.Handle | None = None
        self._spent = 0.0  # by the loop's clock: the time until which messages were sent in advance
        self._last_lines: list[tuple[str, str]] = []
        self._last_fraction = 0.0

    def begin(self) -> int:
        with self._lock:
            return self.runs.begin()

    def show(self, number: int, text: str, fraction: float) -> None:
        with self._lock:
            self.runs.show(number, text, fraction)
        self._changed()

    def end(self, number: int, outcome: Outcome) -> None:
        with self._lock:
            self.runs.end(number, outcome)
        self._changed()

    def _changed(self) -> None:
        """Sends it soon, but not to client None: ComfyUI would send that to every page."""
        if self._client is None:
            return
        if self.runs.all_ended:  # the loop may end with this task: what is called soon still runs
            if self._due:
                self._due.cancel()
            self._due = self._loop.call_soon(self._tell)
        elif not self._due:
            self._due = self._loop.call_at(self._spent - (AT_ONCE - 1) * EVERY, self._tell)

    def _tell(self) -> None:
        self._due, self._spent = None, max(self._spent, self._loop.time()) + EVERY
        self._send()
        fraction = round(self.runs.fraction, 2)
        if fraction != self._last_fraction:
            self._last_fraction = fraction
            self._progress.update_progress(self._node_id, fraction, 1.0)

    def _send(self) -> None:
        with self._lock:
            lines = self.runs.lines(translations())
            if lines == self._last_lines:
                return
            self._last_lines = lines
            message = {**self._address, "lines": lines, "ids": self.runs.ids}
            PromptServer.instance.send_sync("model_studio.told", message, self._client)

    def fate(self, number: int, text: str) -> None:
        """What becomes of the request of a run that was left, told from any thread: the loop of the prompt may be gone.

        Of thousands, the page gets few messages.
        """
        if self._client is not None:
            PromptServer.instance.loop.call_soon_threadsafe(self._take_fate, number, text)

    def _take_fate(self, number: int, text: str) -> None:
        with self._lock:
            self.runs.fate(number, text)
        self._late = self._late or PromptServer.instance.loop.call_later(EVERY, self._tell_fates)

    def _tell_fates(self) -> None:
        self._late = None
        self._send()


class Line:
    """What one run of a node tells."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._number = board.begin()
        self._is_awaited = True
        board.awaited += 1

    def show(self, text: str, fraction: float) -> None:
        """What the run does now, and how far it is, 0…1."""
        self._board.show(self._number, text, fraction)

    def left(self, fate: str) -> None:
        """Nobody waits for it any more, and this becomes of its request."""
        self._board.fate(self._number, fate)

    def landed(self, landed: Landed) -> None:
        """A picture is here; there is no need to show it by itself where it is the only one. From any thread."""
        if landed.of > 1 or self._board.runs.are_many:
            self._board.preview.add((self._number, landed.number), landed.picture)

    async def show_all(self) -> None:
        """No more pictures come of this run: the last of the node's waits until all are shown."""
        self._no_more()
        if not self._board.awaited:
            await self._board.preview.flush()

    def end(self, outcome: Outcome) -> None:
        self._no_more()
        self._board.end(self._number, outcome)
        if self._board.runs.all_ended:
            self._board.preview.close()

    def _no_more(self) -> None:
        self._board.awaited -= self._is_awaited
        self._is_awaited = False


# ComfyUI runs each item of a list in a task, and so in a context, of its own.
_line: ContextVar[Line] = ContextVar("line")


def begin(node: type[io.ComfyNode]) -> Line:
    """The line of the run that begins here."""
    progress = get_progress_state()
    boards = _boards.setdefault(progress, {})
    board = boards.get(node.hidden.unique_id)
    if board is None:
        board = boards[node.hidden.unique_id] = Board(node, progress)
    line = Line(board)
    _line.set(line)
    return line


async def show_all() -> None:
    """The pictures of the run that began in this context are here."""
    await _line.get().show_all()


def end(outcome: Outcome) -> None:
    """The end of the run that began in this context."""
    _line.get().end(outcome)


def _text_at(tree: Any, *path: str) -> str:
    """Of what came with the prompt, which may be anything, a short text."""
    for name in path:
        tree = tree.get(name) if isinstance(tree, dict) else None
    return tree[:100] if isinstance(tree, str) else ""
