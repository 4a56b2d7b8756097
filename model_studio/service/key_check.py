"""Whether the service accepts a key: asked by a question about a task that cannot exist, which costs nothing."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from ..errors import ConnectionFailed, ServiceError, ServiceFault, Throttled
from ..waiting import Waiting
from ..words import Text
from . import tasks
from .client import Client
from .exchange import Timeouts

TIMEOUTS = Timeouts(connect=5, read=10, total=12)
ACCEPTED, REFUSED, UNREACHABLE = "accepted", "refused", "unreachable"


@dataclass(frozen=True)
class KeyCheck:
    """What came of it; `why`, and what to do, where the key was not accepted (a Text)."""

    result: str
    why: str = ""


async def check(client: Client, waiting: Waiting) -> KeyCheck:
    try:
        answer = await client.ask_once(str(uuid.uuid4()), TIMEOUTS, waiting)
    except (ConnectionFailed, ServiceFault, Throttled) as error:
        return KeyCheck(UNREACHABLE, error.text)
    except ServiceError as error:
        return KeyCheck(REFUSED, error.text)
    if answer.state != tasks.UNKNOWN:
        return KeyCheck(
            UNREACHABLE, Text("{address} does not answer as the service does.", address=client.host.base_url)
        )
    return KeyCheck(ACCEPTED)
