"""Who may ask: the page that this server gave out, and programs of the user's own, but no other page in a browser."""

from __future__ import annotations

import functools
import ipaddress
from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import urlsplit

from aiohttp import web

from ..model_studio.errors import ModelStudioError
from ..nodes.language import in_users_language

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def guarded(handler: Handler) -> Handler:
    """The handler for requests of this page only; its ModelStudioErrors become {"error": text} with status 400."""

    @functools.wraps(handler)
    async def answer(request: web.Request) -> web.StreamResponse:
        if reason := refusal(request.headers, request.host, request.remote):
            return web.json_response({"error": reason}, status=403)
        try:
            with in_users_language():
                response = await handler(request)
        except ModelStudioError as error:
            response = web.json_response({"error": str(error)}, status=400)
        response.headers.setdefault("Cache-Control", "no-store")
        return response

    return answer


def refusal(headers: Mapping[str, str], host: str, peer: str | None) -> str | None:
    """Why a request is not answered, None where it is.

    A browser tells where a request comes from in Sec-Fetch-Site and Origin, which pages cannot change. A page whose
    name was made to point at this machine (DNS rebinding) is its own origin; it is known by a host name that is not
    this machine's own on a connection that is.
    """
    if headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        return "Only ComfyUI's own page may ask this."
    origin = headers.get("Origin")
    if origin is not None and urlsplit(origin).netloc.lower() != host.lower():
        return "Only ComfyUI's own page may ask this."
    name = urlsplit(f"//{host}").hostname or ""
    if peer and _is_loopback(peer) and not (_is_local_name(name) or _is_address(name)):
        return f"This machine is not known as {name!r}; open ComfyUI at its address, such as http://127.0.0.1:8188."
    return None


def _is_loopback(peer: str) -> bool:
    return _is_address(peer) and ipaddress.ip_address(peer).is_loopback


def _is_local_name(name: str) -> bool:
    return name == "localhost" or name.endswith(".localhost")


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
