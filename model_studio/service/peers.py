"""Which machines a picture may be fetched from: the vendor's, whatever the name server says.

A name of the vendor's may lead to a private address, by a hijacked or rebound name server. A stranger's answer must not
make this machine ask its own network for files. What proves the vendor is the certificate for the name that was asked
for: tools that take connections over ("fake IPs", transparent proxies) pass it through from any address of theirs, and
a private service has none. So the address counts only where there is no such proof.
"""

from __future__ import annotations

import ipaddress


class NotPublic(Exception):
    """The host leads to `address`, which is private, and so not the vendor's. Nothing was asked of it."""

    def __init__(self, address: str) -> None:
        super().__init__("the host leads to a private address")
        self.address = address


_NAT64 = ipaddress.ip_network("64:ff9b::/96")  # RFC 6052
_NAT64_INSIDE = ipaddress.ip_network("64:ff9b:1::/48")  # RFC 8215; older Python takes it for global
_COMPATIBLE = ipaddress.ip_network("::/96")  # ::a.b.c.d, RFC 4291; with :: and ::1, which are not internet addresses


def is_public(address: str) -> bool:
    """Whether an IP address is one of the internet: global by the registries of IANA.

    An IPv6 address that embeds one of IPv4 leads there, and is what that one is.
    """
    parsed = ipaddress.ip_address(address)
    if isinstance(parsed, ipaddress.IPv6Address):
        return _embedded(parsed).is_global and not parsed.is_site_local and parsed not in _NAT64_INSIDE
    return parsed.is_global


def _embedded(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    if address in _NAT64 or address in _COMPATIBLE:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address
