"""Tells good answers of the service from bad ones, and from those that leave open whether the request was done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ..account import key_kinds
from ..account.credentials import ApiKey
from ..account.regions import ApiHost
from ..errors import AuthenticationFailed, GatewayAnswered, ServiceError
from ..words import Text
from .advice import service_error
from .answers import TaskAnswer, one_line, read_task
from .exchange import Answer


@dataclass(frozen=True)
class Reading:
    """One answer as it was read. `task`: what it says of a task or of pictures, whatever the verdict.

    `verdict`: an error where the request was refused, "open" where nobody knows whether it was done.
    """

    task: TaskAnswer
    verdict: Literal["good", "open"] | ServiceError | GatewayAnswered


def read(answer: Answer, host: ApiHost, key: ApiKey) -> Reading:
    """An answer with a code is an error even under HTTP 200 (SDK), unless it brings a task or pictures all the same;
    those without a code count under any status. `{"error": {…}}` was observed on some paths. What is not the
    service's JSON came from something in between, which refuses with 300 to 499 (429 is a limit, whoever tells it)
    and may have passed the request on with others.
    """
    body = answer.json
    if body is None and answer.status != 429:
        refused = 300 <= answer.status < 500
        return Reading(read_task({}), _gateways(answer.status, host) if refused else "open")
    body = {"request_id": answer.headers.get("x-request-id"), **(body or {})}
    nested = body.get("error")
    told = nested if isinstance(nested, dict) else body
    code = one_line(told.get("code"))
    task = read_task(body)
    brings = bool(task.task_id or task.drawn.links)
    if (brings and not code) or (answer.status < 300 and (brings or not code)):
        return Reading(task, "good")
    if not code and answer.status >= 500:
        return Reading(task, "open")
    error = service_error(
        code,
        one_line(told.get("message")),
        region=host.region,
        http_status=answer.status,
        request_id=task.request_id,
    )
    return Reading(task, _explained(error, host, key))


def _gateways(status: int, host: ApiHost) -> GatewayAnswered:
    return GatewayAnswered(
        Text("A gateway on the way answered at {address}, not the service.", address=host.base_url),
        Text(
            "It did not pass the request on, and nothing was billed. Check the network's login page, firewall, proxy "
            "and VPN, and DASHSCOPE_HTTP_BASE_URL if it is set."
        ),
        http_status=status,
    )


def _explained(error: ServiceError, host: ApiHost, key: ApiKey) -> ServiceError:
    if isinstance(error, AuthenticationFailed):
        error.advice = key_kinds.advice(key.value, host.region) or error.advice
        error.advice = Text(
            "{advice} The key came from {source} and was sent to {address}.",
            advice=error.advice,
            source=key.source,
            address=host.base_url,
        )
    return error
