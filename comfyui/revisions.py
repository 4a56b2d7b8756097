"""Which results ComfyUI's cache must not keep: those that another run could complete, and ids of tasks that failed.

ComfyUI runs a node again when its `fingerprint_inputs` gives another value than last time. Here that is the number of
the node's last end that was not final. It stays the same while nothing happens, so that what hangs on the node, and may
be paid for too, does not run again either.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, TypeVar

MOST = 10_000  # nodes and tasks that are remembered
K = TypeVar("K")
V = TypeVar("V")


class Place(NamedTuple):
    """A node in a prompt, by ComfyUI's ids."""

    prompt_id: str
    node_id: str


class Revisions:
    """The memory of this process, used by ComfyUI's worker alone."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        # Digest of a node -> number of its last end that was not final.
        self._last: OrderedDict[str, int] = OrderedDict()
        self._nodes: OrderedDict[Place, str] = OrderedDict()  # -> digest of the node
        self._submitters: OrderedDict[str, set[str]] = OrderedDict()  # task id -> digests of the nodes that gave it out
        self._failed: OrderedDict[str, None] = OrderedDict()  # ids of tasks; the values are of no use

    def fingerprint(self, place: Place, class_name: str, constants: Mapping[str, Any]) -> int:
        """What ComfyUI compares. `constants`: the node's inputs as it tells them then, None for a linked one."""
        described = json.dumps([class_name, place.node_id, constants], sort_keys=True, default=str)
        digest = hashlib.sha256(described.encode()).hexdigest()
        _put(self._nodes, place, digest)
        return self._last.get(digest, 0)

    def not_final(self, place: Place) -> None:
        """The node ended well, but another run could bring more."""
        if digest := self._nodes.get(place):  # ComfyUI asks for no fingerprint where its cache is off
            self._put_behind(digest)

    def submitted(self, place: Place, task_id: str) -> None:
        """The node's result is the id of a task, and good as long as the task is."""
        if digest := self._nodes.get(place):
            _put(self._submitters, task_id, {*self._submitters.get(task_id, ()), digest})
            if task_id in self._failed:
                self._put_behind(digest)

    def failed(self, task_ids: Iterable[str]) -> None:
        """No pictures will come of these tasks, whoever submitted them."""
        for task_id in task_ids:
            _put(self._failed, task_id, None)
            for digest in self._submitters.pop(task_id, ()):
                self._put_behind(digest)

    def _put_behind(self, digest: str) -> None:
        _put(self._last, digest, next(self._numbers))


def _put(table: OrderedDict[K, V], key: K, value: V) -> None:
    """Into a table of bounded size, from which the oldest goes."""
    table[key] = value
    table.move_to_end(key)
    if len(table) > MOST:
        table.popitem(last=False)
