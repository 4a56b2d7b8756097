"""Who may ask: the page that this server gave out, and programs of the user's own, but no other page in a browser."""

from __future__ import annotations

import contextlib
import functools
import ipaddress
import json
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web

from ..comfyui.language import in_users_language, translations
from ..model_studio.errors import InvalidRequest, ModelStudioError
from ..model_studio.words import Text, translate

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

MAX_BODY = 4096  # bytes

_FOREIGN = Text("Only ComfyUI's own page may ask this.")
_OTHER_ORIGIN = Text(
    "Only ComfyUI's own page may ask this. If this is that page, a proxy hides its address from ComfyUI: let it pass "
    "on the Host header as it came (nginx: proxy_set_header Host $http_host)."
)
# Names that cannot be registered: those without a dot, and what standards keep for this machine and home networks.
_LOCAL_DOMAINS = (".localhost", ".local", ".lan", ".internal", ".home.arpa")
_PORTS = {"http": 80, "https": 443}
_ODD = frozenset("@\\/?#")  # in no Host header of a browser, and read in more than one way


def guarded(handler: Handler, *, private: bool) -> Handler:
    """The handler for requests of this page only; its ModelStudioErrors become {"error": text} with status 400.

    `private`: whether it tells or changes what is the user's own, and so is kept from rebound pages (see refusal).
    """

    @functools.wraps(handler)
    async def answer(request: web.Request) -> web.StreamResponse:
        response: web.StreamResponse
        if reason := refusal(request, private):
            response = web.json_response({"error": translate(reason, translations())}, status=403)
        else:
            try:
                with in_users_language():
                    response = await handler(request)
            except ModelStudioError as error:
                response = web.json_response({"error": str(error)}, status=400)
        response.headers.setdefault("Cache-Control", "no-store")
        response.headers["Cross-Origin-Resource-Policy"] = "same-origin"  # <img> of other pages tells them nothing
        return response

    return answer


async def json_object(request: web.Request, limit: int = MAX_BODY) -> dict[str, Any]:
    """The JSON object that a request holds, of at most `limit` bytes. Raises InvalidRequest, which repeats nothing."""
    body = None
    # A form of a foreign page cannot say that it sends JSON.
    if request.content_type == "application/json" and 0 < (request.content_length or 0) <= limit:
        with contextlib.suppress(ValueError, RecursionError):
            body = json.loads(await request.read())
    if not isinstance(body, dict):
        raise InvalidRequest(Text("The request is not a JSON object of 1 to {limit} bytes.", limit=limit))
    return body


def refusal(request: web.Request, private: bool) -> Text | None:
    """Why a request is not answered, None where it is. What ComfyUI lets other origins do (CORS) changes nothing here.

    Sec-Fetch-Site is the browser's own word on which page asks; no page can write it. Browsers send it over https and
    to this machine itself, so a page whose name was made to point here (DNS rebinding) comes without it: its
    certificate would be wrong, and it is not localhost. "none" is a person who opens the address.

    Without it (plain http in a network, older browsers, other programs) the Origin has to be this server's, and the
    server, for what is private, to be called by an address or a local name: to a rebound page, its own origin is this
    server's too.
    """
    if site := request.headers.get("Sec-Fetch-Site"):
        return None if site == "same-origin" or (site == "none" and request.method == "GET") else _FOREIGN
    origin, host = request.headers.get("Origin"), request.host
    if _ODD & set(host):
        return _FOREIGN
    if origin is not None and not _is_origin_of(origin, host, at_usual_port=_listens_at(request) in _PORTS.values()):
        return _OTHER_ORIGIN
    if private and not _is_local(host):
        return Text(
            "A page of {host!r} could be anybody's: open ComfyUI at this machine's address, such as "
            "http://127.0.0.1:8188, or over https.",
            host=host,
        )
    return None


def tells_private(request: web.Request) -> bool:
    """Whether an answer to it may hold what is the user's own."""
    return refusal(request, private=True) is None


def _listens_at(request: web.Request) -> int:
    """The port of ComfyUI's own socket; a usual one, the stricter case, where the connection is gone by now."""
    port: int = request.get_extra_info("sockname", ("", _PORTS["http"]))[1]
    return port


def _is_origin_of(origin: str, host: str, *, at_usual_port: bool) -> bool:
    """Whether a page of this origin ("null", for one) came from this host; either may leave out the usual port.

    A host without a port that ComfyUI itself cannot have got so, since it listens at another than the usual ones, fits
    any: many proxies hand on the bare name (nginx: $host), whatever their own port and scheme.
    """
    try:
        theirs, ours = urlsplit(origin), urlsplit(f"//{host}")
        usual = _PORTS[theirs.scheme]
        port = theirs.port or usual
        return (theirs.hostname, port) == (ours.hostname, ours.port or (usual if at_usual_port else port))
    except (ValueError, KeyError):
        return False


def _is_local(host: str) -> bool:
    """Whether a Host header names an address, or a machine by a name that is not public."""
    try:
        parts = urlsplit(f"//{host}")
        name, _ = parts.hostname or "", parts.port  # ValueError where it is not a number
        if (name and "." not in name) or name.endswith(_LOCAL_DOMAINS):
            return True
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
