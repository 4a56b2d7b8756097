"""How far a request got, over real sockets that end in every way there is before and after the connection stands."""

from __future__ import annotations

import contextlib
import gc
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import trustme

from model_studio.service import connection
from model_studio.service.exchange import Exchange, LineBroken, NeverSent, Timeouts
from tests.model_studio.calls import OK, call

Reaction = Callable[[socket.socket], None]
HTTP_400 = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"
ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"
HANDSHAKE_FAILURE = b"\x15\x03\x01\x00\x02\x02\x28"  # a TLS alert
SECRET = b"a-paid-prompt"


def read(connection: socket.socket) -> bytes:
    with contextlib.suppress(OSError):
        return connection.recv(65536)
    return b""


def reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def hang(connection: socket.socket) -> None:
    while read(connection):  # until the other side gives up
        pass


def after_hello(then: Reaction) -> Reaction:
    """A reaction to the first bytes, whatever they are."""

    def react(connection: socket.socket) -> None:
        read(connection)
        then(connection)

    return react


def says(data: bytes) -> Reaction:
    return lambda connection: connection.sendall(data)


def drips(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while True:
            connection.sendall(b"x")
            time.sleep(0.01)


def nothing(connection: socket.socket) -> None:
    """Ends politely (FIN)."""


BEFORE_TLS_STANDS = {
    "FIN at once": nothing,
    "RST at once": reset,
    "FIN after the hello": after_hello(nothing),
    "RST after the hello": after_hello(reset),
    "an alert": after_hello(says(HANDSHAKE_FAILURE)),
    "plain HTTP": after_hello(says(HTTP_400)),
    "rubbish": after_hello(says(b"\x00" * 100)),
    "silence": hang,
    "a drip": drips,
}


class Peer:
    """Does with each connection what a test says, without reading anything first; keeps count of them."""

    def __init__(self, react: Reaction) -> None:
        self.connections = 0
        self._react = react
        self._listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._serve, daemon=True).start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._listener.getsockname()[1]}"

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                accepted, _ = self._listener.accept()
                self.connections += 1
                threading.Thread(target=self._one, args=(accepted,), daemon=True).start()

    def _one(self, accepted: socket.socket) -> None:
        with accepted, contextlib.suppress(OSError):
            accepted.settimeout(5)
            self._react(accepted)


@pytest.fixture
def peer() -> Iterator[Callable[[Reaction], Peer]]:
    peers: list[Peer] = []

    def start(react: Reaction) -> Peer:
        peers.append(Peer(react))
        return peers[-1]

    yield start
    for one in peers:
        one.close()


QUICK = Timeouts(connect=0.3, read=0.3, total=1)


def ask(address: str, **changes: Any) -> Any:
    return Exchange()(call(address, method="POST", body={"p": SECRET.decode()}, timeouts=QUICK, fresh=True, **changes))


@pytest.fixture
def sweep() -> Iterator[None]:
    """Python leaves a socket to its collector that the other side resets before the TLS hello: not to a later test."""
    yield
    gc.collect()


def collected(test: Any) -> Any:
    ignored = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
    return ignored(pytest.mark.usefixtures("sweep")(test))


@collected
@pytest.mark.parametrize("react", BEFORE_TLS_STANDS.values(), ids=BEFORE_TLS_STANDS.keys())
def test_until_tls_stands_nothing_was_sent(peer: Any, react: Reaction) -> None:
    other = peer(react)
    with pytest.raises(NeverSent) as caught:
        ask(f"https://{other.address}/api")
    assert other.connections == 1
    assert caught.value.reason and "{" not in caught.value.reason


def tunneled(then: Reaction) -> Reaction:
    """A proxy that lets CONNECT pass; behind it is what `then` does."""

    def react(connection: socket.socket) -> None:
        read(connection)
        connection.sendall(ESTABLISHED)
        then(connection)

    return react


