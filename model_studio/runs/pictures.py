"""Finished pictures: how their bytes become arrays."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import PIL
from PIL import Image

from ..errors import PictureBroken, PictureError, PictureRefused, PictureUnreadable
from ..kinds import is_whole, kind_of
from ..service.links import KEPT, REPORT
from ..words import Text

# Twice the largest area any model draws (wan2.7-image-pro, 4096*4096).
MAX_PIXELS = 2 * 4096 * 4096
_OPENED = ("PNG", "JPEG", "WebP", "AVIF")


# What is taken off a mask's value, a few of float32's steps: ComfyUI's SaveImage cuts off behind the point, and of the
# 256 values of alpha 95 would come back one lower from 1 - (1 - a / 255).
_UP = 2e-7
_SQUARES = 32  # along the shorter side of the ground that shows where a picture is transparent

Pixels = npt.NDArray[Any]
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Picture:
    """A decoded picture: [H, W, 3] RGB, uint8 or (for a 16-bit file) uint16.

    alpha  [H, W], uint8: 255 where it is opaque; None where all of it is
    note   what a user should know of it
    """

    pixels: Pixels
    note: Text | Literal[""] = ""
    alpha: npt.NDArray[np.uint8] | None = None

    @property
    def size(self) -> str:
        height, width, _ = self.pixels.shape
        return f"{width}*{height}"

    @property
    def shown(self) -> Pixels:
        """The pixels to look at: on a chequered ground where there is alpha."""
        return self.pixels if self.alpha is None else _on_squares(self.pixels, self.alpha)


@dataclass(frozen=True)
class Batch:
    """Pictures of one size. `images` [B, H, W, 3] and `mask` [B, H, W], float32 0…1.

    A mask is 1 where it is transparent, as ComfyUI's LoadImage has it.
    """

    images: Floats
    mask: Floats


def decode(content: bytes, host: str) -> Picture:
    """PNG, JPEG, WebP or AVIF bytes as RGB. The kind is read from the bytes, whatever the link or the header says.

    Grey and palette become RGB; 16-bit grey keeps its 16 bits; CMYK is converted; alpha that hides nothing is dropped.
    `host` is for the error text. Raises PictureBroken, PictureUnreadable, PictureRefused.
    """
    kind = _checked_kind(content, host)
    try:
        with _open(content, kind) as image:
            if image.width * image.height > MAX_PIXELS:
                raise _too_many_pixels(host, f"{image.width}*{image.height}")
            if kind == "PNG":
                # Checks what decoding does not: the sums of all parts of the file.
                image.verify()
        with _open(content, kind) as image:
            return _to_rgb(image)
    except Image.DecompressionBombError:
        raise _too_many_pixels(host, Text("its header says")) from None
    except PictureError:
        raise
    except Exception as error:  # Pillow meets damaged files with IndexError, SyntaxError, struct.error and others
        raise _broken(host, Text("it cannot be decoded ({kind})", kind=type(error).__name__)) from None


def to_batches(pictures: list[Picture]) -> list[Batch]:
    """One for each size, in order of first appearance."""
    by_size: dict[tuple[int, ...], list[Picture]] = {}
    for picture in pictures:
        by_size.setdefault(picture.pixels.shape, []).append(picture)
    return [Batch(_to_images(same), _to_mask(same)) for same in by_size.values()]


def _to_images(same: list[Picture]) -> Floats:
    images = np.empty((len(same), *same[0].pixels.shape), dtype=np.float32)
    for out, picture in zip(images, same, strict=True):
        # True division: multiplying with a rounded 1/255 would not give every value back when saved.
        np.divide(picture.pixels, np.float32(np.iinfo(picture.pixels.dtype).max), out=out, dtype=np.float32)
    return images


def _to_mask(same: list[Picture]) -> Floats:
    mask = np.zeros((len(same), *same[0].pixels.shape[:2]), dtype=np.float32)
    for out, picture in zip(mask, same, strict=True):
        if picture.alpha is not None:
            out[:] = _MASKS[picture.alpha]
    return mask


def _mask_values() -> Floats:
    """Of each alpha, so that 255 * (1 - mask) is not below it."""
    values: Floats = np.clip(1 - np.arange(256) / 255 - _UP, 0, 1).astype(np.float32)
    values[0] = 1
    return values


_MASKS = _mask_values()


def _on_squares(pixels: Pixels, alpha: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    side = max(min(alpha.shape) // _SQUARES, 1)
    rows, columns = np.ogrid[: alpha.shape[0], : alpha.shape[1]]
    ground = np.where((rows // side + columns // side) % 2, 204, 255)[:, :, None]
    share = alpha[:, :, None] / np.float32(255)
    laid: npt.NDArray[np.uint8] = np.rint(pixels * share + ground * (1 - share)).astype(np.uint8)
    return laid


def image_of(pixels: npt.NDArray[Any]) -> Image.Image:
    """To look at: 8 bits, of [H, W, 3] with 8 or 16."""
    return Image.fromarray(np.ascontiguousarray(pixels if pixels.dtype == np.uint8 else (pixels >> 8).astype(np.uint8)))


def jpeg(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=85)
    return file.getvalue()


def _open(content: bytes, kind: str) -> Image.Image:
    return Image.open(io.BytesIO(content), formats=(kind.upper(),))


def _checked_kind(content: bytes, host: str) -> str:
    """The kind of a file that is whole and can be opened here."""
    kind = kind_of(content)
    if not kind:
        is_page = content.lstrip()[:1] == b"<"
        raise _broken(host, Text("it is a web page") if is_page else Text("it is not a picture of a known kind"))
    if kind not in _OPENED:
        raise PictureUnreadable(
            Text("The file of a finished picture at {host} is of kind {kind}.", host=host, kind=kind),
            Text("These are opened: {kinds}. {advice}", kinds=", ".join(_OPENED), advice=REPORT),
        )
    if kind == "AVIF" and not _knows_avif():
        raise PictureUnreadable(
            Text(
                "The file of a finished picture at {host} is of kind AVIF, which Pillow {version} cannot open here.",
                host=host,
                version=PIL.__version__,
            ),
            Text("Update it (pip install --upgrade pillow), restart ComfyUI and run again: {kept}", kept=KEPT),
        )
    if not is_whole(content, kind):
        raise _broken(host, Text("it breaks off after {count} bytes", count=len(content)))
    return kind


def _knows_avif() -> bool:
    """From version 11.3 on, where it was built with it; or by a plugin."""
    Image.init()
    return "AVIF" in Image.SAVE  # OPEN has it without the decoder too


def _to_rgb(image: Image.Image) -> Picture:
    if image.mode.startswith("I"):
        # 16-bit grey; Pillow's own conversion to RGB cuts everything above 255 off.
        grey = np.asarray(image).astype(np.uint16)
        return Picture(np.repeat(grey[:, :, None], 3, axis=2))
    if image.has_transparency_data:
        rgba = np.asarray(image.convert("RGBA"))
        if rgba[:, :, 3].min() < 255:
            note = Text(
                "A picture has transparent parts, which are in mask: Join Image with Alpha puts images and mask "
                "together."
            )
            return Picture(rgba[:, :, :3], note, rgba[:, :, 3])
    return Picture(np.asarray(image.convert("RGB")))


def _too_many_pixels(host: str, size: str) -> PictureRefused:
    return PictureRefused(Text("A picture at {host} is too large to open ({size}).", host=host, size=size), REPORT)


def _broken(host: str, how: Text) -> PictureBroken:
    return PictureBroken(
        Text("The file of a finished picture at {host} is damaged: {how}.", host=host, how=how),
        Text("Run again: {kept}", kept=KEPT),
    )
