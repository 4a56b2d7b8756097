"""One HTTP exchange over real sockets: what arrived, and what certainly did not."""

from __future__ import annotations

import gzip
import socket
import threading
import time
import traceback
import tracemalloc
import zlib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import requests

from model_studio.service.exchange import Exchange, ExchangeFailed, LineBroken, NeverSent, Timeouts, TooLarge
from tests.model_studio.calls import OK, call


def test_a_whole_answer(exchange: Exchange, raw_server: Any, reactions: Any) -> None:
    send, _ = reactions
    server = raw_server(send(OK + b"X-Request-Id: r-1\r\nContent-Length: 11\r\n\r\n", b'{"a": "b"}\n'))
    answer = exchange(call(server.url, method="POST", body={"prompt": "字"}, headers={"Authorization": "Bearer k"}))
    assert (answer.status, answer.json, answer.headers["x-request-id"]) == (200, {"a": "b"}, "r-1")
    (request,) = server.requests
    assert request.startswith(b"POST / HTTP/1.1\r\n")
    assert b"Authorization: Bearer k\r\n" in request
    assert b"Content-Type: application/json" in request


@pytest.mark.parametrize("content", [b"<html>", b"[1]", b'"text"', b"", b"\xff\xfe", b"[" * 100_000])
def test_what_is_no_json_object(exchange: Exchange, raw_server: Any, reactions: Any, content: bytes) -> None:
    send, _ = reactions
    server = raw_server(send(OK + b"Content-Length: %d\r\n\r\n" % len(content) + content))
    assert exchange(call(server.url)).json is None


def test_refused_connection_was_never_sent(exchange: Exchange) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(NeverSent, match="refused"):
        exchange(call(f"http://127.0.0.1:{port}"))


def test_unknown_host_was_never_sent(exchange: Exchange) -> None:
    with pytest.raises(NeverSent):
        exchange(call("http://no-such-host.invalid/"))


def test_invalid_address_was_never_sent(exchange: Exchange) -> None:
    with pytest.raises(NeverSent, match="not valid"):
        exchange(call("http://"))


@pytest.mark.parametrize("proxy", ["socks9://127.0.0.1:1", "http://127.0.0.1:notaport"])
def test_a_proxy_setting_that_makes_no_sense_never_sent(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch, proxy: str
) -> None:
    monkeypatch.setenv("http_proxy", proxy)
    with pytest.raises(NeverSent, match="proxy"):
        exchange(call("http://dashscope.invalid/api"))


