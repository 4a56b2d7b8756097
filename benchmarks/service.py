"""The simulated service of the benchmark: quick where a real one costs this machine nothing either."""

from __future__ import annotations

import io
import time
from concurrent.futures import Future
from dataclasses import replace

import numpy as np
from PIL import Image

from simulator import Config, Simulator
from simulator.drawing import Drawing, paint
from simulator.pictures import PictureStore

MODEL = "wan2.5-t2i-preview"  # the one model of the partner node
SIDE = 1280  # pixels, the size this model recommends
GRAIN = 2.0  # noise that makes the PNG as heavy as a photograph's, about 2.3 MB


class OnePicture(PictureStore):
    """Gives out the same finished file under every link: drawing is the service's work, not this machine's."""

    def __init__(self, content: bytes) -> None:
        super().__init__()
        self.content = content
        self._ready: Future[bytes] = Future()
        self._ready.set_result(content)

    def future(self, path: str) -> Future[bytes]:
        return self._ready


class Service(Simulator):
    """The simulator without limits, with a task time that may change between runs."""

    def __init__(self) -> None:
        super().__init__(Config(rate_limits=False))
        self.pictures.close()
        self.service.pictures = OnePicture(grainy_picture())

    def __enter__(self) -> Service:
        self.start()
        return self

    def draws_in(self, seconds: float) -> None:
        """Tasks submitted from now on take so long."""
        self.service.config = replace(self.service.config, task_seconds=seconds)

    def picture_link(self) -> str:
        """A link as a finished task gives it."""
        expires = int(time.time()) + 3600
        return self.url + self.pictures.add(Drawing(MODEL, "", 0, SIDE, SIDE), self.config.region, expires)


def grainy_picture() -> bytes:
    """A PNG file that takes as long to send and to decode as a photograph."""
    smooth = np.asarray(paint(Drawing(MODEL, "A lighthouse at dusk", 1, SIDE, SIDE)).convert("RGB"), dtype=np.float32)
    grain = np.random.default_rng(0).normal(0, GRAIN, smooth.shape)
    file = io.BytesIO()
    Image.fromarray(np.clip(smooth + grain, 0, 255).astype(np.uint8)).save(file, "PNG")
    return file.getvalue()
