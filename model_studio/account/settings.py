"""Settings of the server: the MODEL_STUDIO_* environment variables, read when they are needed.

Every function takes the environment and raises ConfigurationError for a value it cannot use. An empty variable
counts as not set; blanks around a value and letter case (but for model names) do not matter.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from .. import catalog
from ..catalog import Model
from ..catalog.model import RateLimit
from ..errors import ConfigurationError
from ..words import Text, join

REUSE = "MODEL_STUDIO_REUSE"
STORE_LIMIT = "MODEL_STUDIO_STORE_LIMIT"
STORE_DAYS = "MODEL_STUDIO_STORE_DAYS"
DAILY_BUDGET = "MODEL_STUDIO_DAILY_BUDGET"
PACE = "MODEL_STUDIO_PACE"

DEFAULT_STORE_LIMIT = 4 * 2**30  # bytes
DEFAULT_STORE_DAYS = 90.0
CURRENCIES = ("CNY", "USD")  # in which the list prices are
LONGEST_PERIOD = 86400  # seconds of a limit's window

_PACE_EXAMPLE = '{"qwen-image-2.0-pro": {"submits": 10, "seconds": 60}}'
_SHOWN = 80  # characters of a wrong value

# ASCII: else letters that only look like a k would count as one.
_FLAGS = re.ASCII | re.IGNORECASE
_NUMBER = r"[0-9]{1,18}(?:\.[0-9]{1,9})?"
_DAYS = re.compile(_NUMBER, _FLAGS)
_BYTES = re.compile(r"[0-9]{1,18}", _FLAGS)
_SIZE = re.compile(rf"({_NUMBER})\s*([KMGT])(I?B)?", _FLAGS)
_AMOUNT = re.compile(rf"(?P<before>[A-Z]+)?\s*(?P<number>{_NUMBER})\s*(?P<after>[A-Z]+)?", _FLAGS)


@dataclass(frozen=True)
class Pace:
    """The limits this machine keeps by itself.

    published   whether the published limits are kept, for models of which the user set none
    own         the user's own limits, by model name
    """

    published: bool = True
    own: Mapping[str, RateLimit] = field(default_factory=dict)

    def limit(self, model: Model, region: str) -> RateLimit | None:
        """The limit for creating with a model; None: no limit of ours."""
        if self.is_own(model):
            return self.own[model.name]
        return model.rate_limits.get(region, model.rate_limit) if self.published else None

    def is_own(self, model: Model) -> bool:
        """Whether the user set the limit of this model."""
        return model.name in self.own

    @property
    def limits_queries(self) -> bool:
        """Whether the published limit of task queries is kept."""
        return self.published


def reuse(environ: Mapping[str, str]) -> bool:
    """Whether pictures of an equal request are used again: on unless set to `off`."""
    value = _value(environ, REUSE)
    if value.lower() not in ("", "on", "off"):
        raise _wrong(REUSE, value, Text("which is neither on nor off"), "off")
    return value.lower() != "off"


def store_limit(environ: Mapping[str, str]) -> int:
    """Bytes that the picture store may hold, 4 GiB where nothing is set; 0 keeps no pictures.

    A unit stands for powers of 1000 as KB, MB, GB, TB and of 1024 as KiB, MiB, GiB, TiB or K, M, G, T.
    """
    value = _value(environ, STORE_LIMIT)
    if not value:
        return DEFAULT_STORE_LIMIT
    if _BYTES.fullmatch(value):
        return int(value)
    size = _SIZE.fullmatch(value)
    if size is None:
        raise _wrong(STORE_LIMIT, value, Text("which is not a size"), "4 GiB")
    number, prefix, binary = size.groups()
    base = 1000 if (binary or "").upper() == "B" else 1024
    return int(Decimal(number) * base ** ("KMGT".index(prefix.upper()) + 1))


def store_days(environ: Mapping[str, str]) -> float | None:
    """Days that a picture is kept, 90 where nothing is set; None (set as 0): without limit."""
    value = _value(environ, STORE_DAYS)
    if not value:
        return DEFAULT_STORE_DAYS
    if not _DAYS.fullmatch(value):
        raise _wrong(STORE_DAYS, value, Text("which is not a number of days"), "90")
    return float(value) or None


def daily_budget(environ: Mapping[str, str]) -> dict[str, Decimal]:
    """The most that may be spent in a day, by currency; empty where nothing is set. 0: nothing may be spent."""
    value = _value(environ, DAILY_BUDGET)
    budget: dict[str, Decimal] = {}
    for part in filter(None, (part.strip() for part in re.split("[,;，；]", value))):
        amount = _AMOUNT.fullmatch(part)
        named = [name.upper() for name in amount.group("before", "after") if name] if amount else []
        if amount is None or len(named) != 1 or named[0] not in CURRENCIES:
            reason = Text(
                "where {part!r} is not an amount with its currency ({currencies})",
                part=_cut(part),
                currencies=join("{before} or {after}", CURRENCIES),
            )
            raise _wrong(DAILY_BUDGET, value, reason, "CNY 20, USD 3")
        if named[0] in budget:
            raise _wrong(DAILY_BUDGET, value, Text("which names {name} twice", name=named[0]), "CNY 20, USD 3")
        budget[named[0]] = Decimal(amount["number"])
    if value and not budget:
        raise _wrong(DAILY_BUDGET, value, Text("which contains no amount"), "CNY 20, USD 3")
    return budget


def pace(environ: Mapping[str, str]) -> Pace:
    """The limits to keep: `published` (also where nothing is set), `off`, or a JSON object of the user's own.

    That maps a model name to submits (1…) in seconds (above 0, at most a day) and, if wanted, concurrent (1…, null for
    no limit; the published one where it is left out). Models that are not in it keep the published limits.
    """
    value = _value(environ, PACE)
    if value.lower() in ("", "published", "off"):
        return Pace(published=value.lower() != "off")
    try:
        entries = json.loads(value)
    except (ValueError, RecursionError):
        entries = None
    if not isinstance(entries, dict):
        raise _wrong(PACE, value, Text("which is neither published nor off nor a JSON object"), _PACE_EXAMPLE)
    own: dict[str, RateLimit] = {}
    for name, entry in entries.items():
        model = catalog.find(name)
        if model is None:
            raise _wrong(PACE, value, _no_model(name), _PACE_EXAMPLE)
        if model.name in own:
            raise _wrong(PACE, value, Text("which names {name} twice", name=model.name), _PACE_EXAMPLE)
        own[model.name] = _own_limit(value, model, entry)
    return Pace(own=own)


def _own_limit(value: str, model: Model, entry: Any) -> RateLimit:
    """`value` is the whole variable, for the error."""
    reason: Text | None = None
    if not isinstance(entry, dict) or entry.keys() - {"concurrent"} != {"submits", "seconds"}:
        reason = Text("has to be an object with submits, seconds and, if wanted, concurrent")
    elif not _is_count(entry["submits"]):
        reason = Text("needs a whole number from 1 as submits")
    elif type(entry["seconds"]) not in (int, float) or not 0 < entry["seconds"] <= LONGEST_PERIOD:
        reason = Text("needs a number above 0 and at most {most} as seconds", most=LONGEST_PERIOD)
    elif entry.get("concurrent") is not None and not _is_count(entry["concurrent"]):
        reason = Text("needs a whole number from 1, or null, as concurrent")
    if reason:
        raise _wrong(PACE, value, Text("where {model} {reason}", model=model.name, reason=reason), _PACE_EXAMPLE)
    return RateLimit(entry["submits"], entry["seconds"], entry.get("concurrent", model.rate_limit.concurrent))


def _is_count(value: Any) -> bool:
    return type(value) is int and value >= 1


def _no_model(name: str) -> Text:
    known = dict.fromkeys(known for model in catalog.ALL_MODELS for known in (model.name, *model.ids.values()))
    near = difflib.get_close_matches(name, known, n=3)
    if near:
        return Text("where {name!r} is not a known model (similar: {near})", name=_cut(name), near=", ".join(near))
    return Text("where {name!r} is not a known model", name=_cut(name))


def _value(environ: Mapping[str, str], name: str) -> str:
    return environ.get(name, "").strip()


def _wrong(name: str, value: str, reason: Text, example: str) -> ConfigurationError:
    return ConfigurationError(
        Text("{name} is {value!r}, {reason}.", name=name, value=_cut(value), reason=reason),
        Text(
            "Set it to what you want, for instance {name}={example}, or unset it, and restart ComfyUI.",
            name=name,
            example=example,
        ),
    )


def _cut(value: str) -> str:
    return value if len(value) <= _SHOWN else value[:_SHOWN] + "…"
