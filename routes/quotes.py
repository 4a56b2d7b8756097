"""What a node's run would cost, as its inputs are now."""

from __future__ import annotations

import asyncio

from aiohttp import web

from ..comfyui.language import translations
from ..comfyui.studio import studio
from ..model_studio.errors import InvalidRequest
from ..model_studio.page.quote import quote
from ..model_studio.threads import start
from ..model_studio.words import Text, translate
from .guard import Handler, json_object


async def ask_price(request: web.Request) -> web.Response:
    """For {"inputs": {id: value}, "linked": whether any is left out because it is linked}."""
    body = await json_object(request)
    inputs, linked = body.get("inputs"), body.get("linked")
    if not isinstance(inputs, dict) or not isinstance(linked, bool):
        raise InvalidRequest(Text("The request holds no inputs of a node."))
    told = await asyncio.wrap_future(start(quote, inputs, linked, studio().region))
    texts = {"problem": told.problem and told.problem.text, "notes": list(told.notes)}
    return web.json_response(vars(told) | {"linked": linked} | translate(texts, translations()))


ROUTES: list[tuple[str, str, Handler]] = [("POST", "/quote", ask_price)]
