"""Pictures: exact size, the same again for the same seed, clearly another for the next."""

from __future__ import annotations

import io
import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageChops, ImageDraw

from simulator.drawing import Drawing, encode, paint, png, wrap
from simulator.fonts import font

CHINESE = "冬日北京的都市街景，青灰瓦顶、朱红色外墙的两间相邻中式商铺比肩而立"


def boat(seed: int = 1, width: int = 640, height: int = 480, prompt: str = "a paper boat") -> Drawing:
    return Drawing("wan2.6-t2i", prompt, seed, width, height)


@pytest.mark.parametrize("size", [(512, 512), (1440, 512), (768, 2700), (2688, 1536), (333, 517), (1, 1), (4000, 500)])
def test_the_size_is_exact(size: tuple[int, int]) -> None:
    image = Image.open(io.BytesIO(png(boat(1, *size))))
    image.load()
    assert (image.size, image.mode, image.format) == (size, "RGB", "PNG")


def test_the_same_again() -> None:
    assert png(boat(7)) == png(boat(7))


@pytest.mark.parametrize("seed", [0, 1, 2, 3, 2**31 - 2])
def test_the_next_seed_is_clearly_another_picture(seed: int) -> None:
    difference = np.asarray(ImageChops.difference(paint(boat(seed)), paint(boat(seed + 1))))
    assert (difference.max(axis=2) > 8).mean() > 0.25


@pytest.mark.parametrize("prompt", ["a fox on a transparent background", "狐狸贴纸，透明背景"])
def test_the_wording_asks_for_alpha(prompt: str) -> None:
    fox = Drawing("qwen-image-2.1-pro", prompt, 1, 512, 512)
    image = Image.open(io.BytesIO(png(fox)))
    alpha = np.asarray(image.getchannel("A"))
    assert (alpha.min(), alpha.max()) == (0, 255) and len(np.unique(alpha)) > 20  # its edge is soft
    assert paint(replace(fox, model="wan2.6-t2i")).mode == paint(replace(fox, prompt="a fox")).mode == "RGB"


def test_another_prompt_is_another_picture() -> None:
    assert png(boat()) != png(boat(prompt="a paper kite"))


def test_the_word_simulated_is_there_whatever_the_prompt(monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[str] = []
    real = ImageDraw.ImageDraw.text

    def text(pen: Any, xy: Any, words: str, **more: Any) -> None:
        written.append(words)
        real(pen, xy, words, **more)

    monkeypatch.setattr(ImageDraw.ImageDraw, "text", text)
    paint(boat(5))
    assert {"SIMULATED", "a paper boat", "wan2.6-t2i · 640*480 · seed 5"} <= set(written)


def test_the_prompt_is_legible_and_the_corner_dark() -> None:
    """The card in the middle is light with dark letters on it."""
    pixels = np.asarray(paint(boat(3, 800, 800)).convert("L"))
    card = pixels[380:420, 250:550]
    assert card.min() < 60 < 150 < np.median(card)


@pytest.mark.parametrize("prompt", [CHINESE, "x" * 3000, "word " * 2000, "🙂 emoji\n\t line", "\0", " "])
def test_any_prompt_can_be_drawn_quickly(prompt: str) -> None:
    began = time.perf_counter()
    assert paint(boat(prompt=prompt)).size == (640, 480)
    assert time.perf_counter() - began < 3


def test_no_line_is_wider_than_it_may_be_and_no_word_is_lost() -> None:
    letters = font(20)
    for text in (CHINESE, "a paper boat on a quiet lake " * 10, "y" * 300, f"mixed {CHINESE} text"):
        lines = wrap(text.strip(), 300, letters)
        assert len(lines) > 1
        assert all(letters.getlength(line.rstrip()) <= 300 for line in lines)
        assert "".join("".join(lines).split()) == "".join(text.split())


@pytest.mark.parametrize("form", ["JPEG", "WEBP"])
def test_other_formats(form: str) -> None:
    assert Image.open(io.BytesIO(encode(paint(boat()), form))).format == form


def test_the_watermark_is_below_right() -> None:
    plain, marked = (paint(Drawing("m", "p", 1, 600, 600, mark)) for mark in ("", "Qwen-Image"))
    box = ImageChops.difference(plain, marked).getbbox()
    assert box is not None and box[0] > 300 and box[1] > 500
