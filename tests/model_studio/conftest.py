"""A clock that tests drive, servers on loopback that answer just what a test says, and a Studio with its simulator."""

from __future__ import annotations

import asyncio
import json
import math
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import trustme

from model_studio.account.credentials import ApiKey
from model_studio.account.regions import ApiHost
from model_studio.ledger import unwritten
from model_studio.service.client import Client
from model_studio.service.clock import ServiceClock
from model_studio.service.exchange import Answer, Call, Exchange
from model_studio.service.pacer import Gate
from model_studio.studio import Studio
from model_studio.waiting import Clock, Waiting
from simulator import Config, Simulator

KEY = "sk-planted-0123456789"

unwritten.LAST_ATTEMPTS = 0.0  # tests leave ledgers that can never be written; pytest's own end waits for none


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder without a key of the person at this machine."""
    folder = tmp_path / "home"
    (folder / ".dashscope").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("USERPROFILE", str(folder))
    return folder


class DrivenClock(Clock):
    """Time passes only in its own sleeps, at once; it keeps count of them."""

    def __init__(self) -> None:
        self.time = 1000.0
        self.slept = 0.0

    def now(self) -> float:
        return self.time

    async def sleep(self, seconds: float, until: asyncio.Future[Any]) -> None:
        if seconds == math.inf:
            await until
            return
        self.time += seconds
        self.slept += seconds
        await asyncio.sleep(0)


@pytest.fixture
def clock() -> DrivenClock:
    return DrivenClock()


@pytest.fixture
def waiting(clock: DrivenClock) -> Waiting:
    return Waiting(300, clock=clock)


@pytest.fixture
def client_at() -> Callable[..., Client]:
    """A client of an exchange; `url`: of another host."""

    def make(exchange: Callable[[Call], Answer], url: str = "", key: str = KEY, queries: Gate | None = None) -> Client:
        host = ApiHost("cn-beijing", url or "https://dashscope.aliyuncs.com/api/v1", replaced=bool(url))
        return Client(host, ApiKey(key, "a test"), exchange, ServiceClock(), queries)

    return make


class Script:
    """Stands for the network: gives one prepared answer (or failure) for each call, and keeps the calls."""

    def __init__(self, *steps: Answer | Exception) -> None:
        self.steps = list(steps)
        self.calls: list[Call] = []

    def __call__(self, call: Call) -> Answer:
        self.calls.append(call)
        step = self.steps.pop(0)
        if isinstance(step, Exception):
            raise step
        return step


def answer(status: int, body: Any, **headers: str) -> Answer:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Answer(status, {name.replace("_", "-"): value for name, value in headers.items()}, content)


@pytest.fixture
def script() -> type[Script]:
    return Script


@pytest.fixture(name="answer")
def answer_fixture() -> Callable[..., Answer]:
    return answer


class RawServer:
    """A TCP server that reads one request per connection and then does what `react` does with the socket."""

    def __init__(self, react: Callable[[socket.socket], None]) -> None:
        self.requests: list[bytes] = []
        self._react = react
        self._closing = False
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(0.02)
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def close(self) -> None:
        self._closing = True
        self._thread.join(5)
        self._listener.close()

    def _serve(self) -> None:
        while not self._closing:
            try:
                connection, _ = self._listener.accept()
            except TimeoutError:
                continue
            with connection:
                connection.settimeout(5)
                self.requests.append(self._read(connection))
                try:
                    self._react(connection)
                except OSError:
                    continue

    @staticmethod
    def _read(connection: socket.socket) -> bytes:
        data = b""
        while b"\r\n\r\n" not in data:
            piece = connection.recv(65536)
            if not piece:
                break
            data += piece
        return data


@pytest.fixture
def raw_server() -> Iterator[Callable[[Callable[[socket.socket], None]], RawServer]]:
    servers: list[RawServer] = []

    def start(react: Callable[[socket.socket], None]) -> RawServer:
        servers.append(RawServer(react))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


def send(*pieces: bytes) -> Callable[[socket.socket], None]:
    """A reaction: sends these bytes and closes."""
    return lambda connection: [connection.sendall(piece) for piece in pieces] and None


def reset(connection: socket.socket) -> None:
    """A reaction: breaks the connection without a word (RST)."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


@pytest.fixture
def reactions() -> Sequence[Any]:
    return send, reset


@pytest.fixture
def exchange() -> Exchange:
    return Exchange()


@pytest.fixture
def tls_server(tmp_path: Path) -> Iterator[str]:
    """An https server whose certificate nobody trusts."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.handle_error = lambda *args: None  # the refused handshake is meant
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield f"https://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


# A Studio that talks to a simulator over real sockets


@pytest.fixture(scope="session")
def simulator_by_reads() -> Iterator[Simulator]:
    """Tasks advance when they are asked about: one answer PENDING, one RUNNING."""
    with Simulator(Config(progression="reads", sync_seconds=0)) as sim:
        yield sim


@pytest.fixture
def sim(simulator_by_reads: Simulator) -> Simulator:
    simulator_by_reads.reset()
    simulator_by_reads.clock.advance(time.time() - simulator_by_reads.clock.now())  # another test's jumps
    return simulator_by_reads


@pytest.fixture
def environ(sim: Simulator) -> dict[str, str]:
    keys = {f"DASHSCOPE_API_KEY_{region.upper().replace('-', '_')}": key for region, key in sim.keys.items()}
    return {"DASHSCOPE_HTTP_BASE_URL": sim.base_url, **keys}


@pytest.fixture
def studio(environ: dict[str, str], tmp_path: Path) -> Studio:
    return Studio(tmp_path, environ=environ)
