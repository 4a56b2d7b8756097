"""Whether the service accepts a key: asked by a question about a task that cannot exist, which costs nothing."""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import dataclass

from ..account.key_kinds import regions_of
from ..account.regions import ApiHost, others
from ..catalog import SYNC_ONLY
from ..errors import (
    AuthenticationFailed,
    ConnectionFailed,
    GatewayAnswered,
    ServiceError,
    ServiceFault,
    Throttled,
)
from ..waiting import Waiting
from ..words import Text
from . import tasks
from .client import Client
from .exchange import Timeouts

TIMEOUTS = Timeouts(connect=5, read=10, total=12)
ACCEPTED, REFUSED, UNREACHABLE = "accepted", "refused", "unreachable"


@dataclass(frozen=True)
class KeyCheck:
    """What came of it; `why`, and what to do, where the key was not accepted (a Text).

    `elsewhere`: regions that may know it, where the service here does not.
    """

    result: str
    why: str = ""
    elsewhere: tuple[str, ...] = ()
    knows_key: bool = False  # whatever else the service says of it


async def check(client: Client, waiting: Waiting) -> KeyCheck:
    try:
        answer = await client.ask_once(str(uuid.uuid4()), TIMEOUTS, waiting)
    except AuthenticationFailed as error:
        return KeyCheck(REFUSED, error.text, elsewhere=tuple(host.region for host in _others(client)))
    except (GatewayAnswered, ServiceError) as error:
        if client.host.region in SYNC_ONLY:
            return _untested(client)
        passing = isinstance(error, GatewayAnswered | ServiceFault | Throttled)
        return KeyCheck(UNREACHABLE, error.text) if passing else KeyCheck(REFUSED, error.text, knows_key=True)
    except ConnectionFailed as error:
        return KeyCheck(UNREACHABLE, error.text)
    if answer.state == tasks.UNKNOWN:
        return KeyCheck(ACCEPTED, knows_key=True)
    if client.host.region in SYNC_ONLY:
        return _untested(client)
    return KeyCheck(UNREACHABLE, Text("{address} does not answer as the service does.", address=client.host.base_url))


def _untested(client: Client) -> KeyCheck:
    """Of some hosts it is not known whether they answer questions about tasks."""
    return KeyCheck(
        UNREACHABLE,
        Text("No free test is known for keys of {region}; the first run will tell.", region=client.host.region),
    )


def _others(client: Client) -> list[ApiHost]:
    """Where a key that looks like this one may work."""
    return others(client.host, regions_of(client.key.value))


async def check_elsewhere(client: Client, waiting: Waiting) -> dict[str, KeyCheck]:
    """The same in the other regions, side by side: the key is sent to their hosts, so its owner has to ask for it."""
    hosts = _others(client)
    checks = await asyncio.gather(*(check(client.at(host), waiting) for host in hosts))
    return {host.region: found for host, found in zip(hosts, checks, strict=True)}
