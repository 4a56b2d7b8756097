"""What a request would cost and which of its inputs count, before there is a request: for a node on the page."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from .. import request
from ..catalog import ALL_MODELS, Model, Size
from ..catalog.model import SECOND_HAND
from ..errors import ModelStudioError

EXACT = "exact"
ABOUT = "about"  # second-hand prices
AT_LEAST = "at least"  # an input is linked: its value, and how many there will be, is known when the node runs

_INPUTS = ("width", "height", "n", "negative_prompt", "prompt_extend", "watermark")


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
    """

    applies: dict[str, bool]
    max_n: int
    seconds: float | None
    cost: dict[str, Any] | None = None
    size: str | None = None
    notes: tuple[str, ...] = ()
    problem: ModelStudioError | None = None


def quote(given: Mapping[str, Any], linked: bool, region_of: Callable[[str], str]) -> Quote:
    """For inputs by id, as a node has them: any may be missing, and is then not looked at.

    `linked`: whether some are missing because they are linked; `region_of` gives the real region behind a node's.
    Raises InvalidRequest for an unknown model, and for values of a wrong type.
    """
    request.check_types(given)
    if linked and "model" not in given:
        return Quote(dict.fromkeys(_INPUTS, True), max(model.max_n for model in ALL_MODELS), seconds=None)
    model = request.check_model(given.get("model", ""), ALL_MODELS)
    told = Quote(_applies(model, given), model.max_n, model.typical_seconds)
    try:
        region = region_of(given["region"]) if "region" in given else None
        size = request.check_known(model, region, given)
    except ModelStudioError as problem:
        return replace(told, problem=problem)
    cost = _cost(model, region, size, given, linked) if region else None
    if size is None:
        return replace(told, cost=cost)
    return replace(told, cost=cost, size=str(size), notes=tuple(request.size_notes(model, size)))


def _applies(model: Model, given: Mapping[str, Any]) -> dict[str, bool]:
    is_custom = given.get("aspect_ratio", request.CUSTOM) == request.CUSTOM
    known = {"width": is_custom, "height": is_custom, "n": model.max_n > 1}
    return {name: known.get(name, name in model.takes) for name in _INPUTS}


def _cost(
    model: Model, region: str, size: Size | None, given: Mapping[str, Any], linked: bool
) -> dict[str, Any] | None:
    """The lowest that the known inputs allow."""
    extends = [given["prompt_extend"]] if "prompt_extend" in given else [True, False]
    known = (
        [model.price(region, size, extend) for extend in extends]
        if size
        else [price.amounts.get(region) for price in model.prices]
    )
    each = [price for price in known if price]
    if not each:
        return None
    amount, currency = min(each)
    precision = AT_LEAST if linked else ABOUT if SECOND_HAND in model.sources["prices"] else EXACT
    return {"amount": round(amount * given.get("n", 1), 4), "currency": currency, "precision": precision}
