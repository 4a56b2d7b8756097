"""A palette for models that take one: 3 to 10 colours, each with its share of the picture (API reference of wan2.7).

As text it has a colour a line, "#RRGGBB 25.00%"; shares are kept as hundredths of a percent, so that sums are exact.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy
from PIL import Image

from ..errors import InvalidRequest
from ..words import Text

FEWEST, MOST = 3, 10
WHOLE = 10_000  # hundredths of a percent
SIDE = 256  # pixels of the longer side in which colours are counted; more take longer and change little
_SEPARATOR = re.compile(r"[\n\r,;，；、]+")
_COLOUR = re.compile(r"\s*(#[0-9A-Fa-f]{6})(?:\s*[:：]?\s*(\d{1,3}(?:\.\d{1,2})?)\s*[%％])?\s*")


@dataclass(frozen=True)
class Share:
    """A colour, "#RRGGBB", and its share in hundredths of a percent."""

    colour: str
    share: int

    @property
    def ratio(self) -> str:
        return f"{self.share // 100}.{self.share % 100:02d}%"


def parse(text: str) -> list[Share]:
    """The palette in a text: colours by lines or commas, with all their shares or with none. Raises InvalidRequest."""
    matches = []
    for part in filter(str.strip, _SEPARATOR.split(text)):
        match = _COLOUR.fullmatch(part)
        if not match:
            raise InvalidRequest(
                Text("The palette holds {part!r:.40}, which is not a colour.", part=part.strip()),
                Text("Write one colour a line, for instance #1A6FB0 40%."),
            )
        matches.append(match)
    if not FEWEST <= len(matches) <= MOST:
        raise InvalidRequest(
            Text("The palette holds {count} colours.", count=len(matches)),
            Text("A palette takes {fewest} to {most}.", fewest=FEWEST, most=MOST),
        )
    colours, given = [match[1].upper() for match in matches], [match[2] for match in matches if match[2]]
    if not given:
        return _shared(colours, [1] * len(colours))
    shares = [round(float(share) * 100) for share in given]
    if len(shares) != len(colours) or sum(shares) != WHOLE:
        raise InvalidRequest(
            Text("The shares of the palette come to {sum:.2f}%.", sum=sum(shares) / 100),
            Text("Give each colour one, so that they come to 100%; or give none, and all get the same."),
        )
    return [Share(colour, share) for colour, share in zip(colours, shares, strict=True)]


def of_picture(pixels: numpy.ndarray, count: int) -> list[Share]:
    """The main colours of a picture (uint8 [H,W,3]), `count` at most, the most frequent first.

    Raises InvalidRequest for a picture of fewer than FEWEST colours.
    """
    image = Image.fromarray(pixels, "RGB")
    image.thumbnail((SIDE, SIDE))
    found = image.quantize(count, Image.Quantize.MEDIANCUT)
    table = found.getpalette() or []
    places = numpy.bincount(numpy.asarray(found).ravel())
    counted = sorted(((int(number), place) for place, number in enumerate(places) if number), reverse=True)
    if len(counted) < FEWEST:
        raise InvalidRequest(
            Text("The picture has {count} colours.", count=len(counted)),
            Text("A palette takes {fewest} to {most}.", fewest=FEWEST, most=MOST),
        )
    colours = ["#{:02X}{:02X}{:02X}".format(*table[3 * place : 3 * place + 3]) for _, place in counted]
    return _shared(colours, [number for number, _ in counted])


def text_of(palette: Sequence[Share]) -> str:
    return "\n".join(f"{one.colour} {one.ratio}" for one in palette)


def on_wire(palette: Sequence[Share]) -> list[dict[str, str]]:
    return [{"hex": one.colour, "ratio": one.ratio} for one in palette]


def _shared(colours: Sequence[str], weights: Sequence[int]) -> list[Share]:
    """Shares by weight that come to the whole; what rounding leaves goes to the first."""
    shares = [WHOLE * weight // sum(weights) for weight in weights]
    shares[0] += WHOLE - sum(shares)
    return [Share(colour, share) for colour, share in zip(colours, shares, strict=True)]
