"""The keys that the settings page stores. No answer holds one: only whether there is one, and how it ends."""

from __future__ import annotations

import asyncio
import json
import os
from typing import Any

from aiohttp import web

from ..model_studio import page_keys
from ..model_studio.errors import InvalidRequest
from ..model_studio.page_keys import KeyState
from ..model_studio.regions import REGIONS
from ..model_studio.waiting import start
from ..model_studio.words import Text, translate
from ..nodes.comfyui import private_folder, studio
from ..nodes.language import words
from .guard import Handler

MAX_BODY = 4096  # bytes


async def list_keys(request: web.Request) -> web.Response:
    return web.json_response({"keys": [await _told(region) for region in REGIONS]})


async def store_key(request: web.Request) -> web.Response:
    region, key = _region(request), await _key(request)
    await asyncio.wrap_future(start(page_keys.store, region, key, private_folder()))
    return web.json_response(await _told(region))


async def remove_key(request: web.Request) -> web.Response:
    region = _region(request)
    await asyncio.wrap_future(start(page_keys.remove, region, private_folder()))
    return web.json_response(await _told(region))


async def check_key(request: web.Request) -> web.Response:
    region = _region(request)
    check = await studio().check_key(region)
    return web.json_response({**await _told(region), "result": check.result, "why": translate(check.why, words())})


ROUTES: list[tuple[str, str, Handler]] = [
    ("GET", "/keys", list_keys),
    ("PUT", "/keys/{region}", store_key),
    ("DELETE", "/keys/{region}", remove_key),
    ("POST", "/keys/{region}/test", check_key),
]


async def _told(region: str) -> dict[str, Any]:
    state: KeyState = await asyncio.wrap_future(start(page_keys.state, region, os.environ, private_folder()))
    return {
        "region": region,
        "stored": state.stored,
        "ending": state.ending,
        "overruled": state.overruled,
        "place": state.place and {"kind": state.place.kind, "name": state.place.name},
    }


def _region(request: web.Request) -> str:
    region = request.match_info["region"]
    if region not in REGIONS:
        raise InvalidRequest(
            Text("There is no such region."), Text("It is one of {choices}.", choices=", ".join(REGIONS))
        )
    return region


async def _key(request: web.Request) -> str:
    """The key in {"key": "…"}. What comes instead is not repeated."""
    if request.content_type != "application/json" or not 0 < (request.content_length or 0) <= MAX_BODY:
        raise InvalidRequest(Text("The request is no JSON of a key's length."))
    try:
        body = json.loads(await request.read())
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict) or not isinstance(body.get("key"), str):
        raise InvalidRequest(Text("The request holds no key as text."))
    key: str = body["key"]
    return key
