"""The keys that the settings page stores."""

from __future__ import annotations

from aiohttp import web

from .guard import Handler


async def list_keys(request: web.Request) -> web.Response:
    return web.json_response({})


ROUTES: list[tuple[str, str, Handler]] = [("GET", "/keys", list_keys)]
