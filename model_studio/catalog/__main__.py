"""`python -m model_studio.catalog --check` compares the catalog with the list of models of your own account, for free.

It is asked for with the key that a run would use, found in the same places.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ..account.regions import AUTO, REGIONS
from ..errors import ModelStudioError
from ..studio import Studio
from ..waiting import DeadlinePassed
from . import ALL_MODELS

# What draws pictures from a text alone, by the names that the vendor gives; editing wants a picture.
_DRAWS = re.compile(r"(qwen-image|z-image)(?!-edit)|wanx?[\d.]+-(t2i|image(?!edit))|wanx-")
SAME, DIFFERENT, FAILED = 0, 1, 2  # exit codes


@dataclass(frozen=True)
class Comparison:
    """Ids of models: the list has them and no entry of the catalog; an entry has them for other regions only; the
    catalog has them for this region, and the list has not.
    """

    new: list[str]
    new_here: list[str]
    gone: list[str]

    @property
    def is_same(self) -> bool:
        return not (self.new or self.new_here or self.gone)

    def lines(self) -> list[str]:
        told = {
            "new (not in the catalog)": self.new,
            "new in this region (the catalog has it for others)": self.new_here,
            "gone (in the catalog, not in the list)": self.gone,
        }
        return [f"{what}: {name}" for what, names in told.items() for name in names]


def compare(listed: Iterable[str], region: str) -> Comparison:
    """`listed`: ids of models of all kinds."""
    names = set(listed)
    here = {model.ids[region] for model in ALL_MODELS if region in model.ids}
    anywhere = {name for model in ALL_MODELS for name in model.ids.values()}
    drawing = {name for name in names if _DRAWS.match(name)}
    return Comparison(
        new=sorted(drawing - anywhere), new_here=sorted(drawing & anywhere - here), gone=sorted(here - names)
    )


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m model_studio.catalog", description=__doc__)
    parser.add_argument("--check", action="store_true", required=True, help="ask the service, and compare")
    parser.add_argument("--region", choices=[AUTO, *REGIONS], default=AUTO, help="whose list; auto as on a node")
    parser.add_argument(
        "--folder", type=Path, default=Path("user/__model_studio"), help="where ComfyUI's page keeps keys: %(default)s"
    )
    options = parser.parse_args()
    studio = Studio(options.folder)
    try:
        region = studio.region(options.region)
        listed = asyncio.run(studio.models(region))
    except (ModelStudioError, DeadlinePassed) as error:
        print(error, file=sys.stderr)
        return FAILED
    found = compare(listed, region)
    print(f"{region}: {len(listed)} models are listed.")
    print("\n".join(found.lines()) or "The catalog has the same that draw pictures.")
    return SAME if found.is_same else DIFFERENT


if __name__ == "__main__":
    sys.exit(main())
