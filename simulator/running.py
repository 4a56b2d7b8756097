"""A simulator that runs in a thread of its own, for tests and for the command line."""

from __future__ import annotations

import asyncio
import threading
from types import TracebackType

from aiohttp import web

from simulator.config import Clock, Config
from simulator.control import Control
from simulator.faults import Faults
from simulator.pictures import PictureStore
from simulator.server import Face, Received
from simulator.service import Billed, Service


class Simulator:
    """`with Simulator(Config(task_seconds=0.2)) as sim:` and call `sim.base_url` with `sim.key`.

    `url` is http://host:port, `base_url` the default region's base; another region's is `sim.base_url_of(region)`.
    """

    def __init__(self, config: Config | None = None) -> None:
        self.config = config or Config()
        self.clock = Clock()
        self.faults = Faults()
        self.service = Service(self.config, self.clock, self.faults)
        self.url = ""
        self._face = Face(self.service)
        self._runner: web.AppRunner | None = None

    @property
    def base_url(self) -> str:
        return f"{self.url}/api/v1"

    def base_url_of(self, region: str) -> str:
        return f"{self.url}/{region}/api/v1"

    @property
    def key(self) -> str:
        return self.keys[self.config.region]

    @property
    def keys(self) -> dict[str, str]:
        """Region -> the first key that works there."""
        return {account.region: key for key, account in reversed(list(self.config.keys.items()))}

    @property
    def requests(self) -> list[Received]:
        """All requests to the service and the storage, in the order in which they came."""
        return list(self._face.requests)

    @property
    def billed(self) -> list[Billed]:
        return self.service.billed

    @property
    def pictures(self) -> PictureStore:
        return self.service.pictures

    def reset(self) -> None:
        """As new: no tasks, charges, requests or faults. The clock stays."""
        self.faults.clear()
        self.service.reset()
        self._face.requests.clear()

    def start(self) -> Simulator:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="simulator", daemon=True)
        self._thread.start()
        try:
            asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Ends at once, whatever is still being answered."""
        if self._runner:
            asyncio.run_coroutine_threadsafe(self._runner.cleanup(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self.pictures.close()

    async def _listen(self) -> None:
        app = self._face.app()
        Control(self._face).add_to(app)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, self.config.host, self.config.port).start()
        port = self._runner.addresses[0][1]
        self.url = f"http://{self.config.host}:{port}"

    def __enter__(self) -> Simulator:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
