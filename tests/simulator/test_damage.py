"""Downloads, good and damaged, read with Pillow as a client would."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import requests
from PIL import Image, UnidentifiedImageError

from simulator.damage import damaged
from simulator.drawing import Drawing, png
from simulator.faults import Faults
from simulator.pictures import Refusal

DATA = png(Drawing("m", "p", 1, 300, 200))


def spoiled(name: str, **more: Any) -> bytes:
    answer = damaged(Faults().add(name, **more), DATA)
    assert answer.status == 200
    return answer.body


def opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


@pytest.mark.parametrize(
    ("name", "form", "mode"),
    [
        ("picture_jpeg", "JPEG", "RGB"),
        ("picture_webp", "WEBP", "RGB"),
        ("picture_avif", "AVIF", "RGB"),
        ("picture_gif", "GIF", "P"),
        ("picture_trailed", "JPEG", "RGB"),
        ("picture_alpha", "PNG", "RGBA"),
        ("picture_palette", "PNG", "P"),
        ("picture_grey", "PNG", "L"),
        ("picture_cmyk", "JPEG", "CMYK"),
    ],
)
def test_other_forms_show_the_same_picture(name: str, form: str, mode: str) -> None:
    image, true = opened(spoiled(name)), opened(DATA)
    assert (image.format, image.mode, image.size) == (form, mode, (300, 200))
    expected = true.convert("L") if mode == "L" else true
    apart = np.asarray(image.convert(expected.mode)).astype(int) - np.asarray(expected)
    assert np.abs(apart).mean() < 8


def test_16_bits_hold_the_same_pixels() -> None:
    data = spoiled("picture_16bit")
    assert data[24:26] == bytes((16, 2))  # depth and colour type in the header
    assert np.array_equal(np.asarray(opened(data).convert("RGB")), np.asarray(opened(DATA)))


def test_alpha_is_really_transparent_somewhere() -> None:
    alpha = np.asarray(opened(spoiled("picture_alpha")))[:, :, 3]
    assert alpha.min() < 10 and alpha.max() > 245


def test_truncated_and_corrupt_pictures_do_not_decode() -> None:
    assert DATA.startswith(spoiled("picture_truncated")) and len(spoiled("picture_truncated")) < len(DATA)
    assert len(spoiled("picture_corrupt")) == len(DATA)
    for name in ("picture_truncated", "picture_corrupt"):
        with pytest.raises((OSError, SyntaxError)):
            opened(spoiled(name))


def test_html_is_no_picture() -> None:
    with pytest.raises(UnidentifiedImageError):
        opened(spoiled("picture_html"))


def test_the_bomb_is_small_and_says_it_is_huge() -> None:
    data = spoiled("picture_header_bomb")
    assert len(data) < 1000
    assert (int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")) == (60000, 60000)


@pytest.mark.parametrize(
    ("name", "status", "code"),
    [
        ("picture_expired", 403, "AccessDenied"),
        ("picture_missing", 404, "NoSuchKey"),
        ("picture_500", 500, "InternalError"),
        ("picture_429", 429, "QpsLimitExceeded"),
    ],
)
def test_refusals_of_the_storage(name: str, status: int, code: str) -> None:
    with pytest.raises(Refusal) as caught:
        damaged(Faults().add(name), DATA)
    assert (caught.value.http, caught.value.code) == (status, code)


@pytest.fixture
def link(shared: Any, urls: Callable[..., list[str]]) -> str:
    return urls(shared.sync("qwen-image-2.0", size="512*512").json()["output"])[0]


def test_a_good_download(shared: Any, link: str) -> None:
    answer = shared.download(link)
    assert answer.headers["Content-Type"] == "image/png"
    path = link.removeprefix(shared.sim.url).partition("?")[0]
    assert answer.content == shared.sim.pictures[path]
    assert opened(answer.content).size == (512, 512)
    assert path in shared.sim.billed[-1].paths


def test_over_http(shared: Any, link: str) -> None:
    shared.sim.faults.add("picture_expired", times=1)
    answer = shared.download(link)
    assert (answer.status_code, answer.headers["Content-Type"]) == (403, "application/xml")
    assert "<Code>AccessDenied</Code>" in answer.text and "<Expires>" in answer.text
    shared.sim.faults.add("picture_redirect", times=1)
    answer = shared.download(link)
    assert (answer.status_code, answer.headers["Location"]) == (302, "http://elsewhere.invalid/picture.png")
    assert shared.download(link).status_code == 200


def test_a_huge_body_can_be_given_up(shared: Any, link: str) -> None:
    shared.sim.faults.add("picture_huge_body", times=1)
    with shared.session.get(link, stream=True, timeout=10) as answer:
        assert "Content-Length" not in answer.headers
        pieces = answer.iter_content(1 << 16)
        assert sum(len(next(pieces)) for _ in range(200)) > 5 << 20
    assert shared.download(link).status_code == 200


def test_a_broken_line_in_a_download(shared: Any, link: str) -> None:
    shared.sim.faults.add("break_in_body", on="picture", times=1)
    with pytest.raises(requests.exceptions.RequestException):
        shared.download(link)
    assert shared.download(link).status_code == 200


def test_a_picture_fault_of_one_model_spares_the_others(shared: Any, link: str) -> None:
    shared.sim.faults.add("picture_missing", model="wan2.6-t2i")
    try:
        assert shared.download(link).status_code == 200
    finally:
        shared.sim.faults.clear()
