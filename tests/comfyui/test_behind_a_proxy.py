"""ComfyUI behind a reverse proxy with a port and name of its own, as nginx is usually set up."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import urlsplit

import pytest

from rig.comfyui import ComfyUI

PREFIX = "/comfyui"
ASKED = [
    ("PUT", "/language", {"locale": "en"}),
    ("POST", "/quote", {"inputs": {"model": "qwen-image-2.0"}, "linked": False}),
    ("GET", "/keys", None),
    ("DELETE", "/keys/us-east-1", None),
]

# What nginx's variables make of the browser's Host header.
HANDED_ON: dict[str, Callable[[str], str]] = {
    "$host": lambda host: urlsplit(f"//{host}").netloc.removesuffix(f":{urlsplit(f'//{host}').port}").lower(),
    "$http_host": lambda host: host,
    "$host:8188": lambda host: f"{host.rsplit(':', 1)[0]}:8188",
    "comfyui:8188": lambda _: "comfyui:8188",  # the name that the proxy itself calls ComfyUI by
}


@contextmanager
def proxy(comfy: ComfyUI, setting: str) -> Iterator[int]:
    """The port of a proxy that hands on what is asked below PREFIX, and so sets the Host header."""

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {**self.headers, "Host": HANDED_ON[setting](self.headers["Host"])}
            upstream = http.client.HTTPConnection(urlsplit(comfy.url).netloc, timeout=30)
            upstream.request(self.command, self.path.removeprefix(PREFIX), body, headers)
            got = upstream.getresponse()
            told = got.read()
            upstream.close()
            self.send_response(got.status)
            self.send_header("Content-Length", str(len(told)))
            self.end_headers()
            self.wfile.write(told)

        do_GET = do_PUT = do_POST = do_DELETE = answer

        def log_message(self, *args: object) -> None:
            """Keeps the test's output clean."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()


def statuses(comfy: ComfyUI, setting: str, page: str, **more: str) -> tuple[list[int], str]:
    """Of what a page at this address asks (`{port}`: the proxy's), with the last answer's error."""
    seen = []
    with proxy(comfy, setting) as port:
        address = urlsplit(page.format(port=port))
        for method, path, body in ASKED:
            content = None if body is None else json.dumps(body).encode()
            headers = {"Host": address.netloc, "Content-Type": "application/json"} | more
            if method != "GET":  # with which browsers tell no origin
                headers["Origin"] = f"{address.scheme}://{address.netloc}"
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            connection.request(method, f"{PREFIX}/model_studio{path}", content, headers)
            answer = connection.getresponse()
            told = json.loads(answer.read() or b"{}")
            connection.close()
            seen.append(answer.status)
    return seen, told.get("error", "")


@pytest.mark.parametrize("setting", ["$host", "$http_host"])
@pytest.mark.parametrize(
    "page", ["http://127.0.0.1:{port}", "http://192.168.1.7:{port}", "http://GPUbox:{port}", "https://gpubox"]
)
def test_its_page_is_answered(comfy: ComfyUI, setting: str, page: str) -> None:
    assert statuses(comfy, setting, page) == ([200] * 4, "")


def test_a_public_name_over_https(comfy: ComfyUI) -> None:
    """Where browsers say themselves which page asks."""
    assert statuses(comfy, "$host", "https://comfy.example", **{"Sec-Fetch-Site": "same-origin"}) == ([200] * 4, "")


@pytest.mark.parametrize("setting", ["$host:8188", "comfyui:8188"])
def test_a_proxy_that_hides_the_pages_address_is_told_of(comfy: ComfyUI, setting: str) -> None:
    seen, error = statuses(comfy, setting, "http://gpubox:{port}")
    assert seen == [403, 403, 200, 403]
    assert "(nginx: proxy_set_header Host $http_host)" in error


def test_a_name_that_was_made_to_point_here_gets_nothing_private(comfy: ComfyUI) -> None:
    seen, error = statuses(comfy, "$host", "http://evil.example:{port}")
    assert seen == [200, 200, 403, 403]
    assert "could be anybody's" in error
