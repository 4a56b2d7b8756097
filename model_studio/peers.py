"""Which machines a picture may be fetched from: those of the internet, whatever the name server says.

A name of the vendor's may lead to a private address, by a hijacked or rebound name server. A stranger's answer must not
make this machine ask its own network for files.
"""

from __future__ import annotations

import ipaddress
import socket
from typing import Any

import urllib3
from urllib3.connection import HTTPSConnection


class NotPublic(Exception):
    """The host leads to `address`, which is not public. No request was sent there."""

    def __init__(self, address: str) -> None:
        super().__init__("the host leads to a private address")
        self.address = address


# Tools with "fake IPs" (Clash, sing-box and others) answer every name with an address of these ranges and take the
# connection to the true one. The first is else for benchmarks of network devices (RFC 2544), the second is of the half
# of the private addresses that has never been given out (RFC 4193): nothing of value is there.
_FAKE_IPS = (ipaddress.ip_network("198.18.0.0/15"), ipaddress.ip_network("fc00::/18"))


def is_public(address: str) -> bool:
    """Whether an IP address is one of the internet: global by the registries of IANA, or a "fake IP" for one."""
    parsed = ipaddress.ip_address(address)
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped:
        parsed = parsed.ipv4_mapped
    if any(parsed in network for network in _FAKE_IPS):
        return True
    return parsed.is_global and not (isinstance(parsed, ipaddress.IPv6Address) and parsed.is_site_local)


class _PublicConnection(HTTPSConnection):
    """Looks where it arrived, rather than up the name beforehand: a second look-up may give another address."""

    def _new_conn(self) -> socket.socket:
        # Before TLS, so that the true reason is told and not that some router's certificate is wrong.
        arrived = super()._new_conn()
        _check_public(arrived)
        return arrived

    def connect(self) -> None:
        super().connect()
        # Once more: `_new_conn` is no documented name of urllib3's, and a check that is not called refuses nothing.
        _check_public(self.sock)


class PublicPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _PublicConnection


def _check_public(arrived: Any) -> None:
    """Closes a socket whose other end is not public, and raises NotPublic."""
    address = arrived.getpeername()[0]
    if not is_public(address):
        arrived.close()
        raise NotPublic(address)
