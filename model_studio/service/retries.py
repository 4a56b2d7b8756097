"""The one retry policy: which requests are sent again after which trouble, and when.

A request that creates pictures costs money, and the service knows no idempotency key. It is repeated only when it
certainly never arrived, or was certainly refused unpaid (429, or a JSON error whose code the documentation calls
retryable), by the service or by something in between. Reading is free and repeated through all trouble.
"""

from __future__ import annotations

import math
from collections import Counter

from ..errors import ConnectionFailed, GatewayAnswered, ModelStudioError, ServiceError, ServiceFault, Throttled
from ..waiting import DeadlinePassed, Waiting
from ..words import Text
from .backoff import LONGEST_PAUSE_PER_MINUTE, doubled
from .exchange import Answer
from .pacer import Gate

CREATE_TRIES = 4


class Resends:
    """One paid request through all of its tries: when it may be sent again, and when no more."""

    def __init__(self, gate: Gate, waiting: Waiting) -> None:
        self.gate = gate
        self._waiting = waiting
        self._turn = 0.0  # when the last try got its turn at the gate
        self._troubles: Counter[type[ModelStudioError]] = Counter()  # each kind of trouble has tries of its own
        self._first_refused: float | None = None  # when a limit began to refuse it

    async def turn(self) -> None:
        """Waits until the next try may be sent; no time-out runs meanwhile.

        Raises Throttled where the service has asked to wait for longer than the run has time, and Interrupted.
        """
        pause = self.gate.pause_left(self._waiting.clock.now())
        if pause > max(self._waiting.timeout, LONGEST_PAUSE_PER_MINUTE):
            raise Throttled(
                Text(
                    "The service takes no requests of this model for now: it asks to wait {time}.", time=in_words(pause)
                ),
                Text("Nothing was sent. Run again then."),
                retryable=True,
            )
        self._turn = await self.gate.turn(self._waiting)

    def accepted(self, answer: Answer) -> None:
        """The service took the last try."""
        self._first_refused = None
        self._troubles.clear()
        self.gate.accepted(answer, self._turn)

    async def after(self, error: ModelStudioError, answer: Answer | None = None) -> None:
        """Returns when a request that certainly was not paid may be sent again, raises `error` where it may not.

        No `answer`: its task was accepted, and failed later on. After a limit's refusal the gate pauses, for all who
        stand at it; the wait for that is in `turn`. New tries begin before the deadline only, but throttled ones as
        long as the service has not refused for the run's time-out. Raises Interrupted.
        """
        if isinstance(error, Throttled):
            self._after_limit(error, answer)
        else:
            await self._after_fault(error)

    def _after_limit(self, error: Throttled, answer: Answer | None) -> None:
        now = self._waiting.clock.now()
        self._first_refused = self._first_refused or now
        pause = self.gate.refused(answer, self._turn, now)
        is_late = now + pause >= self._first_refused + self._waiting.timeout
        if answer is None:  # the time in which the task was at work counts
            is_late = is_late or now >= self._waiting.deadline
        if error.retryable and not is_late:
            return
        if pause > LONGEST_PAUSE_PER_MINUTE:  # so the service asked for it, now or a moment ago
            error.advice = Text(
                "The service asks to wait {time} before the next request. {advice}",
                time=in_words(pause),
                advice=error.advice,
            )
        raise error

    async def _after_fault(self, error: ModelStudioError) -> None:
        self._troubles[type(error)] += 1
        tries = self._troubles[type(error)]
        pause = doubled(tries)
        last = tries >= CREATE_TRIES or self._waiting.clock.now() + pause >= self._waiting.deadline
        if last or not _is_passing_fault(error):
            raise error
        self._waiting.tell(Text("trying again"))
        try:
            await self._waiting.sleep(pause)
        except DeadlinePassed:  # this machine slept
            raise error from None


def _is_passing_fault(error: ModelStudioError) -> bool:
    """Whether the same request may be accepted later. A gateway says the same again."""
    if isinstance(error, GatewayAnswered):
        return False
    return isinstance(error, ConnectionFailed) or (isinstance(error, ServiceError) and error.retryable)


def may_be_done(error: ServiceError) -> bool:
    """Whether a creating request may have been done although the service tells of a fault.

    So it is where the service broke it off, and with a code that is in no list, where nobody knows. Under a status of
    400 to 499 such a code says that it was not: the service refused it.
    """
    if error.may_be_billed:
        return True
    status = error.http_status or 0
    return isinstance(error, ServiceFault | Throttled) and not error.retryable and not 400 <= status < 500


def is_passing(answer: Answer, error: ServiceError | None = None) -> bool:
    """Whether the same question, which is free, may be answered later. `error`: what the answer says."""
    passes = error is not None and (error.retryable or error.may_be_billed)
    return answer.status == 429 or answer.status >= 500 or passes


def in_words(seconds: float) -> Text:
    """A time, rounded up."""
    seconds = round(seconds, 3)  # a difference of clocks is a hair more or less than what was asked for
    if seconds <= 120:
        return Text("{seconds} s", seconds=math.ceil(seconds))
    minutes = math.ceil(seconds / 60)
    if minutes < 120:
        return Text("{minutes} min", minutes=minutes)
    return Text("{hours} h {minutes} min", hours=minutes // 60, minutes=minutes % 60)
