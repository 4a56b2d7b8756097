"""The line: writes an answer to the client, whole or as a fault spoils it."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import struct
from dataclasses import replace

from aiohttp import web

from simulator.damage import Answer
from simulator.faults import Fault
from simulator.rules import ServiceFault

PIECES = 20  # of a slow drip
BLOCK = bytes(1 << 20)
JSON_TYPE = "application/json"
QUERY_TYPE = "application/json;charset=UTF-8"  # of answers about tasks; creating calls answer without a charset


def error_answer(fault: ServiceFault, request_id: str, content_type: str = JSON_TYPE) -> Answer:
    body = {"code": fault.code, "message": fault.message, "request_id": request_id}
    return json_answer(fault.http, body, content_type)


def json_answer(status: int, body: object, content_type: str = JSON_TYPE) -> Answer:
    return Answer(status, json.dumps(body, ensure_ascii=False).encode(), {"Content-Type": content_type})


def is_before(fault: Fault | None) -> bool:
    """Whether the fault strikes before the request is looked at, so that nothing is done for it."""
    return fault is not None and (fault.kind.effect == "refuse" or fault.parameters.get("processed") is False)


def instead(fault: Fault, request_id: str) -> Answer | None:
    """The answer that a fault puts in place of the true one, if it is of that kind."""
    if fault.kind.effect == "refuse":
        answer = error_answer(ServiceFault(fault["code"], fault["message"], fault["http"]), request_id)
        seconds = fault.parameters.get("retry_after")
        return answer if seconds is None else replace(answer, headers={**answer.headers, "Retry-After": str(seconds)})
    if fault.kind.effect == "page":
        html = f"<html><head><title>{fault['http']}</title></head><body><h1>{fault['http']}</h1></body></html>"
        return Answer(fault["http"], html.encode(), {"Content-Type": "text/html"})
    if fault.kind.effect == "reply":
        body = fault["body"]
        if isinstance(body, str):
            return Answer(fault["http"], body.encode(), {"Content-Type": "text/plain"})
        return json_answer(fault["http"], {**body, "request_id": request_id})
    return None


async def send(request: web.Request, answer: Answer, fault: Fault | None) -> web.StreamResponse:
    """Writes the answer. `fault` is one of stage "line", or None."""
    effect = fault.kind.effect if fault else ""
    if effect == "cut":
        reset(request)
        return web.Response()
    if effect == "slow" and fault:
        await asyncio.sleep(fault["seconds"])
    body = answer.body[: len(answer.body) // 2] if effect == "half" else answer.body
    if effect not in ("break", "drip") and not answer.padding:
        return web.Response(status=answer.status, body=body, headers=answer.headers)

    response = web.StreamResponse(status=answer.status, headers=answer.headers)
    if not answer.padding:
        response.content_length = len(body)
    await response.prepare(request)
    try:
        if effect == "break":
            await response.write(body[: len(body) // 2])
            await asyncio.sleep(0.05)  # a reset overtakes what is still in the buffers
            reset(request)
        elif effect == "drip" and fault:
            for piece in range(PIECES):
                await asyncio.sleep(fault["seconds"] / PIECES)
                await response.write(body[piece * len(body) // PIECES : (piece + 1) * len(body) // PIECES])
        else:
            await response.write(body)
            for _ in range(answer.padding // len(BLOCK)):
                await response.write(BLOCK)
            await response.write_eof()
    except ConnectionError:
        pass  # the client has seen enough
    return response


def reset(request: web.Request) -> None:
    """Ends the connection with RST, as a broken line does, rather than with a proper FIN."""
    transport = request.transport
    if transport is None:
        return
    linger = struct.pack("hh" if os.name == "nt" else "ii", 1, 0)
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    transport.abort()
