"""What kind a key looks like, and in which regions such keys work. None is refused by its looks alone."""

from __future__ import annotations

from ..catalog import BEIJING, QWENCLOUD, SINGAPORE, TOKEN_PLANS, VIRGINIA
from ..words import Text, join

_OF_PLANS = "sk-sp-"  # documentation: Token Plan
_PAY_AS_YOU_GO = (BEIJING, SINGAPORE, VIRGINIA)


def regions_of(key: str) -> tuple[str, ...]:
    """Where a key that looks so works. Keys of QwenCloud look like others."""
    return TOKEN_PLANS if key.startswith(_OF_PLANS) else _PAY_AS_YOU_GO


def advice(key: str, region: str) -> Text | None:
    """What to tell of a key that `region` refused; None where it looks as keys of that region do."""
    home = regions_of(key)
    if region in home or (region == QWENCLOUD and home == _PAY_AS_YOU_GO):
        return None
    regions = join("{before} or {after}", home)
    if home == TOKEN_PLANS:
        return Text(
            "It begins with sk-sp-, as keys of a Token Plan do: these work in region {regions} only. Choose that, and "
            "enter the key for it.",
            regions=regions,
        )
    return Text(
        "It does not begin with sk-sp-, as keys of a Token Plan do: it may be one of region {regions}.", regions=regions
    )
