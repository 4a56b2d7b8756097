from __future__ import annotations

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_studio.errors import InvalidRequest
from model_studio.request.palette import FEWEST, MOST, WHOLE, Share, of_picture, on_wire, parse, text_of

colours = st.lists(st.integers(0, 0xFFFFFF).map("#{:06X}".format), min_size=FEWEST, max_size=MOST)
weights = st.lists(st.integers(1, 1000), min_size=MOST, max_size=MOST)


@given(colours)
def test_without_shares_all_get_the_same_and_they_come_to_the_whole(names: list[str]) -> None:
    palette = parse("\n".join(names))
    assert [one.colour for one in palette] == names
    assert sum(one.share for one in palette) == WHOLE
    assert max(one.share for one in palette) - min(one.share for one in palette) < len(names)


@given(colours, weights)
def test_what_is_written_is_read_again(names: list[str], weights: list[int]) -> None:
    shares = [WHOLE * weight // sum(weights[: len(names)]) for weight in weights[: len(names)]]
    shares[0] += WHOLE - sum(shares)
    palette = [Share(*one) for one in zip(names, shares, strict=True)]
    assert parse(text_of(palette)) == palette
    assert all(one["ratio"].endswith("%") and one["hex"].startswith("#") for one in on_wire(palette))


@pytest.mark.parametrize(
    "text", ["#ff0000 50%, #00ff00 25.5%，#0000ff:24.5 %", "#FF0000 50％\r\n\n#00FF00 25.5%\n#0000FF 24.5%\n"]
)
def test_ways_to_write_it(text: str) -> None:
    assert text_of(parse(text)) == "#FF0000 50.00%\n#00FF00 25.50%\n#0000FF 24.50%"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "The palette holds 0 colours."),
        ("#FF0000, #00FF00", "The palette holds 2 colours."),
        ("#FF0000," * 11, "The palette holds 11 colours."),
        ("red\ngreen\nblue", "The palette holds 'red', which is not a colour."),
        ("#FF0000 50%\n#00FF00 30%\n#0000FF 10%", "The shares of the palette come to 90.00%."),
        ("#FF0000 50%\n#00FF00 50%\n#0000FF", "The shares of the palette come to 100.00%."),
        ("#FF0000 50.123%\n#00FF00 49%\n#0000FF 1%", "The palette holds '#FF0000 50.123%', which is not a colour."),
    ],
)
def test_what_is_none(text: str, words: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse(text)
    assert caught.value.what == words


def test_the_colours_of_a_picture_are_those_it_has_and_in_their_shares() -> None:
    pixels = numpy.zeros((100, 100, 3), numpy.uint8)
    pixels[:50], pixels[50:80], pixels[80:] = (200, 10, 10), (10, 200, 10), (10, 10, 200)
    assert text_of(of_picture(pixels, 3)) == "#C80A0A 50.00%\n#0AC80A 30.00%\n#0A0AC8 20.00%"


@given(st.integers(FEWEST, MOST), st.integers(0, 2**32 - 1))
def test_any_picture_gives_at_most_so_many_that_the_service_takes(count: int, seed: int) -> None:
    pixels = numpy.random.default_rng(seed).integers(0, 256, (40, 30, 3), dtype=numpy.uint8)
    palette = of_picture(pixels, count)
    assert len(palette) == count and parse(text_of(palette)) == palette


def test_a_picture_of_one_colour_has_no_palette() -> None:
    with pytest.raises(InvalidRequest, match="The picture has 1 colours"):
        of_picture(numpy.full((8, 8, 3), 7, numpy.uint8), 5)
