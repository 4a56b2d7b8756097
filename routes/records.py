"""The ledger for the page's list of recent tasks, and small pictures of what is in the store."""

from __future__ import annotations

import asyncio

from aiohttp import web

from ..comfyui.language import translations
from ..comfyui.studio import studio
from ..model_studio.errors import InvalidRequest
from ..model_studio.ledger import LedgerUnavailable
from ..model_studio.words import Text, translate
from .guard import Handler

LIMIT = 100  # records in an answer, unless fewer are asked for
LONGEST_SEARCH = 1000  # characters
LARGEST_ID = 2**63 - 1  # of SQLite
LONGEST_NUMBER = len(str(LARGEST_ID))  # digits
THUMBNAIL_SECONDS = 24 * 3600  # for which the browser need not ask again

_making = asyncio.Semaphore(2)  # thumbnails at once: each holds a whole picture in memory


async def list_records(request: web.Request) -> web.Response:
    """`before`: the id of the last record that is known; `search`: a part of prompt, model or task id; `limit`."""
    query = request.query
    limit = _number("limit", query.get("limit", str(LIMIT)), LIMIT, smallest=1)
    before = _number("before", query["before"], LARGEST_ID) if "before" in query else None
    search = query.get("search", "").strip()
    if len(search) > LONGEST_SEARCH:
        raise InvalidRequest(Text("The search text has more than {most} characters.", most=LONGEST_SEARCH))
    try:
        told = await studio().records(limit, before, search)
    except LedgerUnavailable as error:
        return _unavailable(error)
    return web.json_response(translate(told, translations()))


async def look(request: web.Request) -> web.Response:
    """Asks the service about the newest open tasks, and says what the ledger does not."""
    try:
        found = await studio().look()
    except LedgerUnavailable as error:
        return _unavailable(error)
    return web.json_response({"found": translate(found, translations())})


async def send_thumbnail(request: web.Request) -> web.Response:
    entry_id, number = (_number(name, request.match_info[name], LARGEST_ID) for name in ("id", "number"))
    try:
        async with _making:
            content = await studio().thumbnail(entry_id, number)
    except LedgerUnavailable as error:
        return _unavailable(error)
    if content is None:
        return web.Response(status=404)
    kept = {"Cache-Control": f"private, max-age={THUMBNAIL_SECONDS}"}
    return web.Response(body=content, content_type="image/jpeg", headers=kept)


def _number(name: str, value: str, largest: int, smallest: int = 0) -> int:
    if value.isascii() and value.isdigit() and len(value) <= LONGEST_NUMBER and smallest <= int(value) <= largest:
        return int(value)
    raise InvalidRequest(
        Text(
            "{name} is not a whole number from {smallest} to {largest}.", name=name, smallest=smallest, largest=largest
        )
    )


def _unavailable(error: LedgerUnavailable) -> web.Response:
    reason = Text("The ledger of earlier tasks cannot be read: {reason}.", reason=error.reason)
    return web.json_response({"error": translate(reason, translations())}, status=503)


ROUTES: list[tuple[str, str, Handler]] = [
    ("GET", "/records", list_records),
    ("POST", "/records/look", look),
    ("GET", "/records/{id}/thumbnail/{number}", send_thumbnail),
]
