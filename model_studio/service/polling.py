"""Asks about tasks until each has ended."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from ..errors import ServiceError
from ..waiting import DeadlinePassed, Waiting
from ..words import Text
from . import tasks
from .answers import TaskAnswer
from .client import Client


class Polling:
    """Tasks of one region, asked about together on the specification's schedule.

    `about`: seconds that such a task usually runs, for the progress text.
    """

    def __init__(self, client: Client, task_ids: Sequence[str], about: float | None = None) -> None:
        self._client = client
        self._about = about
        self._answers: dict[str, TaskAnswer | ServiceError | None] = dict.fromkeys(task_ids)

    @property
    def open(self) -> dict[str, str]:
        """Tasks that have not ended as far as is known: id -> last state, empty before the first answer."""
        states = {task_id: _state(answer) for task_id, answer in self._answers.items()}
        return {task_id: state for task_id, state in states.items() if state not in tasks.FINAL}

    @property
    def ended(self) -> dict[str, TaskAnswer | ServiceError]:
        """The last answers about tasks that have ended, in the order of the ids."""
        still = self.open
        return {task_id: answer for task_id, answer in self._answers.items() if answer and task_id not in still}

    @property
    def may_be_pending(self) -> bool:
        """Whether no answer has said yet that a task runs or has ended."""
        return all(_state(answer) in ("", tasks.PENDING) for answer in self._answers.values())

    async def until_ended(self, waiting: Waiting, first_pause: float = 0) -> dict[str, TaskAnswer | ServiceError]:
        """The last answer for each id, in order; a ServiceError where the service refuses to answer about one.

        Raises TaskTimeout, Interrupted.
        """
        waiting.tell(tasks.STATE_TEXTS[tasks.PENDING])
        began = waiting.clock.now()
        try:
            await waiting.sleep(first_pause)
            while self.open:
                await asyncio.gather(*(self._ask(task_id, waiting) for task_id in self.open))
                if self.open:
                    self._tell(waiting)
                    await waiting.sleep(tasks.poll_delay(waiting.clock.now() - began))
        except DeadlinePassed as passed:
            raise tasks.timeout(self.open, waiting.elapsed, passed.trouble) from None
        return self.ended

    async def _ask(self, task_id: str, waiting: Waiting) -> None:
        try:
            answer = await self._client.task(task_id, waiting)
            if answer.task_id in ("", task_id):  # else it is of another task, and tells nothing of this one
                self._answers[task_id] = answer
        except ServiceError as error:
            self._answers[task_id] = error

    def _tell(self, waiting: Waiting) -> None:
        count, still = len(self._answers), self.open
        if count > 1:
            waiting.tell(Text("{ended}/{count} tasks done,", ended=count - len(still), count=count))
            return
        (state,) = still.values()
        waiting.tell(tasks.STATE_TEXTS.get(state, state), about=self._about if state == tasks.RUNNING else None)


def _state(answer: TaskAnswer | ServiceError | None) -> str:
    """The service's word; a refusal to answer ends the wait as FAILED does."""
    if isinstance(answer, ServiceError):
        return tasks.FAILED
    return answer.state if answer else ""
