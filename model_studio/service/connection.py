"""Connections that keep account of how far an exchange got, and end with it.

Whether a request that costs money may have arrived is decided by this account, not by the class of an exception: until
`connect` has returned (the connection itself, a proxy's tunnel, TLS), not one byte of the request has left.
"""

from __future__ import annotations

import http.client
import io
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, Literal

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection

from .peers import NotPublic, is_public

_LONGEST_LINE = 65536  # bytes


class Course:
    """Of one exchange. `end`: when it is over, by time.monotonic().

    stage   "begun": a kept connection may be in use; "connecting": a new one is made, so nothing was sent;
            "connected": the request may have arrived
    """

    def __init__(self, end: float) -> None:
        self.end = end
        self.stage: Literal["begun", "connecting", "connected"] = "begun"


_courses = threading.local()  # an exchange is one thread's work from its beginning to its end


@contextmanager
def course(end: float) -> Iterator[Course]:
    """The account of the exchange that this thread makes inside."""
    _courses.now = Course(end)
    try:
        yield _courses.now
    finally:
        del _courses.now


def watch(manager: urllib3.PoolManager, *, public: bool = False) -> None:
    """Makes a manager's connections keep account; `public`: and accept the vendor's machines only (see peers)."""
    pools = manager.pool_classes_by_scheme
    manager.pool_classes_by_scheme = {scheme: _watched(pool, public) for scheme, pool in pools.items()}


@cache
def _watched(pool: type[urllib3.HTTPConnectionPool], public: bool) -> type[urllib3.HTTPConnectionPool]:
    kinds = (_Watched, _Public, pool.ConnectionCls) if public else (_Watched, pool.ConnectionCls)
    return type(pool.__name__, (pool,), {"ConnectionCls": type(pool.ConnectionCls.__name__, kinds, {})})


class _Answer(http.client.HTTPResponse):
    """Ends with its exchange, however slowly its head and body drip: so no thread and no socket is left behind."""

    def __init__(self, sock: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp.close()
        self.fp = io.BufferedReader(_Until(sock, _courses.now.end))

    def _read_status(self) -> tuple[str, int, str]:
        """http.client passes over 100 alone; 102 and 103 only announce the answer too. 101 is one."""
        while True:
            version, status, reason = super()._read_status()  # type: ignore[misc]  # no documented name
            if not 102 <= status < 200:
                return version, status, reason
            while self.fp.readline(_LONGEST_LINE).strip():
                pass


class _Until(io.RawIOBase):
    """What comes over a socket, up to a moment."""

    def __init__(self, sock: Any, end: float) -> None:
        self._sock = sock
        self._source = sock.makefile("rb", buffering=0)
        self._end = end

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> Any:
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError("the exchange is over")
        pause = self._sock.gettimeout()
        self._sock.settimeout(left if pause is None else min(pause, left))
        return self._source.readinto(buffer)

    def close(self) -> None:
        self._source.close()
        super().close()


class _Watched(HTTPConnection):
    response_class = _Answer

    def connect(self) -> None:
        _courses.now.stage = "connecting"
        super().connect()
        _courses.now.stage = "connected"


class _Public(HTTPSConnection):
    """Looks where it arrived, rather than up the name beforehand: a second look-up may give another address."""

    _address = ""

    def _new_conn(self) -> socket.socket:
        arrived = super()._new_conn()
        self._address = arrived.getpeername()[0]
        return arrived

    def connect(self) -> None:
        try:
            super().connect()
        except ssl.SSLCertVerificationError:
            if self._address:  # the true reason, rather than that some router's certificate is wrong
                _check(self._address)
            raise
        if not self.is_verified:
            # Not `_address`: no documented method of urllib3's writes it, and an empty one refuses nothing.
            _check(self.sock.getpeername()[0])


def _check(address: str) -> None:
    if not is_public(address):
        raise NotPublic(address)
