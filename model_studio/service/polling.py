"""Asks about tasks until each has ended."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from ..errors import ServiceError
from ..waiting import DeadlinePassed, Waiting
from ..words import Text
from . import tasks
from .answers import TaskAnswer
from .client import Client

Answer = TaskAnswer | ServiceError  # the latter where the service refuses to answer about a task


class Polling:
    """Tasks of one region, asked about together on the specification's schedule.

    `patience`: task id -> seconds for which the service may deny to know a task before that counts: a replica may lag.
    `about`: seconds that such a task usually runs, for the progress text.
    """

    def __init__(
        self, client: Client, patience: Mapping[str, float], waiting: Waiting, about: float | None = None
    ) -> None:
        self._client = client
        self._patience = patience
        self._waiting = waiting
        self._about = about
        self.when_ended: Callable[[str, Answer], None] = lambda task_id, answer: None  # at once, while others go on
        self._answers: dict[str, Answer | None] = dict.fromkeys(patience)
        self._began = waiting.clock.now()
        # Task id -> the first and the last of its denials in a row, by the run's clock.
        self._denied: dict[str, tuple[float, float]] = {}

    @property
    def answers(self) -> Mapping[str, Answer | None]:
        """The last answer about each task, in the order of the ids."""
        return self._answers

    @property
    def open(self) -> dict[str, str]:
        """Tasks that have not ended as far as is known: id -> last state, empty before the first answer."""
        states = {task_id: _state(answer) for task_id, answer in self._answers.items()}
        return {task_id: state for task_id, state in states.items() if not self._is_final(task_id, state)}

    @property
    def ended(self) -> dict[str, Answer]:
        """The last answers about tasks that have ended, in the order of the ids."""
        still = self.open
        return {task_id: answer for task_id, answer in self._answers.items() if answer and task_id not in still}

    @property
    def may_be_pending(self) -> bool:
        """Whether no answer has said yet that a task runs or has ended."""
        return all(_state(answer) in ("", tasks.PENDING) for answer in self._answers.values())

    def has_answer(self, task_id: str) -> bool:
        return self._answers[task_id] is not None

    def seconds_denied(self, task_id: str) -> float | None:
        """For how long the service has denied to know the task; None: it knows it, or was not asked."""
        if task_id not in self._denied:
            return None
        first, last = self._denied[task_id]
        return last - first

    async def until_ended(self, first_pause: float = 0) -> dict[str, Answer]:
        """The last answer for each id, in order. Raises TaskTimeout, Interrupted."""
        await self._until(lambda: not self.open, first_pause)
        return self.ended

    async def until_known(self) -> dict[str, Answer]:
        """The first answer for each id that does not deny it, in order; the denial once its patience is over.

        Raises TaskTimeout, Interrupted.
        """
        await self._until(lambda: all(state not in ("", tasks.UNKNOWN) for state in self.open.values()), 0)
        return {task_id: answer for task_id, answer in self._answers.items() if answer}

    async def _until(self, is_done: Callable[[], bool], first_pause: float) -> None:
        waiting = self._waiting
        self._began = waiting.clock.now()
        waiting.tell(Text("submitted"))  # it may run already
        try:
            await waiting.sleep(first_pause)
            while not is_done():
                await self._ask_about_all()
                if not is_done():
                    self._tell()
                    await waiting.sleep(tasks.poll_delay(waiting.clock.now() - self._began))
        except DeadlinePassed as passed:
            raise tasks.timeout(self.open, waiting.elapsed, passed.trouble) from None

    async def _ask_about_all(self) -> None:
        asked = [asyncio.ensure_future(self._ask(task_id)) for task_id in self.open]
        try:
            await asyncio.gather(*asked)
        finally:
            # Those still asked about end by the same deadline or Cancel; an answer that comes first still counts.
            await asyncio.gather(*asked, return_exceptions=True)

    async def _ask(self, task_id: str) -> None:
        await self._take_answer(task_id)
        if (answer := self._answers[task_id]) and self._is_final(task_id, _state(answer)):
            self.when_ended(task_id, answer)

    async def _take_answer(self, task_id: str) -> None:
        try:
            answer = await self._client.task(task_id, self._waiting)
        except ServiceError as error:
            self._answers[task_id] = error
            return
        if answer.task_id not in ("", task_id):  # it is of another task, and tells nothing of this one
            return
        self._answers[task_id] = answer
        if answer.state == tasks.UNKNOWN:
            now = self._waiting.clock.now()
            self._denied[task_id] = (self._denied.get(task_id, (now, now))[0], now)
        else:
            self._denied.pop(task_id, None)

    def _is_final(self, task_id: str, state: str) -> bool:
        if state == tasks.UNKNOWN:
            return (self.seconds_denied(task_id) or 0.0) >= self._patience[task_id]
        return state in tasks.FINAL

    def _tell(self) -> None:
        count, still = len(self._answers), self.open
        if count > 1:
            self._waiting.reach(1 - len(still) / count)
            self._waiting.tell(Text("{ended}/{count} tasks done,", ended=count - len(still), count=count))
            return
        (state,) = still.values()
        is_running = state == tasks.RUNNING
        since = self._began if state == tasks.PENDING else None
        self._waiting.tell(tasks.STATE_TEXTS.get(state, state), about=self._about if is_running else None, since=since)


def _state(answer: Answer | None) -> str:
    """The service's word; a refusal to answer ends the wait as FAILED does."""
    if isinstance(answer, ServiceError):
        return tasks.FAILED
    return answer.state if answer else ""
