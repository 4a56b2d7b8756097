"""One region's API with the key for it: makes calls, and tells good answers from bad ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .advice import service_error
from .credentials import ApiKey
from .errors import ServiceError
from .exchange import Answer, Call, Timeouts
from .regions import ApiHost


@dataclass(frozen=True)
class Api:
    """Where calls go and what they are signed with. The only place where the key is put into a request."""

    host: ApiHost
    key: ApiKey = field(repr=False)

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
        return Call(method, self.host.base_url + path, timeouts, authorized, body, fresh)

    def outcome(self, answer: Answer) -> dict[str, Any] | ServiceError | None:
        """The JSON of a good answer, the error of a bad one, None for what did not come from the service itself.

        An answer with a code is an error even under HTTP 200 (SDK); `{"error": {…}}` was observed on some paths.
        """
        body = answer.json
        if body is None:
            return None
        nested = body.get("error")
        told = nested if isinstance(nested, dict) else body
        code = str(told.get("code") or "")
        if answer.status < 300 and not code:
            return body
        if not code and answer.status >= 500:
            return None
        return service_error(
            code,
            str(told.get("message") or "").replace(self.key.value, "[your key]"),
            region=self.host.region,
            http_status=answer.status,
            request_id=str(body.get("request_id") or "") or answer.headers.get("x-request-id"),
        )
