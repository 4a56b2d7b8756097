"""The page's language, in which the server's errors, notes and progress are then told."""

from __future__ import annotations

from aiohttp import web

from ..comfyui.language import set_language
from ..model_studio.errors import InvalidRequest
from ..model_studio.words import Text
from .guard import Handler, json_object


async def put_language(request: web.Request) -> web.Response:
    locale = (await json_object(request)).get("locale")
    if not isinstance(locale, str):
        raise InvalidRequest(Text('The request has no "locale".'))
    set_language(locale)
    return web.json_response({})


ROUTES: list[tuple[str, str, Handler]] = [("PUT", "/language", put_language)]
