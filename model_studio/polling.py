"""Asks about tasks until each has ended."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from . import tasks
from .answers import TaskAnswer, read_task
from .api import Api
from .errors import ModelStudioError
from .transport import Transport
from .waiting import DeadlinePassed, Waiting


class Polling:
    """Tasks of one region, asked about together on the specification's schedule.

    `about`: seconds that such a task usually runs, for the progress text.
    """

    def __init__(self, transport: Transport, api: Api, task_ids: Sequence[str], about: float | None = None) -> None:
        self._transport = transport
        self._api = api
        self._about = about
        self._answers: dict[str, TaskAnswer | None] = dict.fromkeys(task_ids)

    @property
    def open_ids(self) -> list[str]:
        """Tasks that have not ended as far as is known."""
        return [task_id for task_id, answer in self._answers.items() if not answer or answer.state not in tasks.FINAL]

    @property
    def may_be_pending(self) -> bool:
        """Whether no answer has said yet that a task runs or has ended."""
        return all(not answer or answer.state == tasks.PENDING for answer in self._answers.values())

    async def until_ended(self, waiting: Waiting, first_pause: float = 0) -> dict[str, TaskAnswer]:
        """The last answers, in the order of the ids. Raises TaskTimeout, ServiceError, Interrupted."""
        trouble = ""
        waiting.tell(tasks.WORDS[tasks.PENDING])
        try:
            await waiting.sleep(first_pause)
            while self.open_ids:
                await asyncio.gather(*(self._ask(task_id, waiting) for task_id in self.open_ids))
                if self.open_ids:
                    self._tell(waiting)
                    await waiting.sleep(tasks.poll_delay(waiting.elapsed))
        except DeadlinePassed as passed:
            trouble = str(passed)
            states = [answer.state if answer else "no answer" for answer in self._answers.values()]
            raise tasks.timeout(self.open_ids, states, waiting.elapsed, trouble) from None
        return {task_id: answer for task_id, answer in self._answers.items() if answer}

    async def _ask(self, task_id: str, waiting: Waiting) -> None:
        try:
            self._answers[task_id] = read_task(await self._transport.read(self._api, f"/tasks/{task_id}", waiting))
        except ModelStudioError as error:
            error.with_ids(task_id=task_id)
            raise

    def _tell(self, waiting: Waiting) -> None:
        answers = list(self._answers.values())
        if len(answers) > 1:
            waiting.tell(f"{len(answers) - len(self.open_ids)}/{len(answers)} tasks done,")
            return
        state = answers[0].state if answers[0] else ""
        waiting.tell(tasks.WORDS.get(state, state), about=self._about if state == tasks.RUNNING else None)
