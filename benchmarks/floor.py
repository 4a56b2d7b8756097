"""The least time a picture can take: the task, one download, one decode."""

from __future__ import annotations

import math
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import requests
from requests.adapters import HTTPAdapter

from model_studio.runs.pictures import decode, to_batches

GRID = 3  # seconds between two questions about a task in its first 30 s (specification)
_TIMES, _TIMES_TOGETHER = 15, 3


@dataclass(frozen=True)
class Floor:
    """Seconds that one download and one decode took, taken alone on an idle machine."""

    download: float
    decode: float

    def of(self, task_seconds: float) -> float:
        """The least time in which a node can have the picture."""
        return task_seconds + self.download + self.decode

    def on_schedule(self, task_seconds: float) -> float:
        """The same for a node that asks every 3 s, as the specification wants it."""
        return self.of(math.ceil(task_seconds / GRID) * GRID)


def measure(link: str) -> Floor:
    """Medians, over a kept connection and with the pack's own decoder; the first round only warms up."""
    downloads: list[float] = []
    decodes: list[float] = []
    with _session() as session:
        for _ in range(_TIMES + 1):
            started = time.perf_counter()
            content = _download(session, link)
            arrived = time.perf_counter()
            _decode(content)
            decodes.append(time.perf_counter() - arrived)
            downloads.append(arrived - started)
    return Floor(statistics.median(downloads[1:]), statistics.median(decodes[1:]))


def together(link: str, count: int) -> float:
    """Seconds in which this machine downloads and decodes so many pictures at once, a thread for each.

    All results are kept, as a graph keeps its own: memory that was not used before can cost more time than decoding.
    """
    times: list[float] = []
    kept: list[npt.NDArray[np.float32]] = []
    with _session(count) as session, ThreadPoolExecutor(count) as threads:
        for _ in range(_TIMES_TOGETHER):
            started = time.perf_counter()
            kept += threads.map(lambda _: _decode(_download(session, link)), range(count))
            times.append(time.perf_counter() - started)
    return statistics.median(times)


def _session(connections: int = 1) -> requests.Session:
    session = requests.Session()
    session.trust_env = False  # the user's proxy must not be used for a loopback address
    session.mount("http://", HTTPAdapter(pool_maxsize=connections))
    return session


def _download(session: requests.Session, link: str) -> bytes:
    answer = session.get(link, timeout=30)
    answer.raise_for_status()
    return answer.content


def _decode(content: bytes) -> npt.NDArray[np.float32]:
    (batch,) = to_batches([decode(content, "the simulator")])
    return batch.images
