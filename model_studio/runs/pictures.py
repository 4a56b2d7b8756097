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


@dataclass(frozen=True)
class Picture:
    """A decoded picture: [H, W, 3] RGB, uint8 or (for a 16-bit file) uint16. `note`: what a user should know of it."""

    pixels: npt.NDArray[Any]
    note: Text | Literal[""] = ""

    @property
    def size(self) -> str:
        height, width, _ = self.pixels.shape
        return f"{width}*{height}"


def decode(content: bytes, host: str) -> Picture:
    """PNG, JPEG, WebP or AVIF bytes as RGB. The kind is read from the bytes, whatever the link or the header says.

    Grey and palette become RGB; 16-bit grey keeps its 16 bits; CMYK is converted; alpha that hides nothing is dropped,
    other alpha is laid over white. `host` is for the error text. Raises PictureBroken, PictureUnreadable,
    PictureRefused.
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


def to_float(pictures: list[Picture]) -> list[npt.NDArray[np.float32]]:
    """Batches [B, H, W, 3] float32 in 0…1, one for each size, in order of first appearance."""
    by_size: dict[tuple[int, ...], list[Picture]] = {}
    for picture in pictures:
        by_size.setdefault(picture.pixels.shape, []).append(picture)
    batches = []
    for shape, same in by_size.items():
        batch = np.empty((len(same), *shape), dtype=np.float32)
        for out, picture in zip(batch, same, strict=True):
            # True division: multiplying with a rounded 1/255 would not give every value back when saved.
            np.divide(picture.pixels, np.float32(np.iinfo(picture.pixels.dtype).max), out=out, dtype=np.float32)
        batches.append(batch)
    return batches


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
        image = image.convert("RGBA")
        if image.getchannel("A").getextrema() != (255, 255):
            white = Image.new("RGBA", image.size, "white")
            rgb = Image.alpha_composite(white, image).convert("RGB")
            return Picture(np.asarray(rgb), Text("A picture has transparent parts; they were laid over white."))
    return Picture(np.asarray(image.convert("RGB")))


def _too_many_pixels(host: str, size: str) -> PictureRefused:
    return PictureRefused(Text("A picture at {host} is too large to open ({size}).", host=host, size=size), REPORT)


def _broken(host: str, how: Text) -> PictureBroken:
    return PictureBroken(
        Text("The file of a finished picture at {host} is damaged: {how}.", host=host, how=how),
        Text("Run again: {kept}", kept=KEPT),
    )
