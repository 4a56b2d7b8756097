"""Links that are followed, and bytes that become arrays."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageFile
from PIL.PngImagePlugin import PngInfo

from model_studio.errors import PictureBroken, PictureRefused, PictureUnreadable
from model_studio.kinds import kind_of
from model_studio.runs.pictures import MAX_PIXELS, Picture, decode, to_batches

HOST = "pictures.example"
PNG_END = b"\0\0\0\0IEND\xaeB`\x82"
STARTS = [b"\x89PNG\r\n\x1a\n", b"\xff\xd8", b"RIFF\x00\x00\x00\x00WEBP", b"\0\0\0\x18ftypavif\0\0\0\0avif"]


def noise(mode: str, size: tuple[int, int] = (40, 30)) -> Image.Image:
    bands = {"RGB": 3, "RGBA": 4, "L": 1, "LA": 2, "CMYK": 4}[mode]
    shape = (size[1], size[0], bands) if bands > 1 else (size[1], size[0])
    return Image.fromarray(np.random.default_rng(7).integers(0, 256, shape, dtype=np.uint8), mode)


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def exif() -> bytes:
    """With a picture of its own inside, as cameras add one."""
    thumbnail = io.BytesIO()
    Image.new("RGB", (4, 4)).save(thumbnail, "JPEG")
    return b"Exif\0\0" + thumbnail.getvalue()


@pytest.mark.filterwarnings("ignore:'mode' parameter is deprecated")
class TestDecode:
    @pytest.mark.parametrize(("kind", "options"), [("PNG", {}), ("WEBP", {"lossless": True})])
    def test_lossless_pixels_are_the_files(self, kind: str, options: dict[str, Any]) -> None:
        image = noise("RGB")
        picture = decode(saved(image, kind, **options), HOST)
        assert (picture.pixels == np.asarray(image)).all()
        assert (picture.pixels.dtype, picture.size, picture.note) == (np.uint8, "40*30", "")

    def test_jpeg_pixels_are_the_decoders(self) -> None:
        content = saved(noise("RGB"), "JPEG")
        assert (decode(content, HOST).pixels == np.asarray(Image.open(io.BytesIO(content)))).all()

    def test_grey_becomes_three_equal_channels(self) -> None:
        image = noise("L")
        pixels = decode(saved(image, "PNG"), HOST).pixels
        assert pixels.shape == (30, 40, 3)
        assert all((pixels[:, :, channel] == np.asarray(image)).all() for channel in range(3))

    def test_palette(self) -> None:
        image = noise("RGB").quantize(64)
        assert (decode(saved(image, "PNG"), HOST).pixels == np.asarray(image.convert("RGB"))).all()

    def test_one_bit(self) -> None:
        pixels = decode(saved(noise("L").convert("1"), "PNG"), HOST).pixels
        assert set(np.unique(pixels)) == {0, 255}

    def test_sixteen_bit_grey_keeps_its_sixteen_bits(self) -> None:
        values = np.arange(0, 65536, 64, dtype=np.uint16).reshape(32, 32)
        picture = decode(saved(Image.fromarray(values), "PNG"), HOST)
        assert picture.pixels.dtype == np.uint16
        assert (picture.pixels[:, :, 0] == values).all() and (picture.pixels[:, :, 2] == values).all()
        assert to_batches([picture])[0].images.max() == pytest.approx(values.max() / 65535)

    def test_sixteen_bit_colour_is_scaled_not_clipped(self) -> None:
        values = np.random.default_rng(7).integers(0, 65536, (30, 40, 3), dtype=np.uint16)
        pixels = decode(png(values), HOST).pixels
        assert np.abs(pixels.astype(int) - values / 257).max() <= 1

    def test_opaque_alpha_is_dropped_and_the_colours_stay(self) -> None:
        image = noise("RGB")
        with_alpha = image.convert("RGBA")
        picture = decode(saved(with_alpha, "PNG"), HOST)
        assert (picture.pixels == np.asarray(image)).all() and picture.note == ""

    @pytest.mark.parametrize("mode", ["RGBA", "LA"])
    def test_alpha_is_kept_beside_the_untouched_colours_and_told(self, mode: str) -> None:
        image = Image.new("RGBA", (2, 1), (10, 10, 10, 255))
        image.putpixel((1, 0), (200, 200, 200, 7))
        picture = decode(saved(image.convert(mode), "PNG"), HOST)
        assert picture.pixels.tolist() == [[[10, 10, 10], [200, 200, 200]]]
        assert picture.alpha is not None and picture.alpha.tolist() == [[255, 7]]
        assert "transparent" in picture.note and "Join Image with Alpha" in picture.note

    @pytest.mark.parametrize("kind", ["WEBP", "AVIF"])
    def test_alpha_of_other_kinds(self, kind: str) -> None:
        image = Image.new("RGBA", (64, 64), (200, 100, 50, 0))
        image.paste((200, 100, 50, 255), (0, 0, 32, 64))
        alpha = decode(saved(image, kind), HOST).alpha
        assert alpha is not None and alpha[:, :30].min() > 250 and alpha[:, 34:].max() < 5

    def test_transparent_palette_entry(self) -> None:
        image = Image.new("P", (2, 1))
        image.putpalette([10, 20, 30, 40, 50, 60])
        image.putpixel((1, 0), 1)
        picture = decode(saved(image, "PNG", transparency=1), HOST)
        assert picture.pixels.tolist() == [[[10, 20, 30], [40, 50, 60]]]
        assert picture.alpha is not None and picture.alpha.tolist() == [[255, 0]]

    def test_cmyk_jpeg(self) -> None:
        content = saved(Image.new("CMYK", (40, 30), (0, 0, 0, 0)), "JPEG")
        assert decode(content, HOST).pixels.min() >= 250

    @pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "AVIF"])
    @pytest.mark.parametrize("behind", [b"\r\n", bytes(2000), b"\xff\xd8\xff\xd9 IEND" * 400, b"<html>" * 1000])
    @pytest.mark.parametrize("others_setting", [False, True])
    def test_what_is_behind_the_end_changes_nothing(
        self, kind: str, behind: bytes, others_setting: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", others_setting)
        content = saved(noise("RGB"), kind)
        assert (decode(content + behind, HOST).pixels == decode(content, HOST).pixels).all()

    @pytest.mark.parametrize(
        "options", [{"progressive": True}, {"restart_marker_blocks": 1}, {"exif": exif()}], ids=str
    )
    @pytest.mark.parametrize("others_setting", [False, True])
    def test_every_truncation_of_a_jpeg_is_noticed(
        self, options: dict[str, Any], others_setting: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """However many parts it has, and with a small JPEG inside."""
        monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", others_setting)
        content = saved(noise("RGB"), "JPEG", **options)
        assert decode(content, HOST).size == "40*30"
        for length in range(len(content)):
            with pytest.raises(PictureBroken):
                decode(content[:length], HOST)

    @pytest.mark.parametrize("others_setting", [False, True])
    def test_an_end_that_only_seems_to_be_one(self, others_setting: bool, monkeypatch: pytest.MonkeyPatch) -> None:
        """A text of a PNG holds what its end looks like."""
        monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", others_setting)
        text = PngInfo()
        text.add(b"tEXt", b"Comment\0" + PNG_END)
        content = saved(noise("RGB"), "PNG", pnginfo=text)
        assert decode(content, HOST).size == "40*30"
        for length in (content.index(PNG_END) + 20, len(content) // 2, len(content) - 1):
            with pytest.raises(PictureBroken):
                decode(content[:length], HOST)

    @pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "AVIF"])
    @pytest.mark.parametrize("others_setting", [False, True])
    def test_every_truncation_is_noticed(
        self, kind: str, others_setting: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Also when another pack has told Pillow to fill what is missing with grey."""
        monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", others_setting)
        content = saved(noise("RGB"), kind)
        for length in [0, 1, 12, 100, len(content) // 2, len(content) - 20, len(content) - 1]:
            with pytest.raises(PictureBroken):
                decode(content[:length], HOST)

    def test_flipped_bits_in_a_png_are_noticed(self) -> None:
        content = bytearray(saved(noise("RGB"), "PNG"))
        for position in range(50, len(content) - 20, 97):
            content[position] ^= 4
            with pytest.raises(PictureBroken):
                decode(bytes(content), HOST)
            content[position] ^= 4

    @pytest.mark.parametrize(
        ("content", "says"),
        [
            (b"<html>Not here</html>", "web page"),
            (b"  <?xml version='1.0'?><Error/>", "web page"),
            (b"", "not a picture of a known kind"),
            (b"%!PS-Adobe-3.0 EPSF-3.0", "not a picture of a known kind"),
            (b"\0\0\0\x20ftypisom\0\0\2\0isomiso2avc1mp41", "not a picture of a known kind"),
        ],
    )
    def test_what_is_not_a_picture(self, content: bytes, says: str) -> None:
        with pytest.raises(PictureBroken, match=says) as caught:
            decode(content, HOST)
        assert HOST in str(caught.value)

    @pytest.mark.parametrize(
        ("kind", "content"),
        [
            ("GIF", b"GIF89a\1\0\1\0"),
            ("BMP", b"BM\x36\0\x1b\0\0\0\0\0\x36\0\0\0"),
            ("TIFF", b"II*\0\x08\0\0\0"),
            ("TIFF", b"MM\0*\0\0\0\x08"),
            ("HEIC", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"),
            ("HEIC", b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic"),
            ("JPEG XL", b"\xff\x0a\xfa\x1f"),
            ("JPEG 2000", b"\0\0\0\x0cjP  \r\n\x87\n"),
        ],
    )
    def test_a_picture_of_another_kind_is_called_by_its_name(self, kind: str, content: bytes) -> None:
        with pytest.raises(PictureUnreadable, match=f"at {HOST} is of kind {kind}. These are opened: PNG, JPEG, WebP"):
            decode(content, HOST)

    def test_avif(self) -> None:
        image = Image.linear_gradient("L").convert("RGB")
        picture = decode(saved(image, "AVIF"), HOST)
        assert (picture.size, picture.note) == ("256*256", "")
        assert np.abs(picture.pixels.astype(int) - np.asarray(image)).max() < 8

    def test_avif_that_begins_with_the_brand_it_shares(self) -> None:
        """Such as AVIF files of some encoders, whose own brand comes later."""
        content = saved(noise("RGB"), "AVIF")
        assert kind_of(content.replace(b"ftypavif", b"ftypmif1", 1)) == "AVIF"

    def test_avif_where_pillow_does_not_know_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Before version 11.3."""
        content = saved(noise("RGB"), "AVIF")
        monkeypatch.delitem(Image.SAVE, "AVIF")
        monkeypatch.delitem(Image.OPEN, "AVIF")
        with pytest.raises(PictureUnreadable, match=r"of kind AVIF, which Pillow .* cannot open here. Update it"):
            decode(content, HOST)

    @pytest.mark.parametrize("size", [(60_000, 60_000), (1, MAX_PIXELS + 1)])
    def test_a_header_bomb_is_not_opened(self, size: tuple[int, int]) -> None:
        with pytest.raises(PictureRefused, match="too large"):
            decode(png_parts(size, 8, b""), HOST)

    @given(st.binary(max_size=200), st.sampled_from([*STARTS, b""]))
    def test_any_bytes_are_a_picture_or_our_error(self, content: bytes, start: bytes) -> None:
        for ended in (start + content, start + content + b"IEND\xaeB`\x82", start + content + b"\xff\xd9"):
            with pytest.raises((PictureBroken, PictureRefused, PictureUnreadable)):
                decode(ended, HOST)


def png_parts(size: tuple[int, int], depth: int, rows: bytes) -> bytes:
    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", *size, depth, 2, 0, 0, 0)
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def png(values: np.ndarray[Any, np.dtype[np.uint16]]) -> bytes:
    """16-bit RGB, which Pillow cannot write."""
    height, width, _ = values.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    return png_parts((width, height), 16, rows)


def test_every_8_bit_value_survives_saving() -> None:
    """ComfyUI saves with 255 * x cut down to an integer."""
    every = np.arange(256, dtype=np.uint8).repeat(3).reshape(16, 16, 3)
    (batch,) = to_batches([Picture(every)])
    images = batch.images
    assert images.dtype == np.float32 and images.shape == (1, 16, 16, 3) and images.flags.c_contiguous
    assert (np.clip(255.0 * images[0], 0, 255).astype(np.uint8) == every).all()


def test_every_alpha_survives_joining_and_saving() -> None:
    """ComfyUI's JoinImageWithAlpha takes 1 - mask."""
    alpha = np.arange(256, dtype=np.uint8).reshape(16, 16)
    (batch,) = to_batches([Picture(np.zeros((16, 16, 3), np.uint8), alpha=alpha)])
    mask = batch.mask
    assert mask.dtype == np.float32 and mask.shape == (1, 16, 16) and mask.flags.c_contiguous
    assert (mask.max(), mask.min()) == (1, 0)
    assert (np.clip(255.0 * (np.float32(1) - mask[0]), 0, 255).astype(np.uint8) == alpha).all()


def test_one_batch_for_each_size_in_order() -> None:
    def picture(width: int, value: int) -> Picture:
        return Picture(np.full((2, width, 3), value, dtype=np.uint8))

    batches = to_batches([picture(4, 0), picture(5, 51), picture(4, 255)])
    assert [batch.images.shape for batch in batches] == [(2, 2, 4, 3), (1, 2, 5, 3)]
    assert [batch.mask.shape for batch in batches] == [(2, 2, 4), (1, 2, 5)]
    assert [float(image.max()) for image in batches[0].images] == [0.0, 1.0]
    assert float(batches[1].images.max()) == pytest.approx(0.2)
    assert not any(batch.mask.any() for batch in batches)


def test_only_the_transparent_of_a_batch_have_a_mask() -> None:
    opaque = Picture(np.zeros((2, 4, 3), np.uint8))
    clear = Picture(np.zeros((2, 4, 3), np.uint8), alpha=np.zeros((2, 4), np.uint8))
    (batch,) = to_batches([opaque, clear])
    assert [mask.tolist() for mask in batch.mask] == [[[0] * 4] * 2, [[1] * 4] * 2]


def test_what_is_transparent_is_shown_on_squares() -> None:
    black = np.zeros((64, 64, 3), np.uint8)
    shown = Picture(black, alpha=np.zeros((64, 64), np.uint8)).shown
    assert {tuple(pixel) for pixel in shown.reshape(-1, 3)} == {(255,) * 3, (204,) * 3}
    half = Picture(black, alpha=np.full((64, 64), 128, np.uint8)).shown
    assert half.dtype == np.uint8 and half.min() == 102 and half.max() == 127
    assert Picture(black).shown is black
