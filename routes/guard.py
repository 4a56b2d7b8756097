"""Who may ask: the page that this server gave out, and programs of the user's own, but no other page in a browser."""

from __future__ import annotations

import functools
import ipaddress
from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import urlsplit

from aiohttp import web

from ..model_studio.errors import ModelStudioError
from ..model_studio.words import Text, translate
from ..nodes.language import in_users_language, words

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_FOREIGN = Text("Only ComfyUI's own page may ask this.")
# Names that nobody can buy: those without a dot, and what standards keep for this machine and networks like a home's.
_LOCAL_DOMAINS = (".localhost", ".local", ".lan", ".internal", ".home.arpa")
_PORTS = {"http": 80, "https": 443}


def guarded(handler: Handler) -> Handler:
    """The handler for requests of this page only; its ModelStudioErrors become {"error": text} with status 400."""

    @functools.wraps(handler)
    async def answer(request: web.Request) -> web.StreamResponse:
        response: web.StreamResponse
        if reason := refusal(request.method, request.headers, request.host):
            response = web.json_response({"error": translate(reason, words())}, status=403)
        else:
            try:
                with in_users_language():
                    response = await handler(request)
            except ModelStudioError as error:
                response = web.json_response({"error": str(error)}, status=400)
        response.headers.setdefault("Cache-Control", "no-store")
        return response

    return answer


def refusal(method: str, headers: Mapping[str, str], host: str) -> Text | None:
    """Why a request is not answered, None where it is. What ComfyUI lets other origins do (CORS) changes nothing here.

    Sec-Fetch-Site is the browser's own word on which page asks; no page can write it. Browsers send it over https and
    to this machine itself, so a page whose name was made to point here (DNS rebinding) comes without it: its
    certificate would be wrong, and it is not localhost. "none" is a person who opens the address.

    Without it (plain http in a network, older browsers, other programs) the Origin has to be this server's, and the
    server has to be called by an address or a local name: to a rebound page, its own origin is this server's too.
    """
    if site := headers.get("Sec-Fetch-Site"):
        return None if site == "same-origin" or (site == "none" and method == "GET") else _FOREIGN
    origin = headers.get("Origin")
    if origin is not None and not _is_origin_of(origin, host):
        return _FOREIGN
    if not _is_local(host):
        return Text(
            "A page of {host!r} could be anybody's: open ComfyUI at this machine's address, such as "
            "http://127.0.0.1:8188, or over https.",
            host=host,
        )
    return None


def _is_origin_of(origin: str, host: str) -> bool:
    """Whether a page of this origin ("null", for one) came from this host; either may leave out the usual port."""
    try:
        theirs, ours = urlsplit(origin), urlsplit(f"//{host}")
        usual = _PORTS[theirs.scheme]
        return (theirs.hostname, theirs.port or usual) == (ours.hostname, ours.port or usual)
    except (ValueError, KeyError):
        return False


def _is_local(host: str) -> bool:
    """Whether a Host header names an address, or a machine in a way that is no public name."""
    try:
        parts = urlsplit(f"//{host}")
        name, _ = parts.hostname or "", parts.port  # which may be no number
        if (name and "." not in name) or name.endswith(_LOCAL_DOMAINS):
            return True
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
