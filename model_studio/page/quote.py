"""What a request would cost and which of its inputs count, before there is a request: for a node on the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from .. import request
from ..catalog import ALL_MODELS, SET_MODELS, TOKEN_PLANS, Model, Size
from ..catalog.model import SECOND_HAND
from ..errors import ModelStudioError
from ..request import ImageRequest, checks, options
from ..request.notes import size_notes
from ..request.prompts import prompts_in
from ..runs.budget import Priced

EXACT = "exact"
ABOUT = "about"  # second-hand prices
AT_LEAST = "at least"  # an input is linked: its value, and how many there will be, is known when the node runs
AT_MOST = "at most"  # a set of pictures, of which the model decides the number

_OF_LISTS = ("prompts", "split", "wildcards", "seed")
_INPUTS = ("width", "height", "n", "negative_prompt", "prompt_extend", "watermark")
_WHOLE = frozenset({*_INPUTS, "prompt", "model", "aspect_ratio", "seed"})  # call_mode: Submit has none
# What the node of sets has not, and does not send either.
_OF_SETS = {"negative_prompt": "", "prompt_extend": False}


@dataclass(frozen=True)
class Quote:
    """What is known before a run.

    applies   input -> whether the model, or the aspect ratio, reads it
    max_n     most pictures in one request
    seconds   that one request usually takes; None where the model is not known
    cost      amount, currency, precision (one of EXACT, ABOUT, AT_LEAST, AT_MOST); None where no price is known
    size      in pixels; None where it is not known
    notes     what a run would tell of the size
    problem   the error that a run would end with
    prompts   how many requests it will be
    credits   whether it is paid with the credits of a plan
    legacy    whether the vendor counts the model among the old ones
    """

    applies: dict[str, bool]
    max_n: int
    seconds: float | None
    cost: dict[str, Any] | None = None
    size: str | None = None
    notes: tuple[str, ...] = ()
    problem: ModelStudioError | None = None
    prompts: int = 1
    credits: bool = False
    legacy: bool = False


class Account(Protocol):
    """What refuses a run besides its inputs. Each blocks; the last three raise ModelStudioError."""

    def region(self, region: str) -> str:
        """The real one behind a node's."""

    def need_key(self, region: str) -> None: ...

    def check_budget(self, priced: Priced, whole: ImageRequest | None) -> None:
        """`whole`: the request, where all of it is known."""

    def check_task_ids(self, text: str) -> None: ...


def quote(
    given: Mapping[str, Any],
    linked: bool,
    account: Account,
    prompts: Mapping[str, Any] | None = None,
    models: Sequence[Model] = ALL_MODELS,
) -> Quote:
    """For inputs by id, as a node has them: any may be missing, and is then not looked at.

    `linked`: whether some that decide the price are missing because they are linked; `prompts`: the inputs of the
    Prompt List that the node is linked to. Raises InvalidRequest for an unknown model, and for values of a wrong type.
    """
    checks.check_types(given)
    if linked and "model" not in given:
        return Quote(
            dict.fromkeys((*_INPUTS, *options.NAMES), True), max(model.max_n for model in models), seconds=None
        )
    model = checks.check_model(given.get("model", ""), models)
    if not linked:
        given = {"resolution": options.AUTO, **given}
    told = Quote(_applies(model, given), model.max_n, model.typical_seconds, legacy=model.is_legacy)
    try:
        region = account.region(given["region"]) if "region" in given else None
        size = checks.check_known(model, region, given)
        priced = _Priced.lowest(model, region, size, given) if region else None
        told = replace(told, credits=region in TOKEN_PLANS)
        told = replace(told, cost=_cost(priced, linked), size=str(size) if size else None, notes=_notes(model, size))
        if prompts is not None:
            told = replace(told, prompts=len(_prompts(prompts)))
        if "prompt" in given:
            checks.check_prompt(given["prompt"])
        if region:
            account.need_key(region)
        if priced and (priced.price or not linked):
            account.check_budget(priced, None if linked else _whole(model, given, region))
    except ModelStudioError as problem:
        return replace(told, problem=problem)
    return told


def quote_of_set(
    given: Mapping[str, Any], linked: bool, account: Account, prompts: Mapping[str, Any] | None = None
) -> Quote:
    """The same for a node of picture sets, whose `n` is called `max_images`."""
    renamed = {"n" if name == "max_images" else name: value for name, value in given.items()}
    return quote(_OF_SETS | renamed, linked, account, prompts, SET_MODELS)


def quote_of_fetching(given: Mapping[str, Any], account: Account) -> Quote:
    """The same for a Task Poller, which costs nothing."""
    checks.check_types(given)
    told = Quote({}, max_n=0, seconds=None)
    try:
        if "task_id" in given:
            account.check_task_ids(given["task_id"])
        if "region" in given:
            account.need_key(account.region(given["region"]))
    except ModelStudioError as problem:
        return replace(told, problem=problem)
    return told


def _prompts(given: Mapping[str, Any]) -> list[str]:
    known = {"prompts": ""} | {name: given[name] for name in _OF_LISTS if name in given}
    checks.check_types(known)
    return prompts_in(**known)


def _applies(model: Model, given: Mapping[str, Any]) -> dict[str, bool]:
    is_custom = given.get("aspect_ratio", checks.CUSTOM) == checks.CUSTOM
    known = {"width": is_custom, "height": is_custom, "n": model.max_n > 1}
    known["resolution"] = bool(model.tiers) and not (is_custom and "aspect_ratio" in given)
    newer = {name: options.applies(model, name, given.get("prompt_extend", True)) for name in options.NAMES}
    return {name: name in model.takes for name in _INPUTS} | newer | known


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
    is_set = priced.model.is_set
    about = ABOUT if SECOND_HAND in priced.model.sources["prices"] else EXACT
    precision = AT_LEAST if linked else AT_MOST if is_set else about
    count = 1 if linked and is_set else priced.n
    return {"amount": round(amount * count, 4), "currency": currency, "precision": precision}


def _notes(model: Model, size: Size | None) -> tuple[str, ...]:
    return tuple(size_notes(model, size)) if size else ()


def _whole(model: Model, given: Mapping[str, Any], region: str | None) -> ImageRequest | None:
    """The request that a run would make, where the node holds all of it."""
    if not region or not given.keys() >= _WHOLE:
        return None
    known = {name: given[name] for name in (*_WHOLE, *options.NAMES) if name in given}
    return request.plan(**known, models=[model], region=region, call_mode=given.get("call_mode", "async"))
