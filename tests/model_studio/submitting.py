"""A creating request over an exchange that answers as a test says, and the account that its owner keeps of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from model_studio.service.answers import TaskAnswer
from model_studio.service.client import Client
from model_studio.service.exchange import Answer, Call
from model_studio.service.pacer import Gate, Pacer
from model_studio.service.retries import Resends
from model_studio.waiting import Waiting
from tests.model_studio.asking import ask

DONE = {"output": {"task_id": "t-1", "task_status": "PENDING"}, "request_id": "r-1"}


def error(code: str, message: str = "no") -> dict[str, str]:
    return {"code": code, "message": message, "request_id": "r-1"}


def new_gate() -> Gate:
    return Pacer().submits("account", "cn-beijing", "m", None)


class Account:
    """Keeps account of a submission as its owner does."""

    def __init__(self, waiting: Waiting, gate: Gate | None = None) -> None:
        self.resends = Resends(gate or new_gate(), waiting)
        self.told: list[str] = []

    async def sending(self) -> None:
        self.told.append("sending")

    async def refused(self, error: object) -> None:
        self.told.append("refused")


def create(
    client_at: Callable[..., Client],
    waiting: Waiting,
    exchange: Callable[[Call], Answer],
    mode: str = "async",
    account: Account | None = None,
) -> TaskAnswer:
    request = ask("wan2.6-t2i", call_mode=mode)
    return asyncio.run(client_at(exchange).create(request, account or Account(waiting), waiting))
