"""What a node's run would cost, as its inputs are now."""

from __future__ import annotations

from aiohttp import web

from ..model_studio.quote import quote
from ..model_studio.words import translate
from ..nodes.comfyui import studio
from ..nodes.language import words
from .guard import Handler


async def ask_price(request: web.Request) -> web.Response:
    """For {"inputs": {id: value}, "linked": whether any is left out because it is linked}."""
    try:
        body = await request.json()
        inputs, linked = dict(body["inputs"]), bool(body["linked"])
    except (ValueError, TypeError, KeyError):
        raise web.HTTPBadRequest(text="inputs and linked are needed") from None
    told = quote(inputs, linked, studio().region)
    texts = {"problem": told.problem and told.problem.text, "notes": list(told.notes)}
    return web.json_response(vars(told) | {"linked": linked} | translate(texts, words()))


ROUTES: list[tuple[str, str, Handler]] = [("POST", "/quote", ask_price)]
