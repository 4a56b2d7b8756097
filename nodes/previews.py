"""The pictures of a node's runs while others are still drawn: ComfyUI's own preview of a running node.

They are made small and packed in a thread, and go only to the page that queued the prompt. ComfyUI's own way would pack
them in the event loop in which it answers, and would send those of a prompt without a page to every page.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from concurrent.futures import Future
from typing import IO

from comfy_api.feature_flags import supports_feature
from comfy_execution.progress import ProgressRegistry
from protocol import BinaryEventTypes
from server import PromptServer

from ..model_studio.runs.pictures import Picture, jpeg
from ..model_studio.runs.sheet import MOST, Sheet
from ..model_studio.threads import start

EVERY = 0.5  # seconds between two sheets of a node


class Preview:
    """A contact sheet of what a node's runs have drawn. However many pictures come, the page gets few sheets of it."""

    def __init__(self, progress: ProgressRegistry, node_id: str | None, client: str | None) -> None:
        self._progress = progress
        self._node_id = node_id
        self._client = client
        self._lock = threading.Lock()
        self._new: deque[tuple[tuple[int, int], Picture]] = deque(maxlen=MOST)  # no older one would be on the sheet
        self._worker: Future[None] | None = None
        self._wake = threading.Event()
        self._is_over = self._is_last = False
        # What only the worker uses.
        self._sheet = Sheet()
        self._is_sent = True
        self._sent = 0.0

    def add(self, place: tuple[int, int], picture: Picture) -> None:
        """A picture has come; from any thread. `place`: see Sheet.add."""
        if self._client is None or not _is_wanted(self._client):
            return
        with self._lock:
            self._new.append((place, picture))
            self._wake.set()
            if self._worker is None:
                self._worker = start(self._work)

    async def flush(self) -> None:
        """Waits until all that has come is shown."""
        self._is_last = True
        self._wake.set()
        if worker := self._worker:
            await asyncio.wait([asyncio.wrap_future(worker)])

    def close(self) -> None:
        """The node is done: from now on nothing is shown, for the page may be at the node's next run."""
        self._is_over = True
        self._wake.set()

    def _work(self) -> None:
        while self._take() and not self._is_over:
            wait = 0.0 if self._is_last else self._sent + EVERY - time.monotonic()
            if wait > 0:
                self._wake.wait(wait)
            else:
                self._send()

    def _take(self) -> bool:
        """Makes small what has come; whether there is something to show."""
        with self._lock:
            self._wake.clear()
            new = list(self._new)
            self._new.clear()
            if not new and self._is_sent:
                self._worker = None
                return False
        for place, picture in new:
            self._sheet.add(place, picture.shown)
            self._is_sent = False
        return True

    def _send(self) -> None:
        self._is_sent, self._sent = True, time.monotonic()
        packed = _Packed(jpeg(self._sheet.image()))
        prompt, node_id = self._progress.dynprompt, self._node_id
        about = {
            "prompt_id": self._progress.prompt_id,
            "node_id": node_id,
            "display_node_id": prompt.get_display_node_id(node_id),
            "parent_node_id": prompt.get_parent_node_id(node_id),
            "real_node_id": prompt.get_real_node_id(node_id),
        }
        if not self._is_over:
            event = BinaryEventTypes.PREVIEW_IMAGE_WITH_METADATA
            PromptServer.instance.send_sync(event, (("JPEG", packed, None), about), self._client)


class _Packed:
    """What ComfyUI takes for an image of PIL, which it would pack itself."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def save(self, file: IO[bytes], **_: object) -> None:
        file.write(self._content)


def _is_wanted(client: str) -> bool:
    """Whether it is a page that is there and understands which node a preview is of."""
    return bool(supports_feature(PromptServer.instance.sockets_metadata, client, "supports_preview_metadata"))
