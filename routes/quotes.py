"""What a node's run would cost, as its inputs are now."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from aiohttp import web

from ..comfyui.language import translations
from ..comfyui.studio import studio
from ..model_studio.errors import InvalidRequest, KeyMissing
from ..model_studio.page.quote import Account, quote, quote_of_fetching, quote_of_set
from ..model_studio.request import ImageRequest
from ..model_studio.runs.budget import Priced
from ..model_studio.threads import start
from ..model_studio.words import Text, translate
from .guard import Handler, json_object, tells_private


@dataclass(frozen=True)
class _Unspent:
    """The user's account without what was spent and drawn, for a page that could be anybody's."""

    account: Account

    def region(self, region: str) -> str:
        return self.account.region(region)

    def need_key(self, region: str) -> None:
        self.account.need_key(region)

    def check_budget(self, priced: Priced, whole: ImageRequest | None) -> None:
        pass

    def check_task_ids(self, text: str) -> None:
        self.account.check_task_ids(text)


async def ask_price(request: web.Request) -> web.Response:
    """For {"inputs": {id: value}, "linked": whether any that decides the price is left out because it is linked,
    "prompts": {id: value} of the Prompt List it is linked to, if any, "fetches": whether it is a Task Poller, "set":
    whether it draws picture sets}.
    """
    body = await json_object(request, MAX_BODY)
    inputs, linked, prompts = body.get("inputs"), body.get("linked"), body.get("prompts")
    if not isinstance(inputs, dict) or not isinstance(linked, bool) or not isinstance(prompts, dict | None):
        raise InvalidRequest(Text("The request holds no inputs of a node."))
    account = studio() if tells_private(request) else _Unspent(studio())
    of_drawing = quote_of_set if body.get("set") else quote
    fetches = bool(body.get("fetches"))
    about = (quote_of_fetching, inputs, account) if fetches else (of_drawing, inputs, linked, account, prompts)
    told = await asyncio.wrap_future(start(*about))
    no_key = isinstance(told.problem, KeyMissing)  # where to put one is told by a button
    problem = told.problem and (told.problem.what if no_key else told.problem.text)
    texts = {"problem": problem, "notes": list(told.notes)}
    return web.json_response(vars(told) | {"linked": linked, "no_key": no_key} | translate(texts, translations()))


MAX_BODY = 1_000_000  # bytes; prompts may be long


ROUTES: list[tuple[str, str, Handler]] = [("POST", "/quote", ask_price)]
