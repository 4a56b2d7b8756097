"""What a request would cost and which of its inputs count, before there is a request: for a node on the page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from .. import request
from ..catalog import ALL_MODELS, Model, Size
from ..catalog.model import SECOND_HAND
from ..errors import ModelStudioError
from ..request import ImageRequest
from ..runs.budget import Priced

EXACT = "exact"
ABOUT = "about"  # second-hand prices
AT_LEAST = "at least"  # an input is linked: its value, and how many there will be, is known when the node runs

_INPUTS = ("width", "height", "n", "negative_prompt", "prompt_extend", "watermark")
_WHOLE = frozenset({*_INPUTS, "prompt", "model", "aspect_ratio", "seed"})  # call_mode: Submit has none


@dataclass(frozen=True)
class Quote:
    """What is known before a run.

    applies   input -> whether the model, or the aspect ratio, reads it
    max_n     most pictures in one request
    seconds   that one request usually takes; None where the model is not known
    cost      amount, currency, precision (one of EXACT, ABOUT, AT_LEAST); None where no price is known
    size      in pixels; None where it is not known
    notes     what a run would tell of the size
    problem   the error that a run would end with
    prompts   how many requests it will be
    """

    applies: dict[str, bool]
    max_n: int
    seconds: float | None
    cost: dict[str, Any] | None = None
    size: str | None = None
    notes: tuple[str, ...] = ()
    problem: ModelStudioError | None = None
    prompts: int = 1


class Account(Protocol):
    """What refuses a run besides its inputs. Each blocks; the last three raise ModelStudioError."""

    def region(self, region: str) -> str:
        """The real one behind a node's."""

    def need_key(self, region: str) -> None: ...

    def check_budget(self, priced: Priced, whole: ImageRequest | None) -> None:
        """`whole`: the request, where all of it is known."""

    def check_task_ids(self, text: str) -> None: ...


def quote(given: Mapping[str, Any], linked: bool, account: Account, prompts: str | None = None) -> Quote:
    """For inputs by id, as a node has them: any may be missing, and is then not looked at.

    `linked`: whether some that decide the price are missing because they are linked; `prompts`: the text of the Prompt
    List that the node is linked to. Raises InvalidRequest for an unknown model, and for values of a wrong type.
    """
    request.check_types(given)
    if linked and "model" not in given:
        return Quote(dict.fromkeys(_INPUTS, True), max(model.max_n for model in ALL_MODELS), seconds=None)
    model = request.check_model(given.get("model", ""), ALL_MODELS)
    told = Quote(_applies(model, given), model.max_n, model.typical_seconds)
    try:
        region = account.region(given["region"]) if "region" in given else None
        size = request.check_known(model, region, given)
        priced = _Priced.lowest(model, region, size, given) if region else None
        told = replace(told, cost=_cost(priced, linked), size=str(size) if size else None, notes=_notes(model, size))
        if prompts is not None:
            told = replace(told, prompts=len(request.prompts_in(prompts)))
        if "prompt" in given:
            request.check_prompt(given["prompt"])
        if region:
            account.need_key(region)
        if priced and (priced.price or not linked):
            account.check_budget(priced, _whole(given, region))
    except ModelStudioError as problem:
        return replace(told, problem=problem)
    return told


def quote_of_fetching(given: Mapping[str, Any], account: Account) -> Quote:
    """The same for a Task Poller, which costs nothing."""
    request.check_types(given)
    told = Quote({}, max_n=0, seconds=None)
    try:
        if "task_id" in given:
            account.check_task_ids(given["task_id"])
        if "region" in given:
            account.need_key(account.region(given["region"]))
    except ModelStudioError as problem:
        return replace(told, problem=problem)
    return told


def _applies(model: Model, given: Mapping[str, Any]) -> dict[str, bool]:
    is_custom = given.get("aspect_ratio", request.CUSTOM) == request.CUSTOM
    known = {"width": is_custom, "height": is_custom, "n": model.max_n > 1}
    return {name: known.get(name, name in model.takes) for name in _INPUTS}


@dataclass(frozen=True)
class _Priced:
    model: Model
    region: str
    n: int
    price: tuple[float, str] | None

    @classmethod
    def lowest(cls, model: Model, region: str, size: Size | None, given: Mapping[str, Any]) -> _Priced:
        """The lowest price that the known inputs allow."""
        extends = [given["prompt_extend"]] if "prompt_extend" in given else [True, False]
        known = (
            [model.price(region, size, extend) for extend in extends]
            if size
            else [price.amounts.get(region) for price in model.prices]
        )
        return cls(model, region, given.get("n", 1), min((price for price in known if price), default=None))


def _cost(priced: _Priced | None, linked: bool) -> dict[str, Any] | None:
    if not priced or not priced.price:
        return None
    amount, currency = priced.price
    precision = AT_LEAST if linked else ABOUT if SECOND_HAND in priced.model.sources["prices"] else EXACT
    return {"amount": round(amount * priced.n, 4), "currency": currency, "precision": precision}


def _notes(model: Model, size: Size | None) -> tuple[str, ...]:
    return tuple(request.size_notes(model, size)) if size else ()


def _whole(given: Mapping[str, Any], region: str | None) -> ImageRequest | None:
    """The request that a run would make, where the node holds all of it."""
    if not region or not given.keys() >= _WHOLE:
        return None
    known = {name: given[name] for name in _WHOLE}
    return request.plan(**known, region=region, call_mode=given.get("call_mode", "async"))
