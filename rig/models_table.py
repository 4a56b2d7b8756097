"""`.rig/venv/bin/python -m rig.models_table` writes docs/models.md again: what each model gives, out of the catalog."""

from __future__ import annotations

from model_studio.catalog import ALL_MODELS, BEIJING, SET_MODELS, SINGAPORE, Model
from model_studio.catalog.model import SECOND_HAND

from .layout import ROOT

FILE = ROOT / "docs" / "models.md"
DRAW_ALPHA = "qwen-image-2.1"  # where the prompt asks for it: the model's README, at the API second-hand
HEADER = ("model", "regions", "sync", "task", "sizes", "n", "alpha", "sets", "extras", "price", "second-hand")
INTRODUCTION = """# The models

What each model gives, written by `python -m rig.models_table` out of the catalog in `model_studio/catalog/`, where each
group of facts names its source: the specification, a page of the vendor's documentation, answers of live servers.
*Second-hand* names the groups that come from reports only.

**How each was tried**: all of them, in each mode of their row, against the simulator of this project, in a real ComfyUI
and by its tests. The paid service itself could not be reached from where this was developed.

Sizes are those of 1:1 and of the ranges that servers take; prices are list prices of a picture in cn-beijing and in
ap-southeast-1. Sets: the most pictures that *Wan Image Set* asks for.
"""


def main() -> None:
    FILE.write_text(text(), encoding="utf-8")


def text() -> str:
    rows = [HEADER, ("---",) * len(HEADER), *(_row(model) for model in ALL_MODELS)]
    return INTRODUCTION + "\n" + "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _row(model: Model) -> tuple[str, ...]:
    sizes = [str(model.ratio_sizes["1:1"]), *(f"{tier}" for tier in model.tiers)]
    sets = next((str(other.max_n) for other in SET_MODELS if other.name == model.name), "–")
    return (
        f"{model.name}{' (legacy)' if model.is_legacy else ''}",
        ", ".join(model.ids),
        "yes" if model.sync else "–",
        "yes" if model.task else "–",
        f"{', '.join(sizes)}; {model.size_rules[-1]}".replace("*", "×"),
        str(model.max_n),
        "by the prompt" if model.name.startswith(DRAW_ALPHA) else "–",
        sets,
        ", ".join(sorted(model.takes)) or "–",
        _prices(model),
        ", ".join(name for name, source in model.sources.items() if SECOND_HAND in source) or "–",
    )


def _prices(model: Model) -> str:
    regions = [region for region in (BEIJING, SINGAPORE) if region in model.ids]
    told = [
        " / ".join(f"{currency} {amount:g}" for amount, currency in (price.amounts[region] for price in model.prices))
        for region in regions
        if model.prices
    ]
    return "; ".join(told) or "not known"


if __name__ == "__main__":
    main()
