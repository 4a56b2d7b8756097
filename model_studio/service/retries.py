"""The one retry policy: which requests are sent again after which trouble, and when.

A request that creates pictures costs money, and the service knows no idempotency key. It is repeated only when it
certainly never arrived, or was certainly refused unpaid (429, or a JSON error whose code the documentation calls
retryable), by the service or by something in between. Reading is free and repeated through all trouble.
"""

from __future__ import annotations

from ..errors import ConnectionFailed, GatewayAnswered, ModelStudioError, ServiceError, ServiceFault, Throttled
from ..waiting import DeadlinePassed, Waiting
from ..words import Text
from .backoff import doubled
from .exchange import Answer
from .pacer import Gate

CREATE_TRIES = 4


class Resends:
    """One paid request through all of its tries: when it may be sent again, and when no more."""

    def __init__(self, gate: Gate, waiting: Waiting) -> None:
        self.gate = gate
        self._waiting = waiting
        self._turn = 0.0  # when the last try got its turn at the gate
        self._tries = 0
        self._first_refused: float | None = None  # when a limit began to refuse it

    async def turn(self) -> None:
        """Waits until the next try may be sent; no time-out runs meanwhile. Raises Interrupted."""
        self._turn = await self.gate.turn(self._waiting)
        self._tries += 1

    def accepted(self, answer: Answer) -> None:
        """The service took the last try."""
        self._first_refused = None
        self._tries = 0
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
        if answer is None:
            if not error.retryable or now >= self._waiting.deadline:
                raise error
            self.gate.refused(None, self._turn, now)
            return
        self._first_refused = self._first_refused or now
        pause = self.gate.refused(answer, self._turn, now)
        if not error.retryable or now + pause >= self._first_refused + self._waiting.timeout:
            raise error

    async def _after_fault(self, error: ModelStudioError) -> None:
        pause = doubled(self._tries)
        last = self._tries >= CREATE_TRIES or self._waiting.clock.now() + pause >= self._waiting.deadline
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

    So it is with a code that is in no list, where nobody knows. Under a status of 400 to 499 it was not: the service
    refused it.
    """
    status = error.http_status or 0
    return isinstance(error, ServiceFault | Throttled) and not error.retryable and not 400 <= status < 500


def is_passing(answer: Answer, error: ServiceError | None = None) -> bool:
    """Whether the same question, which is free, may be answered later. `error`: what the answer says."""
    return answer.status == 429 or answer.status >= 500 or (error is not None and error.retryable)
