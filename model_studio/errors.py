"""Everything that can go wrong, as one tree.

ModelStudioError
├── InvalidRequest          refused here, before anything was sent
├── ConfigurationError      a setting of this machine is wrong
│   └── KeyMissing          no API key for the region
├── LedgerUnreadable        what was paid before is not known now; nothing was sent
├── BudgetReached           it would pass the user's daily budget; nothing was sent
├── ProcessEnding           ComfyUI is being closed; nothing was sent
├── ConnectionFailed        the service was never reached; nothing was billed
│   └── GatewayAnswered     something on the way to it refused
├── SubmissionUncertain     sent, but no answer came; it may have been billed
├── ServiceError            the service refused, with a code
│   ├── AuthenticationFailed
│   ├── AccessDenied
│   │   └── TasksRefused    the account may use the model by sync calls only
│   ├── BillingProblem
│   ├── ContentRefused
│   ├── ParameterRefused
│   ├── ModelNotFound
│   ├── Throttled
│   └── ServiceFault        a fault on the service's side
├── NoPictures              finished, but without a single picture
├── TaskError
│   ├── TaskCanceled
│   ├── TaskUnknown
│   └── TaskTimeout         our patience ended, the task's work did not
└── PictureError
    ├── PictureRefused      a link this client will not follow, or a file beyond its limits
    ├── PictureExpired
    ├── PictureUnreachable
    ├── PictureUnreadable   of a kind that cannot be opened here
    ├── PictureBroken       truncated, damaged, or not a picture at all
    ├── PictureNotStored    its original is not, or no longer, in the store
    └── PictureUnsaved      a file of it could not be written
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

from .words import Text, join, translate


class ModelStudioError(Exception):
    """Base of all errors of this package. Shown as a str it is English, or speaks by its `translations`.

    what        what happened, one sentence
    advice      what to do about it
    code        the service's error code, where it gave one
    http_status status of the answer, where there was one
    request_id  the service's id of the request, for its support
    task_id     the task concerned; with it the pictures can still be fetched for 24 hours (specification)
    failed_tasks  ids of tasks that failed, were canceled or are lost: no pictures will come of them
    notes       what else became known in the run that it ended
    """

    def __init__(
        self,
        what: Text,
        advice: Text | Literal[""] = "",
        *,
        code: str | None = None,
        http_status: int | None = None,
        request_id: str | None = None,
        task_id: str | None = None,
    ) -> None:
        super().__init__(what)
        self.what = what
        self.advice: Text | Literal[""] = advice
        self.code = code
        self.http_status = http_status
        self.request_id = request_id
        self.task_id = task_id
        self.failed_tasks: tuple[str, ...] = ()
        self.undelivered: Callable[[], None] = lambda: None  # to be called where nobody will read it
        self.notes: tuple[Text, ...] = ()
        self.translations: Mapping[str, str] = {}

    def __str__(self) -> str:
        return str(translate(self.text, self.translations))

    @property
    def text(self) -> str:
        """What is shown of it, in English."""
        told = Text("({facts})", facts=self.facts) if self.facts else ""
        return join("{before} {after}", (self.sentences, *filter(None, (told,)), *self.notes))

    @property
    def sentences(self) -> str:
        """What happened, and what to do."""
        return join("{before} {after}", (self.what, *filter(None, (self.advice,))))

    @property
    def facts(self) -> str:
        """Code and ids, as far as there are any."""
        facts = (
            self.code and Text("code {code}", code=self.code),
            self.http_status and Text("HTTP {status}", status=self.http_status),
            self.request_id and Text("request id {id}", id=self.request_id),
            self.task_id and Text("task id {id}", id=self.task_id),
        )
        known = [fact for fact in facts if fact]
        return join("{before}, {after}", known) if known else ""

    @property
    def ids(self) -> tuple[str, ...]:
        """Of request and task, as far as they are known."""
        return tuple(filter(None, (self.request_id, self.task_id)))

    def with_ids(self, *, request_id: str | None = None, task_id: str | None = None) -> ModelStudioError:
        """This error, told where it belongs; ids it already has stay."""
        self.request_id = self.request_id or request_id
        self.task_id = self.task_id or task_id
        return self


class InvalidRequest(ModelStudioError):
    """Refused here, before anything was sent."""


class ConfigurationError(ModelStudioError):
    """A setting of this machine is wrong."""


class KeyMissing(ConfigurationError):
    """No API key for the region."""


class LedgerUnreadable(ModelStudioError):
    """There is a ledger, but it cannot be read or written now; nothing was sent."""


class BudgetReached(ModelStudioError):
    """It would pass the user's daily budget; nothing was sent."""


class ProcessEnding(ModelStudioError):
    """ComfyUI is being closed; nothing was sent."""


class ConnectionFailed(ModelStudioError):
    """The service was never reached; nothing was billed."""


class GatewayAnswered(ConnectionFailed):
    """Something on the way to the service refused: a firewall, a proxy, a network's login page."""


class SubmissionUncertain(ModelStudioError):
    """Sent, but no usable answer came; it may have been billed."""


class ServiceError(ModelStudioError):
    """The service refused, with a code.

    message        what it says itself
    retryable      the same request may work later, and was not billed
    may_be_billed  as the answer to a creating request: nobody knows whether it was drawn and billed all the same
    """

    def __init__(
        self,
        what: Text,
        advice: Text | Literal[""] = "",
        *,
        message: str = "",
        retryable: bool = False,
        may_be_billed: bool = False,
        **facts: Any,
    ) -> None:
        super().__init__(what, advice, **facts)
        self.message = message
        self.retryable = retryable
        self.may_be_billed = may_be_billed


class AuthenticationFailed(ServiceError):
    """The key was not accepted."""


class AccessDenied(ServiceError):
    """The account or workspace may not do this."""


class TasksRefused(AccessDenied):
    """The account may use the model by sync calls only."""


class BillingProblem(ServiceError):
    """Arrears, a used-up free tier, a service that was not bought."""


class ContentRefused(ServiceError):
    """Moderation refused the prompt or the picture."""


class ParameterRefused(ServiceError):
    """A value or combination the model does not take."""


class ModelNotFound(ServiceError):
    """No such model in this region or workspace."""


class Throttled(ServiceError):
    """Too many requests."""


class ServiceFault(ServiceError):
    """A fault on the service's side."""


class NoPictures(ModelStudioError):
    """The service says it is done, but there is not a single picture."""


class TaskError(ModelStudioError):
    """A task that ended, or was left, without pictures."""


class TaskCanceled(TaskError):
    """The task was canceled before it ran."""


class TaskUnknown(TaskError):
    """The service does not know the task."""


class TaskTimeout(TaskError):
    """Our patience ended before the task did; it goes on at the service."""


class PictureError(ModelStudioError):
    """A picture that was made could not be brought here."""


class PictureRefused(PictureError):
    """A link this client will not follow, or a file beyond its limits."""


class PictureExpired(PictureError):
    """The link no longer works."""


class PictureUnreachable(PictureError):
    """The host of the picture did not give it out in time."""


class PictureUnreadable(PictureError):
    """Of a kind that cannot be opened here; its bytes are kept for a time when it can."""


class PictureBroken(PictureError):
    """Truncated, damaged, or not a picture at all."""


class PictureNotStored(PictureError):
    """Its original is not, or no longer, in the store."""


class PictureUnsaved(PictureError):
    """A file of it could not be written."""
