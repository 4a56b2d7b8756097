"""A running ComfyUI with one pack, for the demo and the tests."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
import uuid
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

import requests
from websockets.sync.client import connect

from .isolation import environment_without_keys
from .layout import PACK_NAME, ROOT, RigError, comfyui_tree
from .pack import put_pack
from .processes import end, free_port
from .prompt_run import PromptRun, QueuedPrompt

_FOLDERS = ("custom_nodes", "input", "output", "temp", "user", "models")


class ComfyUIError(RigError):
    """ComfyUI did not start, or did not answer as expected."""


class ComfyUI:
    """A server process. Use it as a context manager; leaving ends the process."""

    def __init__(self, process: subprocess.Popen[bytes], url: str, home: Path, log_file: Path) -> None:
        self.process = process
        self.url = url
        self.home = home
        self.log_file = log_file
        self._http = requests.Session()
        self._http.trust_env = False  # the user's proxy must not be used for a loopback address

    @classmethod
    def start(
        cls,
        *,
        home: Path,
        pack: Path = ROOT,
        env: Mapping[str, str] | None = None,
        args: Sequence[str] = (),
        port: int | None = None,
        timeout: float = 180,
    ) -> ComfyUI:
        """Start ComfyUI with only this pack and wait until it answers; its files lie in `home`.

        The server sees no DASHSCOPE_* and MODEL_STUDIO_* variables but those in `env`, and a home directory inside
        `home`, so that no key of the person at this machine is ever used by accident.
        """
        home = home.absolute()
        for name in (*_FOLDERS, "person"):
            (home / name).mkdir(parents=True, exist_ok=True)
        put_pack(pack, home / "custom_nodes" / PACK_NAME)
        port = port or free_port()
        log_file = home / "comfyui.log"
        command = [sys.executable, "main.py", "--cpu", "--listen", "127.0.0.1", "--port", str(port)]
        command += [
            "--base-directory",
            str(home),
            "--database-url",
            f"sqlite:///{(home / 'user/comfyui.db').as_posix()}",
        ]
        command += ["--disable-auto-launch", "--disable-all-custom-nodes", "--whitelist-custom-nodes", PACK_NAME, *args]
        with log_file.open("wb") as log:
            process = subprocess.Popen(
                command,
                cwd=comfyui_tree(),
                env=server_environment(home / "person", env or {}),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        comfy = cls(process, f"http://127.0.0.1:{port}", home, log_file)
        with ExitStack() as on_failure:
            on_failure.callback(comfy.stop)
            comfy._wait_until_up(timeout)
            on_failure.pop_all()
        return comfy

    def __enter__(self) -> ComfyUI:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """End the server process: politely, then by force."""
        self._http.close()
        end(self.process)

    def log(self) -> str:
        """All that the server has printed so far."""
        return self.log_file.read_text(encoding="utf-8", errors="replace")

    def get(self, path: str) -> Any:
        """JSON of a GET request, such as get("/object_info")."""
        answer = self._http.get(self.url + path, timeout=30)
        answer.raise_for_status()
        return answer.json()

    def post(self, path: str, body: Any) -> requests.Response:
        """The answer to a POST request with a JSON body."""
        return self._http.post(self.url + path, json=body, timeout=30)

    def history(self, prompt_id: str) -> dict[str, Any]:
        """ComfyUI's record of a prompt that ended."""
        record: dict[str, Any] = self.get(f"/history/{prompt_id}")[prompt_id]
        return record

    def interrupt(self) -> None:
        """What the Cancel button does."""
        self.post("/interrupt", {}).raise_for_status()

    def queue(self, api_prompt: Mapping[str, Any], workflow: Mapping[str, Any] | None = None) -> QueuedPrompt:
        """Queue a prompt and follow it; `workflow` is the UI format that the page sends along for the PNG files."""
        run = PromptRun(self.home, prompt_id=str(uuid.uuid4()))
        client_id = uuid.uuid4().hex
        socket = connect(f"{self.url.replace('http', 'ws', 1)}/ws?clientId={client_id}", proxy=None, max_size=None)
        body = {
            "prompt": api_prompt,
            "prompt_id": run.prompt_id,
            "client_id": client_id,
            "extra_data": {"extra_pnginfo": {"workflow": workflow}} if workflow else {},
        }
        answer = self.post("/prompt", body)
        if answer.status_code == 400:
            run.status, run.refusal = "refused", answer.json()
        else:
            answer.raise_for_status()
        return QueuedPrompt(run, socket, lambda: self.history(run.prompt_id)["outputs"])

    def run(
        self, api_prompt: Mapping[str, Any], timeout: float = 60, workflow: Mapping[str, Any] | None = None
    ) -> PromptRun:
        """Queue a prompt and wait for its end."""
        queued = self.queue(api_prompt, workflow)
        try:
            return queued.wait(timeout)
        except (TimeoutError, ConnectionError) as error:
            raise ComfyUIError(f"{error}\n{self._log_tail()}") from None

    def _wait_until_up(self, timeout: float) -> None:
        """Return when the server answers and the pack is loaded."""
        deadline = time.monotonic() + timeout
        while not self._answers():
            if self.process.poll() is not None:
                raise ComfyUIError(f"ComfyUI ended (exit status {self.process.returncode}).\n{self._log_tail()}")
            if time.monotonic() > deadline:
                raise ComfyUIError(f"ComfyUI did not answer within {timeout:.0f} s.\n{self._log_tail()}")
            time.sleep(0.1)
        if re.search(rf"IMPORT FAILED.*{PACK_NAME}", self.log()):
            raise ComfyUIError(f"ComfyUI could not load the pack.\n{self._log_tail()}")

    def _answers(self) -> bool:
        try:
            return self._http.get(self.url + "/system_stats", timeout=5).ok
        except requests.RequestException:
            return False

    def _log_tail(self) -> str:
        return "\n".join([f"End of {self.log_file}:", *self.log().splitlines()[-60:]])


def server_environment(person: Path, own: Mapping[str, str]) -> dict[str, str]:
    """This process's environment without keys and settings of the person at this machine, plus `own`."""
    env = environment_without_keys() | {"HOME": str(person), "USERPROFILE": str(person)}
    env |= {"PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8"}  # the log is read while it is written
    for name in ("NO_PROXY", "no_proxy"):  # a proxy would look for the simulator on its own machine
        env[name] = ",".join(filter(None, [os.environ.get(name), "127.0.0.1,localhost"]))
    return env | dict(own)
