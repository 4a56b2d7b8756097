"""One region's API with the key for it: makes calls, and tells good answers from bad ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..account.credentials import ApiKey
from ..account.regions import ApiHost
from ..errors import AuthenticationFailed, GatewayAnswered, ServiceError
from ..words import Text
from .advice import service_error
from .answers import one_line, read_task
from .exchange import Answer, Call, Timeouts
from .pacer import Gate


@dataclass(frozen=True)
class Api:
    """Where calls go and what they are signed with. The only place where the key is put into a request."""

    host: ApiHost
    key: ApiKey = field(repr=False)
    queries: Gate | None = None  # through which calls about tasks pass

    def call(
        self,
        method: str,
        path: str,
        timeouts: Timeouts,
        *,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        fresh: bool = False,
    ) -> Call:
        """A call with the key in it; `path` follows the base URL."""
        authorized = {"Authorization": f"Bearer {self.key.value}", **(headers or {})}
        return Call(method, self.host.base_url + path, timeouts, authorized, body, self.key.value, fresh)

    def outcome(self, answer: Answer) -> dict[str, Any] | ServiceError | GatewayAnswered | None:
        """The JSON of a good answer, the error of a bad one; None where it leaves open whether the request was done.

        An answer with a code is an error even under HTTP 200 (SDK), unless it brings a task or pictures all the same;
        those without a code count under any status. `{"error": {…}}` was observed on some paths. What is not the
        service's JSON came from something in between, which refuses with 300 to 499 (429 is a limit, whoever tells it)
        and may have passed the request on with others.
        """
        body = answer.json
        if body is None and answer.status == 429:
            body = {}
        if body is None:
            return self._gateways(answer.status) if 300 <= answer.status < 500 else None
        body = {"request_id": answer.headers.get("x-request-id"), **body}
        nested = body.get("error")
        told = nested if isinstance(nested, dict) else body
        code = one_line(told.get("code"))
        content = read_task(body)
        brings = bool(content.task_id or content.drawn.links)
        if (brings and not code) or (answer.status < 300 and (brings or not code)):
            return body
        if not code and answer.status >= 500:
            return None
        error = service_error(
            code,
            one_line(told.get("message")),
            region=self.host.region,
            http_status=answer.status,
            request_id=content.request_id,
        )
        return self._explained(error)

    def _gateways(self, status: int) -> GatewayAnswered:
        return GatewayAnswered(
            Text("Not the service answered at {address}, but a gateway on the way.", address=self.host.base_url),
            Text(
                "It let nothing through, and nothing was billed. Check the network's login page, firewall, proxy and "
                "VPN, and DASHSCOPE_HTTP_BASE_URL if it is set."
            ),
            http_status=status,
        )

    def _explained(self, error: ServiceError) -> ServiceError:
        if isinstance(error, AuthenticationFailed):
            error.advice = Text(
                "{advice} The key came from {source} and was sent to {address}.",
                advice=error.advice,
                source=self.key.source,
                address=self.host.base_url,
            )
        return error