def test_a_missing_certificate_file_never_sent(exchange: Exchange, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/no/such/file.pem")
    with pytest.raises(NeverSent, match="REQUESTS_CA_BUNDLE"):
        exchange(call("https://127.0.0.1:1/"))


def test_signed_links_are_not_in_the_debug_log(
    exchange: Exchange, raw_server: Any, reactions: Any, caplog: pytest.LogCaptureFixture
) -> None:
    send, _ = reactions
    server = raw_server(send(OK + b"Content-Length: 0\r\nConnection: close\r\n\r\n"))
    with caplog.at_level("DEBUG"):
        exchange(call(server.url + "/oss/a.png?Expires=1&Signature=secret"))
        exchange(call(server.url + "/oss/b.png?x-oss-credential=LTAI-secret&x-oss-signature=secret"))
        exchange(call(server.url + "/tasks?page=2"))
    assert "/oss/a.png?…" in caplog.text and "/oss/b.png?…" in caplog.text and "secret" not in caplog.text
    assert "/tasks?page=2" in caplog.text


def test_untrusted_certificate_was_never_sent(exchange: Exchange, tls_server: str) -> None:
    with pytest.raises(NeverSent, match="certificate"):
        exchange(call(tls_server))


def test_reset_may_have_arrived(exchange: Exchange, raw_server: Any, reactions: Any) -> None:
    _, reset = reactions
    with pytest.raises(LineBroken, match="broke"):
        exchange(call(raw_server(reset).url))


def test_closed_without_a_word_may_have_arrived(exchange: Exchange, raw_server: Any, reactions: Any) -> None:
    send, _ = reactions
    with pytest.raises(LineBroken, match="broke"):
        exchange(call(raw_server(send()).url))


def test_silence_may_have_arrived(exchange: Exchange, raw_server: Any) -> None:
    with pytest.raises(LineBroken, match=r"no answer within 0\.3 s"):
        exchange(call(raw_server(lambda connection: time.sleep(0.5)).url))


@pytest.mark.parametrize(
    "pieces",
    [
        (OK + b"Content-Length: 100\r\n\r\n", b"half"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n", b"5\r\nhalf"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n", b"nonsense\r\n"),
        (b"nonsense\r\n\r\n",),
    ],
)
def test_half_an_answer(exchange: Exchange, raw_server: Any, reactions: Any, pieces: tuple[bytes, ...]) -> None:
    send, _ = reactions
    with pytest.raises(LineBroken):
        exchange(call(raw_server(send(*pieces)).url))


def test_slow_drip_ends_with_the_total_time_out(exchange: Exchange, raw_server: Any) -> None:
    def drip(connection: socket.socket) -> None:
        connection.sendall(OK + b"Content-Length: 1000000\r\n\r\n")
        for _ in range(100):
            connection.sendall(b"x" * 10_000)
            time.sleep(0.05)

    began = time.monotonic()
    with pytest.raises(LineBroken, match="not complete"):
        exchange(call(raw_server(drip).url))
    assert time.monotonic() - began < 2


def test_too_large_is_not_read_to_its_end(exchange: Exchange, raw_server: Any, reactions: Any) -> None:
    send, _ = reactions
    server = raw_server(send(OK + b"Content-Length: 9999999999\r\n\r\n", b"x" * 300_000))
    with pytest.raises(TooLarge):
        exchange(call(server.url, max_bytes=100_000))


def test_redirects_are_not_followed(exchange: Exchange, raw_server: Any, reactions: Any) -> None:
    send, _ = reactions
    elsewhere = raw_server(send(OK + b"Content-Length: 0\r\n\r\n"))
    found = b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: %s\r\n\r\n" % elsewhere.url.encode()
    assert exchange(call(raw_server(send(found)).url)).status == 302
    assert elsewhere.requests == []


def test_cookies_are_not_kept(exchange: Exchange, raw_server: Any, reactions: Any) -> None:
    send, _ = reactions
    server = raw_server(send(OK + b"Content-Length: 0\r\nSet-Cookie: a=b\r\nConnection: close\r\n\r\n"))
    exchange(call(server.url))
    exchange(call(server.url))
    assert b"Cookie" not in server.requests[1]


def test_a_netrc_login_replaces_no_header(
    exchange: Exchange, raw_server: Any, reactions: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    send, _ = reactions
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    server = raw_server(send(OK + b"Content-Length: 0\r\nConnection: close\r\n\r\n"))
    exchange(call(server.url, headers={"Authorization": "Bearer k"}))
    exchange(call(server.url))
    assert b"Authorization: Bearer k" in server.requests[0]
    assert b"Authorization" not in server.requests[1]


class KeepAlive(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    ports: list[int]

    def do_GET(self) -> None:
        self.ports.append(self.client_address[1])
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args: object) -> None:
        """Keeps the test's output clean."""


@pytest.fixture
def keep_alive() -> Any:
    handler = type("Handler", (KeepAlive,), {"ports": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", handler.ports
    server.shutdown()
    server.server_close()


def test_connections_are_kept_but_creating_calls_get_fresh_ones(exchange: Exchange, keep_alive: Any) -> None:
    url, ports = keep_alive
    for fresh in (False, False, True, True, False):
        exchange(call(url, fresh=fresh))
    assert ports[0] == ports[1] == ports[4]
    assert len({ports[0], ports[2], ports[3]}) == 3


def test_proxy_variables_are_honoured(
    exchange: Exchange, keep_alive: Any, raw_server: Any, reactions: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    send, _ = reactions
    proxy = raw_server(send(OK + b"Content-Length: 0\r\n\r\n"))
    monkeypatch.setenv("http_proxy", proxy.url)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    exchange(call("http://dashscope.invalid/api"))
    assert proxy.requests[0].startswith(b"GET http://dashscope.invalid/api HTTP/1.1")


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_dead_proxy_never_sent(exchange: Exchange, monkeypatch: pytest.MonkeyPatch, scheme: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    monkeypatch.setenv(f"{scheme}_proxy", f"http://127.0.0.1:{port}")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    with pytest.raises(NeverSent, match="at the proxy"):
        exchange(call(f"{scheme}://dashscope.invalid/api"))


def test_a_proxy_that_says_no_never_sent(
    exchange: Exchange, raw_server: Any, reactions: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    send, _ = reactions
    proxy = raw_server(send(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"))
    monkeypatch.setenv("https_proxy", proxy.url)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    with pytest.raises(NeverSent, match="proxy refused"):
        exchange(call("https://dashscope.invalid/api"))


def packed(content: bytes, *packings: str) -> bytes:
    for packing in packings:
        if packing == "gzip":
            content = gzip.compress(content)
        else:
            packer = zlib.compressobj(wbits=-zlib.MAX_WBITS if packing == "bare deflate" else zlib.MAX_WBITS)
            content = packer.compress(content) + packer.flush()
    return content


@pytest.mark.parametrize("packings", [("gzip",), ("deflate",), ("bare deflate",), ("deflate", "gzip")])
def test_a_packed_answer(exchange: Exchange, raw_server: Any, reactions: Any, packings: tuple[str, ...]) -> None:
    send, _ = reactions
    content = packed(b'{"a": "b"}', *packings)
    names = ", ".join(packings).replace("bare ", "").encode()
    head = b"Content-Encoding: %s\r\nContent-Length: %d\r\n\r\n" % (names, len(content))
    server = raw_server(send(OK + head + content))
    assert exchange(call(server.url)).json == {"a": "b"}
    assert b"Accept-Encoding: gzip, deflate\r\n" in server.requests[0]


JSON = b'{"a": "b"}'
TWO_MEMBERS = gzip.compress(JSON[:5]) + gzip.compress(JSON[5:])


@pytest.mark.parametrize(
    ("head", "content"),
    [
        (b"Content-Encoding: gzip", TWO_MEMBERS),
        (b"Content-Encoding: gzip", gzip.compress(JSON)[:-8]),  # without its sums
        (b"Content-Encoding: gzip", JSON),
        (b"Content-Encoding: deflate", JSON),
        (b"Content-Encoding: utf-8", JSON),
        (b"Content-Encoding: identity", JSON),
        (b"Transfer-Encoding: chunked", b"%x\r\n%s\r\n" % (len(JSON), JSON)),  # without its last chunk
    ],
)
def test_an_answer_that_breaks_a_rule_and_is_whole(
    exchange: Exchange, raw_server: Any, reactions: Any, head: bytes, content: bytes
) -> None:
    send, _ = reactions
    length = b"" if b"chunked" in head else b"Content-Length: %d\r\n" % len(content)
    assert exchange(call(raw_server(send(OK + head + b"\r\n" + length + b"\r\n" + content)).url)).json == {"a": "b"}


@pytest.mark.parametrize("status", [b"100 Continue", b"102 Processing", b"103 Early Hints"])
def test_what_only_announces_an_answer_is_none(
    exchange: Exchange, raw_server: Any, reactions: Any, status: bytes
) -> None:
    send, _ = reactions
    before = b"HTTP/1.1 %s\r\nLink: </a.css>\r\n\r\n" % status
    server = raw_server(send(before + before + OK + b"Content-Length: %d\r\n\r\n" % len(JSON) + JSON))
    answer = exchange(call(server.url))
    assert (answer.status, answer.json) == (200, {"a": "b"})


@pytest.mark.parametrize("location", [b"http://[login", b"https://elsewhere.invalid/"])
def test_a_redirect_is_bounded_like_any_answer(
    exchange: Exchange, raw_server: Any, reactions: Any, location: bytes
) -> None:
    """requests reads the body of one that it is not to follow, whole and unpacked."""
    send, _ = reactions
    content = gzip.compress(bytes(200 * 2**20))
    head = b"HTTP/1.1 302 Found\r\nLocation: %s\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n"
    server = raw_server(send(head % (location, len(content)) + content))
    tracemalloc.start()
    answer = exchange(call(server.url, max_bytes=10**6, timeouts=Timeouts(5, 5, 10)))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (answer.status, answer.content) == (302, b"") and peak < 5 * 10**6


def test_odd_header_lines_are_not_in_the_log(
    exchange: Exchange, raw_server: Any, reactions: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """urllib3 quotes them, with all that follow, and the address."""
    send, _ = reactions
    odd = b"authorization received Bearer sk-planted-0123456789\r\n"
    server = raw_server(send(OK + odd + b"Content-Length: 0\r\n\r\n"))
    with caplog.at_level("DEBUG"):
        exchange(call(server.url + "/oss/a.png?x-oss-signature=planted", secret="sk-planted-0123456789"))
    assert "Failed to parse" in caplog.text and "planted" not in caplog.text


@pytest.mark.parametrize("depth", [400, 600, 900, 5000])
def test_deep_json_is_none(exchange: Exchange, raw_server: Any, reactions: Any, depth: int) -> None:
    send, _ = reactions
    content = b'{"a":' * depth + b"1" + b"}" * depth
    server = raw_server(send(OK + b"Content-Length: %d\r\n\r\n" % len(content) + content))
    answer = exchange(call(server.url, secret="sk-planted-0123456789"))
    assert answer.json is None or depth < 600


@pytest.mark.parametrize("packings", [("gzip",), ("deflate",), ("gzip", "gzip")])
def test_a_bomb_costs_no_more_than_the_call_allows(
    exchange: Exchange, raw_server: Any, reactions: Any, packings: tuple[str, ...]
) -> None:
    """200 MiB of zeros, 0.2 MB or, twice packed, 1 kB on the line."""
    send, _ = reactions
    content = packed(bytes(200 * 2**20), *packings)
    head = b"Content-Encoding: %s\r\nContent-Length: %d\r\n\r\n" % (", ".join(packings).encode(), len(content))
    server = raw_server(send(OK + head + content))
    tracemalloc.start()
    with pytest.raises(TooLarge):
        exchange(call(server.url, max_bytes=10**6, timeouts=Timeouts(5, 5, 10)))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 5 * 10**6


@pytest.mark.parametrize("packing", [b"br", b"zstd", b"compress", b"gzip, gzip, gzip"])
@pytest.mark.parametrize("status", [b"200 OK", b"502 Bad Gateway"])
def test_what_cannot_be_unpacked_may_have_been_good_news(
    exchange: Exchange, raw_server: Any, reactions: Any, packing: bytes, status: bytes
) -> None:
    send, _ = reactions
    head = b"HTTP/1.1 %s\r\nContent-Encoding: %s\r\nContent-Length: 5\r\n\r\n" % (status, packing)
    with pytest.raises(LineBroken, match="content encoding"):
        exchange(call(raw_server(send(head + b"\x0b\x02\x80{}")).url))


@pytest.mark.parametrize(
    "rest",
    [
        b"Content-Encoding: br\r\nContent-Length: 5\r\n\r\n\x0b\x02\x80{}",
        b"Content-Length: 100\r\n\r\nhalf",
        b"Transfer-Encoding: chunked\r\n\r\nnonsense\r\n",
        b"Content-Length: 2000000\r\n\r\n" + b"x" * 2_000_000,
    ],
)
@pytest.mark.parametrize("status", [302, 403, 429])
def test_a_refusal_counts_without_its_body(
    exchange: Exchange, raw_server: Any, reactions: Any, status: int, rest: bytes
) -> None:
    send, _ = reactions
    server = raw_server(send(b"HTTP/1.1 %d No\r\nRetry-After: 3\r\n" % status, rest))
    answer = exchange(call(server.url, max_bytes=10**6, timeouts=Timeouts(5, 5, 10)))
    assert (answer.status, answer.content, answer.headers["retry-after"]) == (status, b"", "3")


KEY = "sk-planted-0123456789"


def test_no_answer_repeats_the_key(exchange: Exchange, raw_server: Any, reactions: Any) -> None:
    """In headers and JSON, spelled out or escaped, in capitals, within other words, as a name."""
    send, _ = reactions
    escaped = "".join(f"\\u{ord(character):04x}" for character in KEY)
    body = (
        f'{{"message": "Incorrect key: {KEY}.", "escaped": "{escaped}", "deep": [{{"x": "Bearer {KEY.upper()}"}}], '
        f'"{KEY}": 1}}'
    ).encode()
    head = f"X-Request-Id: r-{KEY}\r\nRetry-After: {KEY}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    answer = exchange(call(raw_server(send(OK + head + body)).url, secret=KEY))
    told = f"{answer.headers} {answer.json} {answer!r}".lower()
    assert KEY not in told.replace(repr(answer.content).lower(), "")
    assert answer.headers["x-request-id"] == "r-[your key]" and answer.json["message"] == "Incorrect key: [your key]."


def everything_of(error: BaseException) -> Iterator[Any]:
    """What a report of an error could reach: the chain, what each holds, the frames each came by."""
    todo: list[Any] = [error]
    seen: list[Any] = []
    while todo:
        value = todo.pop()
        if any(value is other for other in seen) or len(seen) > 5000:
            continue
        seen.append(value)
        yield value
        if isinstance(value, BaseException):
            todo += [value.__cause__, value.__context__, *value.args, vars(value)]
            todo += [frame.f_locals for frame, _ in traceback.walk_tb(value.__traceback__) if _is_ours(frame)]
        elif isinstance(value, dict):
            todo += value.values()
        elif isinstance(value, list | tuple):
            todo += value
        elif isinstance(value, requests.Response | requests.PreparedRequest | requests.Session):
            todo.append(vars(value))


def _is_ours(frame: Any) -> bool:
    return "model_studio" in frame.f_code.co_filename and "tests" not in frame.f_code.co_filename


@pytest.mark.parametrize("reaction", ["reset", "silence", "half", "bomb", "refused", "tls"])
def test_an_error_leads_to_no_header(
    exchange: Exchange, raw_server: Any, reactions: Any, tls_server: str, reaction: str
) -> None:
    send, reset = reactions
    react = {
        "reset": reset,
        "silence": lambda connection: time.sleep(0.5),
        "half": send(OK + b"Content-Length: 100\r\n\r\n", b"half"),
        "bomb": send(OK + b"Content-Length: 9999999\r\n\r\n", b"x" * 300_000),
        "refused": reset,
        "tls": reset,
    }[reaction]
    url = {"refused": "http://127.0.0.1:1/", "tls": tls_server}.get(reaction) or raw_server(react).url
    asked = call(url, headers={"Authorization": f"Bearer {KEY}"}, secret=KEY, max_bytes=100_000)
    with pytest.raises(ExchangeFailed) as caught:
        exchange(asked)
    for value in everything_of(caught.value):
        assert value is asked or KEY not in repr(value)
        assert not isinstance(value, requests.PreparedRequest)


def test_a_call_keeps_its_secrets_out_of_repr() -> None:
    headers = {"Authorization": "Bearer sk-secret"}
    shown = repr(call("http://host/", headers=headers, body={"prompt": "private"}, secret="sk-secret"))
    assert "secret" not in shown and "private" not in shown
