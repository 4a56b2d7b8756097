"""One prompt on its way through ComfyUI: what the websocket told and what came out."""

from __future__ import annotations

import json
import struct
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection

_TEXT_EVENT = 3  # of ComfyUI's binary messages: a progress text


@dataclass
class PromptRun:
    """All times are of time.monotonic(), as the messages came in."""

    home: Path
    prompt_id: str = ""
    status: str = "running"  # then success, error, interrupted or refused
    refusal: dict[str, Any] | None = None  # body of the 400 answer
    error: dict[str, Any] | None = None  # data of the execution_error message
    messages: list[tuple[float, dict[str, Any]]] = field(default_factory=list)
    progress_texts: list[tuple[float, str, str]] = field(default_factory=list)  # ComfyUI's: (time, node id, text)
    told: list[tuple[float, str, str]] = field(default_factory=list)  # the pack's, likewise
    cached: set[str] = field(default_factory=set)  # ids of the nodes that ComfyUI did not run again
    executed_at: dict[str, float] = field(default_factory=dict)  # node id -> when it was done
    started_at: float = 0.0
    ended_at: float = 0.0
    outputs: dict[str, dict[str, Any]] = field(default_factory=dict)  # node id -> its entry in the history

    def images(self, node_id: str) -> list[Path]:
        """Files of a node that saves or previews pictures."""
        files = self.outputs.get(node_id, {}).get("images", [])
        return [self.home / file["type"] / file["subfolder"] / file["filename"] for file in files]

    def text(self, node_id: str) -> str:
        """What a node such as PreviewAny shows."""
        return "\n".join(self.outputs[node_id]["text"])

    def take(self, message: str | bytes) -> bool:
        """Note a message of the websocket; True when it was the last of this prompt."""
        now = time.monotonic()
        if isinstance(message, bytes):
            self._take_binary(now, message)
            return False
        content = json.loads(message)
        self.messages.append((now, content))
        data = content.get("data") or {}
        if data.get("prompt_id") != self.prompt_id:
            return False
        match content["type"]:
            case "execution_start":
                self.started_at = now
            case "execution_cached":
                self.cached = set(data["nodes"])
            case "progress_state":
                for node_id, node in data["nodes"].items():
                    if node["state"] == "finished":
                        self.executed_at.setdefault(node_id, now)
            case "executed":
                self.executed_at.setdefault(data["node"], now)
            case "model_studio.told":
                self.told.append((now, data["node"], "\n".join(text for _, text in data["lines"])))
            case "execution_success":
                self.status = "success"
            case "execution_interrupted":
                self.status = "interrupted"
            case "execution_error":
                self.status, self.error = "error", data
            case "executing" if data["node"] is None:  # sent at the very end, on errors too
                self.ended_at = now
                return True
        return False

    def _take_binary(self, now: float, message: bytes) -> None:
        """Keep progress texts. They do not name their prompt: another's come before ours starts."""
        (event,) = struct.unpack_from(">I", message)
        if event == _TEXT_EVENT and self.started_at:
            (length,) = struct.unpack_from(">I", message, 4)
            node_id, text = message[8 : 8 + length], message[8 + length :]
            self.progress_texts.append((now, node_id.decode(), text.decode()))


class QueuedPrompt:
    """A prompt that was sent to ComfyUI. A thread follows it, so that the caller can do other things meanwhile."""

    def __init__(self, run: PromptRun, socket: ClientConnection, outputs: Callable[[], dict[str, Any]]) -> None:
        self.run = run
        self._socket = socket
        self._outputs = outputs
        self._thread = threading.Thread(target=self._follow, name=f"prompt {run.prompt_id}", daemon=True)
        self._thread.start()

    def wait(self, timeout: float = 60) -> PromptRun:
        """The run, when it has ended."""
        self._thread.join(timeout)
        if self._thread.is_alive():
            self._socket.close()
            raise TimeoutError(f"Prompt {self.run.prompt_id} did not end within {timeout:.0f} s.")
        if self.run.ended_at:
            self.run.outputs = self._outputs()
        elif self.run.status != "refused":
            raise ConnectionError(f"ComfyUI closed the connection before prompt {self.run.prompt_id} ended.")
        return self.run

    def _follow(self) -> None:
        with self._socket, suppress(ConnectionClosed):  # closed when the server ends or the caller gives up
            while self.run.status != "refused" and not self.run.take(self._socket.recv()):
                pass
