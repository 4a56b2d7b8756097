"""Whether the service accepts a key: asked by a question about a task that cannot exist, which costs nothing."""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import dataclass

from ..account.regions import others
from ..errors import AuthenticationFailed, ConnectionFailed, ServiceError, ServiceFault, Throttled
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
    except (ConnectionFailed, ServiceFault, Throttled) as error:
        return KeyCheck(UNREACHABLE, error.text)
    except AuthenticationFailed as error:
        return KeyCheck(REFUSED, error.text, elsewhere=tuple(host.region for host in others(client.host)))
    except ServiceError as error:
        return KeyCheck(REFUSED, error.text, knows_key=True)
    if answer.state != tasks.UNKNOWN:
        return KeyCheck(
            UNREACHABLE, Text("{address} does not answer as the service does.", address=client.host.base_url)
        )
    return KeyCheck(ACCEPTED, knows_key=True)


async def check_elsewhere(client: Client, waiting: Waiting) -> dict[str, KeyCheck]:
    """The same in the other regions, side by side: the key is sent to their hosts, so its owner has to ask for it."""
    hosts = others(client.host)
    checks = await asyncio.gather(*(check(client.at(host), waiting) for host in hosts))
    return {host.region: found for host, found in zip(hosts, checks, strict=True)}