BEFORE_THE_TUNNEL_STANDS = {
    **BEFORE_TLS_STANDS,
    "login wanted": after_hello(says(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")),
    "a head without end": after_hello(says(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200)),
    "another protocol": after_hello(says(b"SSH-2.0-OpenSSH_9.2\r\n")),
    **{f"tunnel, then {name}": tunneled(then) for name, then in BEFORE_TLS_STANDS.items()},
}


@pytest.fixture
def use_proxy(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    def use(url: str) -> None:
        monkeypatch.setenv("https_proxy", url)
        for name in ("no_proxy", "NO_PROXY"):
            monkeypatch.delenv(name, raising=False)

    return use


@collected
@pytest.mark.parametrize("react", BEFORE_THE_TUNNEL_STANDS.values(), ids=BEFORE_THE_TUNNEL_STANDS.keys())
def test_until_a_proxys_tunnel_stands_nothing_was_sent(peer: Any, use_proxy: Any, react: Reaction) -> None:
    proxy = peer(react)
    use_proxy(f"http://{proxy.address}")
    with pytest.raises(NeverSent):
        ask("https://dashscope.invalid/api")
    assert proxy.connections == 1


SOCKS_GRANTS = b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00"


def socks(then: Reaction) -> Reaction:
    """A SOCKS5 proxy that lets everybody in; behind it is what `then` does."""

    def react(connection: socket.socket) -> None:
        read(connection)
        connection.sendall(b"\x05\x00")
        read(connection)
        connection.sendall(SOCKS_GRANTS)
        then(connection)

    return react


BEFORE_SOCKS_STANDS = {
    **BEFORE_TLS_STANDS,
    "refused": after_hello(says(b"\x05\xff")),
    **{f"granted, then {name}": socks(then) for name, then in BEFORE_TLS_STANDS.items()},
}


@collected
@pytest.mark.parametrize("react", BEFORE_SOCKS_STANDS.values(), ids=BEFORE_SOCKS_STANDS.keys())
def test_until_a_socks_proxy_stands_nothing_was_sent(peer: Any, use_proxy: Any, react: Reaction) -> None:
    proxy = peer(react)
    use_proxy(f"socks5h://{proxy.address}")
    with pytest.raises(NeverSent):
        ask("https://dashscope.invalid/api")
    assert proxy.connections == 1


AFTERWARDS = {
    "FIN": nothing,
    "RST": reset,
    "silence": hang,
    "rubbish": says(b"\x00" * 100),
    "half a body": says(OK + b"Content-Length: 100\r\n\r\nhalf"),
    "a page of a gateway": says(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 10\r\n\r\nhalf"),
}


@pytest.fixture
def trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """Of a server at 127.0.0.1 that this machine trusts."""
    authority = trustme.CA()
    bundle = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(str(bundle))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


@pytest.mark.parametrize("react", AFTERWARDS.values(), ids=AFTERWARDS.keys())
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_once_the_connection_stands_it_may_have_arrived(
    peer: Any, trusted: ssl.SSLContext, react: Reaction, scheme: str
) -> None:
    arrived: list[bytes] = []

    def listen(accepted: socket.socket) -> None:
        stream = trusted.wrap_socket(accepted, server_side=True) if scheme == "https" else accepted
        with stream:
            data = b""
            while SECRET not in data:
                data += stream.recv(65536)
            arrived.append(data)
            react(stream)

    with pytest.raises(LineBroken):
        ask(f"{scheme}://{peer(listen).address}/api")
    assert arrived


def test_where_nothing_keeps_account_it_may_have_arrived(peer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Should urllib3 make its connections in another way one day, the doubt is for the user's money."""
    monkeypatch.setattr(connection, "watch", lambda manager, public=False: None)
    with pytest.raises(LineBroken):
        ask(f"https://{peer(after_hello(nothing)).address}/api")


@pytest.mark.parametrize("path", ["/", "/head"])
def test_an_answer_that_drips_ends_with_the_exchange_and_leaves_nothing_behind(peer: Any, path: str) -> None:
    """Head and body, byte by byte, each in time for the pause between two pieces."""
    gone = threading.Event()

    def drip(accepted: socket.socket) -> None:
        read(accepted)
        head = b"HTTP/1.1 200 OK\r\n" if path == "/head" else OK + b"Content-Length: 1000000\r\n\r\n"
        try:
            accepted.sendall(head)
            while True:
                accepted.sendall(b"x")
                time.sleep(0.01)
        except OSError:
            gone.set()

    with pytest.raises(LineBroken, match="not complete"):
        ask(f"http://{peer(drip).address}{path}")
    assert gone.wait(5)


@pytest.mark.parametrize("scheme", ["socks5", "socks5h", "socks4a", "socks"])
def test_socks_without_its_package_names_it(use_proxy: Any, scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*args: object, **kwargs: object) -> None:
        raise requests.exceptions.InvalidSchema("Missing dependencies for SOCKS support.")

    monkeypatch.setattr("requests.adapters.SOCKSProxyManager", missing)  # as requests has it without the package
    use_proxy(f"{scheme}://127.0.0.1:1080")
    with pytest.raises(NeverSent, match="pip install pysocks"):
        ask("https://dashscope.invalid/api")


def test_socks_without_its_version_says_what_to_write(use_proxy: Any) -> None:
    use_proxy("socks://me:password@127.0.0.1:1080")
    with pytest.raises(NeverSent, match="socks5h://") as caught:
        ask("https://dashscope.invalid/api")
    assert "password" not in str(caught.value)


def test_a_proxys_login_that_no_header_can_carry_is_a_wrong_setting(use_proxy: Any) -> None:
    use_proxy("http://me:p€ssword@127.0.0.1:1")
    with pytest.raises(NeverSent, match="proxy setting is not valid") as caught:
        ask("https://dashscope.invalid/api")
    assert "ssword" not in str(caught.value)


def test_a_certificate_that_is_not_trusted_names_the_variable(tls_server: str) -> None:
    with pytest.raises(NeverSent, match="REQUESTS_CA_BUNDLE"):
        ask(tls_server)
