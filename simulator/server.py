"""The HTTP face: the service's paths, headers and bodies, and the storage that serves the pictures."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from email.utils import formatdate
from typing import Any

from aiohttp import web
from multidict import CIMultiDictProxy

from simulator import damage
from simulator.damage import Answer
from simulator.line import JSON_TYPE, QUERY_TYPE, error_answer, instead, is_before, json_answer, send
from simulator.models import MODELS, REGIONS, SYNC
from simulator.pictures import Refusal
from simulator.rules import ServiceFault
from simulator.service import Caller, Service

LARGEST_REQUEST = 16 << 20  # bytes


@dataclass
class Received:
    """One request as it came, keys and all. `headers` looks names up whatever their case.

    `status` is None until it is answered, and 0 when the line was cut instead.
    """

    time: float
    method: str
    path: str
    query: dict[str, str]
    headers: CIMultiDictProxy[str]
    body: Any
    status: int | None = None


Handler = Callable[[web.Request, str, bytes], Awaitable[Answer]]


class Face:
    """Turns requests into calls of the service. `requests` grows with each that came in."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.requests: list[Received] = []

    def app(self) -> web.Application:
        app = web.Application(client_max_size=LARGEST_REQUEST)
        app.on_response_prepare.append(self._date)
        for prefix in ("/api/v1", f"/{{region:{'|'.join(REGIONS)}}}/api/v1"):
            app.router.add_post(prefix + "/services/{endpoint:.+}", self._at("create", self._create))
            app.router.add_get(prefix + "/services/{endpoint:.+}", self._at("create", self._wrong_method))
            for path in ("/tasks", "/tasks/"):
                app.router.add_get(prefix + path, self._at("list", self._list))
            app.router.add_get(prefix + "/tasks/{task_id}", self._at("poll", self._query))
            app.router.add_post(prefix + "/tasks/{task_id}/cancel", self._at("cancel", self._cancel))
            app.router.add_get(prefix + "/models", self._at("", self._models))
            app.router.add_route("*", prefix + "{rest:.*}", self._at("", self._nowhere))
        app.router.add_get("/oss/{bucket}/{name:.+}", self._at("picture", self._picture))
        return app

    def _at(self, place: str, handle: Handler) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        """A route: records the request, lets faults of the line strike, and answers refusals in the service's way."""

        async def answer_request(request: web.Request) -> web.StreamResponse:
            arrived, request_id, raw = self.service.clock.now(), str(uuid.uuid4()), await request.read()
            received = self._record(request, raw)
            fault = self.service.faults.take(place, "line", self._model_of(request, received.body))
            answer = Answer(500, b"")
            if not is_before(fault):
                try:
                    answer = await handle(request, request_id, raw)
                except ServiceFault as refused:
                    answer = error_answer(refused, request_id, JSON_TYPE if place == "create" else QUERY_TYPE)
            if fault:
                answer = instead(fault, request_id) or answer
            if place == "picture":
                headers = {"Server": "AliyunOSS", "x-oss-request-id": request_id}
            else:
                headers = _api_headers(request_id, arrived, self.service.clock.now())
            answer = replace(answer, headers={**answer.headers, **headers, "x-dashscope-simulated": "true"})
            received.status = 0 if fault and fault.kind.effect == "cut" else answer.status
            return await send(request, answer, fault)

        return answer_request

    async def _date(self, request: web.Request, response: web.StreamResponse) -> None:
        """Lets a client measure how far its own clock is from the service's, which tests may put forward."""
        response.headers["Date"] = formatdate(self.service.clock.now(), usegmt=True)

    def _record(self, request: web.Request, raw: bytes) -> Received:
        try:
            body = json.loads(raw) if raw else None
        except ValueError:
            body = None
        now = self.service.clock.now()
        received = Received(now, request.method, request.path, dict(request.query), request.headers, body)
        self.requests.append(received)
        return received

    def _model_of(self, request: web.Request, body: Any) -> str | None:
        """Which model a request is about, for faults of one model only."""
        if task := self.service.tasks.get(request.match_info.get("task_id", "")):
            return task.model
        if drawing := self.service.pictures.drawing(request.path):
            return drawing.model
        return str(body.get("model")) if isinstance(body, dict) else request.query.get("model_name")

    def _caller(self, request: web.Request, request_id: str) -> Caller:
        region = request.match_info.get("region", self.service.config.region)
        account = self.service.authorise(region, request.headers.get("Authorization"))
        return Caller(account, request_id, f"{request.scheme}://{request.host}")

    async def _create(self, request: web.Request, request_id: str, raw: bytes) -> Answer:
        caller = self._caller(request, request_id)
        endpoint = f"/services/{request.match_info['endpoint']}"
        created = self.service.create(caller, endpoint, _is_async(request), raw)
        answer = json_answer(200, created.body)
        if endpoint != SYNC:
            return answer
        await asyncio.sleep(created.seconds)
        rate = MODELS[created.model.id].rate_in(caller.account.region)
        meta = {"model": created.model.id, "user_spec": {"count_limit": rate.count, "count_limit_period": rate.period}}
        headers = {
            "x-dashscope-finished": "true",
            "x-dashscope-timeout": "298",
            "x-dashscope-inner-flow-control-meta": json.dumps(meta),
        }
        return replace(answer, headers={**answer.headers, **headers})

    async def _query(self, request: web.Request, request_id: str, raw: bytes) -> Answer:
        caller = self._caller(request, request_id)
        body = self.service.query(caller, request.match_info["task_id"], _is_async(request))
        return json_answer(200, body, QUERY_TYPE)

    async def _cancel(self, request: web.Request, request_id: str, raw: bytes) -> Answer:
        caller = self._caller(request, request_id)
        return json_answer(200, self.service.cancel(caller, request.match_info["task_id"]), QUERY_TYPE)

    async def _list(self, request: web.Request, request_id: str, raw: bytes) -> Answer:
        caller = self._caller(request, request_id)
        return json_answer(200, self.service.list(caller, dict(request.query)), QUERY_TYPE)

    async def _models(self, request: web.Request, request_id: str, raw: bytes) -> Answer:
        caller = self._caller(request, request_id)
        return json_answer(200, self.service.models(caller, dict(request.query)), QUERY_TYPE)

    async def _wrong_method(self, request: web.Request, request_id: str, raw: bytes) -> Answer:
        raise ServiceFault("InvalidParameter", f"Request method '{request.method}' is not supported")

    async def _nowhere(self, request: web.Request, request_id: str, raw: bytes) -> Answer:
        raise ServiceFault("NotFound")

    async def _picture(self, request: web.Request, request_id: str, raw: bytes) -> Answer:
        store, now = self.service.pictures, self.service.clock.now()
        try:
            if "Authorization" in request.headers:
                # Two ways to sign at once; the storage refuses that in general, it was not recorded for these buckets.
                message = "Only one auth mechanism allowed; only the Authorization header or the query is permitted."
                raise Refusal(400, "InvalidArgument", message)
            store.check(request.path, request.query, now)
            data = await asyncio.wrap_future(store.future(request.path))
            drawing = store.drawing(request.path)
            fault = self.service.faults.take("picture", "picture", drawing.model if drawing else None)
            return await asyncio.to_thread(damage.damaged, fault, data) if fault else damage.picture(data)
        except Refusal as refused:
            bucket = f"{request.match_info['bucket']}.{request.host}"
            return damage.refusal(refused, bucket, request.query.get("Expires"), now)


def _is_async(request: web.Request) -> bool:
    """Any other value than "enable" means a synchronous call (observed)."""
    return request.headers.get("X-DashScope-Async", "").lower() == "enable"


def _api_headers(request_id: str, arrived: float, now: float) -> dict[str, str]:
    """As recorded. There is no Retry-After, and nothing that tells how many requests are left."""
    cost = str(int((now - arrived) * 1000))
    return {
        "Server": "istio-envoy",
        "Vary": "Accept-Encoding",
        "x-request-id": request_id,
        "x-dashscope-requestid": request_id,
        "x-dashscope-call-gateway": "true",
        "req-cost-time": cost,
        "req-arrive-time": str(int(arrived * 1000)),
        "resp-start-time": str(int(now * 1000)),
        "x-envoy-upstream-service-time": cost,
    }
