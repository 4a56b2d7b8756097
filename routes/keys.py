"""The keys that the settings page stores. No answer holds one: only whether there is one, and how it ends."""

from __future__ import annotations

import asyncio
import os
from typing import Any

from aiohttp import web

from ..comfyui.language import translations
from ..comfyui.studio import private_folder, studio
from ..model_studio.account import page_keys
from ..model_studio.account.page_keys import KeyState
from ..model_studio.account.regions import AUTO, REGIONS
from ..model_studio.errors import ConfigurationError, InvalidRequest
from ..model_studio.service.key_check import UNREACHABLE
from ..model_studio.threads import start
from ..model_studio.words import Text, translate
from .guard import Handler, json_object


async def list_keys(request: web.Request) -> web.Response:
    return web.json_response({"keys": [await _shown(region) for region in REGIONS], "auto": await _auto()})


async def store_key(request: web.Request) -> web.Response:
    region, key = _region(request), await _key(request)
    await asyncio.wrap_future(start(page_keys.store, region, key, private_folder()))
    return web.json_response({**await _shown(region), "auto": await _auto()})


async def remove_key(request: web.Request) -> web.Response:
    region = _region(request)
    await asyncio.wrap_future(start(page_keys.remove, region, private_folder()))
    return web.json_response({**await _shown(region), "auto": await _auto()})


async def check_key(request: web.Request) -> web.Response:
    region = _region(request)
    check = await studio().check_key(region)
    told = {"result": check.result, "why": translate(check.why, translations()), "elsewhere": check.elsewhere}
    return web.json_response({**await _shown(region), **told})


async def check_elsewhere(request: web.Request) -> web.Response:
    """Asks the other regions about a key that its own refuses: its owner lets it be sent there."""
    region = _region(request)
    checks = await studio().check_key_elsewhere(region)
    known = [other for other, check in checks.items() if check.knows_key]
    trouble = {
        other: translate(check.why, translations()) for other, check in checks.items() if check.result == UNREACHABLE
    }
    return web.json_response({**await _shown(region), "known": known, "unreachable": trouble})


async def move_key(request: web.Request) -> web.Response:
    """For {"to": region}."""
    region, other = _region(request), _checked((await json_object(request)).get("to"))
    await asyncio.wrap_future(start(page_keys.move, region, other, private_folder()))
    return web.json_response({**await _shown(region), "auto": await _auto(), "moved": await _shown(other)})


ROUTES: list[tuple[str, str, Handler]] = [
    ("GET", "/keys", list_keys),
    ("PUT", "/keys/{region}", store_key),
    ("DELETE", "/keys/{region}", remove_key),
    ("POST", "/keys/{region}/test", check_key),
    ("POST", "/keys/{region}/elsewhere", check_elsewhere),
    ("POST", "/keys/{region}/move", move_key),
]


async def _shown(region: str) -> dict[str, Any]:
    state: KeyState = await asyncio.wrap_future(start(page_keys.state, region, os.environ, private_folder()))
    return {
        "region": region,
        "stored": state.stored,
        "ending": state.ending,
        "overruled": state.overruled,
        "place": state.place and {"kind": state.place.kind, "name": state.place.name},
    }


async def _auto() -> str | None:
    """The region that `auto` means, which a key more or less may change; None where a setting is wrong."""
    try:
        return await asyncio.wrap_future(start(studio().region, AUTO))
    except ConfigurationError:
        return None


def _region(request: web.Request) -> str:
    return _checked(request.match_info["region"])


def _checked(region: Any) -> str:
    if not isinstance(region, str) or region not in REGIONS:
        raise InvalidRequest(
            Text("There is no such region."), Text("It is one of {choices}.", choices=", ".join(REGIONS))
        )
    return region


async def _key(request: web.Request) -> str:
    """The key in {"key": "…"}. What comes instead is not repeated."""
    key = (await json_object(request)).get("key")
    if not isinstance(key, str):
        raise InvalidRequest(Text("The request holds no key as text."))
    return key
