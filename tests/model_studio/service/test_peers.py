"""Pictures are fetched from machines of the internet alone, wherever the name server leads."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import trustme
from requests.adapters import HTTPAdapter

from model_studio import errors
from model_studio.service import connection
from model_studio.service.exchange import Exchange, NeverSent
from model_studio.service.peers import NotPublic, is_public
from model_studio.waiting import Waiting
from tests.model_studio.calls import OK, call

PICTURES = "dashscope-result-bj.oss-cn-beijing.aliyuncs.com"
LINK = f"https://{PICTURES}/a.png?Expires=1&Signature=secret"


@pytest.mark.parametrize(
    "address",
    [
        "8.8.8.8",
        "47.93.12.34",
        "::ffff:8.8.8.8",
        "::8.8.8.8",
        "2002:808:808::1",  # 6to4
        "2408:4000::1",
        "64:ff9b::808:808",  # how networks without IPv4 reach it
    ],
)
def test_public_addresses(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.8.8.8",
        "10.0.0.1",
        "172.16.0.1",
        "172.31.255.254",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "100.100.100.200",  # the metadata service of the vendor's own machines
        "0.0.0.0",
        "192.0.2.1",
        "240.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fd00::1",
        "fec0::1",
        "fc01::1",
        "fe80::1",
        "fe80::1%eth0",
        "2001:db8::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::ffff:100.100.100.200",
        "::ffff:169.254.169.254",
        "198.18.0.5",
        "64:ff9b::7f00:1",  # NAT64 of 127.0.0.1
        "64:ff9b::a9fe:a9fe",
        "64:ff9b::192.168.1.1",
        "64:ff9b:1::808:808",  # NAT64 within a network
        "2002:7f00:1::1",
        "2002:c0a8:101::1",
        "::127.0.0.1",
        "::10.0.0.1",
    ],
)
def test_addresses_that_are_not_public(address: str) -> None:
    assert not is_public(address)


class Storage(BaseHTTPRequestHandler):
    """Serves one picture and keeps the requests."""

    requests: list[str]

    def do_GET(self) -> None:
        self.requests.append(self.path)
        self.send_response(200)
        self.send_header("Content-Length", "5")
        self.end_headers()
        self.wfile.write(b"bytes")

    def log_message(self, *args: object) -> None:
        """Keeps the test's output clean."""


@pytest.fixture
def storage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[int, list[str]]]:
    """A trusted https server of the vendor's name on loopback, where this machine's DNS leads: port and requests."""
    authority = trustme.CA()
    bundle = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(str(bundle))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(PICTURES).configure_cert(context)
    handler = type("Handler", (Storage,), {"requests": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.handle_error = lambda *args: None  # the refused connection is meant
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    real = socket.getaddrinfo

    def resolve(host: Any, *args: Any, **more: Any) -> Any:
        if host != PICTURES:
            return real(host, *args, **more)
        return [(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", ("127.0.0.1", server.server_port))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    monkeypatch.setenv("no_proxy", "*")
    yield server.server_port, handler.requests
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("fresh", [False, True])
def test_whoever_has_the_vendors_certificate_is_believed_wherever_it_is(
    exchange: Exchange, storage: Any, fresh: bool
) -> None:
    """Tools that take connections over show this machine's address, "fake" ones or some of an odd range."""
    _, requests = storage
    assert exchange(call(LINK, public=True, fresh=fresh)).content == b"bytes"
    assert len(requests) == 1


@pytest.fixture
def untrusted(storage: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The same server; its certificate is of an authority that this machine does not know."""
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    return storage


@pytest.mark.parametrize("fresh", [False, True])
def test_a_private_service_under_the_vendors_name_is_told_as_that(
    exchange: Exchange, untrusted: Any, fresh: bool
) -> None:
    _, requests = untrusted
    with pytest.raises(NotPublic) as caught:
        exchange(call(LINK, public=True, fresh=fresh))
    assert (caught.value.address, requests) == ("127.0.0.1", [])


def test_a_private_service_that_speaks_no_tls_is_asked_nothing(
    exchange: Exchange, raw_server: Any, reactions: Any
) -> None:
    """It could be a tool's trouble of a moment, and is tried again."""
    send, _ = reactions
    server = raw_server(send(OK + b"Content-Length: 0\r\n\r\n"))
    with pytest.raises(NeverSent):
        exchange(call(server.url.replace("http:", "https:"), public=True))
    assert not any(b"GET" in request for request in server.requests)


def test_a_foreign_machine_without_the_certificate_is_refused_too(
    exchange: Exchange, untrusted: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, requests = untrusted
    monkeypatch.setattr(connection, "is_public", lambda address: True)
    with pytest.raises(NeverSent, match="certificate"):
        exchange(call(LINK, public=True))
    assert requests == []


def test_where_certificates_are_not_looked_at_the_address_decides(
    exchange: Exchange, untrusted: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some tools switch requests' check off for the whole process; and no private name of urllib3's is relied on."""
    _, requests = untrusted
    real = HTTPAdapter.send

    def send(self: HTTPAdapter, request: Any, **options: Any) -> Any:
        return real(self, request, **{**options, "verify": False})

    monkeypatch.setattr(HTTPAdapter, "send", send)
    monkeypatch.delattr(connection._Public, "_new_conn")
    with pytest.raises(NotPublic):
        exchange(call(LINK, public=True))
    assert requests == []


def test_only_https_can_be_held_to_public_addresses(exchange: Exchange, raw_server: Any, reactions: Any) -> None:
    send, _ = reactions
    server = raw_server(send(OK + b"Content-Length: 0\r\n\r\n"))
    with pytest.raises(NeverSent):
        exchange(call(server.url, public=True))
    assert server.requests == []


def tunnel_to(port: int) -> Callable[[socket.socket], None]:
    """A proxy's reaction to CONNECT: whatever name was asked for is at this port of loopback."""

    def pump(source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)

    def react(client: socket.socket) -> None:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as server:
            client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            back = threading.Thread(target=pump, args=(server, client))
            back.start()
            pump(client, server)
            back.join(5)

    return react


def test_behind_a_proxy_the_address_cannot_be_known(
    storage: Any, raw_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    port, requests = storage
    proxy = raw_server(tunnel_to(port))
    monkeypatch.setenv("https_proxy", proxy.url)
    monkeypatch.delenv("no_proxy")
    monkeypatch.delenv("NO_PROXY", raising=False)
    exchange = Exchange()
    assert exchange(call(LINK, public=True)).content == b"bytes"
    assert proxy.requests[0].startswith(f"CONNECT {PICTURES}:443 ".encode())
    assert len(requests) == 1


def test_a_picture_on_a_private_address_is_refused_at_once(
    untrusted: Any, waiting: Waiting, clock: Any, client_at: Any
) -> None:
    _, requests = untrusted
    with pytest.raises(errors.PictureRefused) as caught:
        asyncio.run(client_at(Exchange()).picture(LINK, waiting))
    text = str(caught.value)
    assert f"The host of a picture, {PICTURES}, leads to a private address (127.0.0.1) from this machine, and" in text
    assert "DNS" in text and "secret" not in text
    assert (requests, clock.slept) == ([], 0)


def test_only_the_vendors_hosts_must_be_public(waiting: Waiting, script: Any, answer: Any, client_at: Any) -> None:
    exchange = script(answer(200, b"a"), answer(200, b"b"))
    for link in (LINK, "http://127.0.0.1:8089/oss/a.png"):
        asyncio.run(client_at(exchange).picture(link, waiting))
    assert [sent.public for sent in exchange.calls] == [True, False]
