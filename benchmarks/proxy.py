"""Stands where Comfy's own API stands (`--comfy-api-base`), for the partner nodes: passes calls on to the simulator."""

from __future__ import annotations

import asyncio
import statistics
import threading
import time
from collections.abc import AsyncIterator
from types import TracebackType

import aiohttp
import requests
from aiohttp import web

PREFIX = "/proxy/wan"  # of the partner nodes' paths; what follows is Model Studio's own path
_LOOKS = 200  # requests each way for `added_seconds`


class ComfyProxy:
    """Adds what the partner node leaves to Comfy's server: the key, and the header that asks for a task.

    Runs in a thread of its own. Pictures do not pass here: the node fetches them from the service's links.
    """

    def __init__(self, service_url: str, key: str) -> None:
        self.url = ""
        self._service_url = service_url
        self._key = key
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="comfy-proxy", daemon=True)
        self._client: aiohttp.ClientSession | None = None
        self._runner: web.AppRunner | None = None

    def __enter__(self) -> ComfyProxy:
        self._thread.start()
        try:
            asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def _stop(self) -> None:
        if self._runner:
            asyncio.run_coroutine_threadsafe(self._runner.cleanup(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _listen(self) -> None:
        app = web.Application()
        app.router.add_route("*", PREFIX + "/{path:.+}", self._pass_on)
        app.cleanup_ctx.append(self._with_client)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def _with_client(self, app: web.Application) -> AsyncIterator[None]:
        async with aiohttp.ClientSession() as self._client:
            yield

    async def _pass_on(self, request: web.Request) -> web.Response:
        assert self._client
        headers = {"Authorization": f"Bearer {self._key}"}
        if request.method == "POST":
            headers |= {"X-DashScope-Async": "enable", "Content-Type": "application/json"}
        url = f"{self._service_url}/{request.match_info['path']}"
        async with self._client.request(request.method, url, data=await request.read(), headers=headers) as answer:
            return web.Response(
                status=answer.status, body=await answer.read(), content_type=answer.content_type, charset="utf-8"
            )


def added_seconds(proxy: ComfyProxy, service_url: str, key: str) -> float:
    """What the proxy adds to one query: medians of queries with and without it, in turn, over kept connections."""
    path = "/api/v1/tasks/0"
    direct: list[float] = []
    through: list[float] = []
    with requests.Session() as session:
        session.trust_env = False
        session.headers["Authorization"] = f"Bearer {key}"
        for _ in range(_LOOKS):
            for url, times in ((service_url + path, direct), (proxy.url + PREFIX + path, through)):
                started = time.perf_counter()
                session.get(url, timeout=30).raise_for_status()
                times.append(time.perf_counter() - started)
    return statistics.median(through) - statistics.median(direct)
