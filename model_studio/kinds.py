"""Kinds of picture files, by their bytes, whatever a link or a header says."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

_STARTS = {
    "PNG": re.compile(rb"\x89PNG\r\n\x1a\n"),
    "JPEG": re.compile(rb"\xff\xd8"),
    "WebP": re.compile(rb"RIFF.{4}WEBP", re.DOTALL),
    # Both are told by a list of four-letter brands, of which the first may be the one they share (mif1).
    "AVIF": re.compile(rb".{4}ftyp(.{4}){0,16}avi[fs]", re.DOTALL),
    "HEIC": re.compile(rb".{4}ftyp(.{4}){0,16}(hei|hev|mif1|msf1)", re.DOTALL),
    "GIF": re.compile(rb"GIF8[79]a"),
    "BMP": re.compile(rb"BM.{4}\0{4}", re.DOTALL),
    "TIFF": re.compile(rb"II\*\0|MM\0\*"),
    "JPEG 2000": re.compile(rb"\0\0\0\x0cjP  \r\n|\xff\x4f\xff\x51"),
    "JPEG XL": re.compile(rb"\0\0\0\x0cJXL \r\n|\xff\x0a"),
}
_ENDINGS = {"JPEG": "jpg", "": "bin"}  # other kinds have their name
# FF 00 and FF D0 to D7 belong to the data, and FF FF is a filler; all other markers but the end tell a length.
_JPEG_MARKER = re.compile(rb"\xff[^\x00\x01\xd0-\xd7\xff]")
_JPEG_END = 0xD9


def kind_of(content: bytes) -> str:
    """Empty where it is not a known kind of picture."""
    return next((kind for kind, start in _STARTS.items() if start.match(content)), "")


def ending_of(kind: str) -> str:
    """Of a file's name, without the dot."""
    return _ENDINGS.get(kind, kind.lower().replace(" ", ""))


def is_whole(content: bytes, kind: str) -> bool:
    """Whether a file has its own end, however much follows it; of other kinds the decoder finds out.

    Without it Pillow fills what is missing with grey when another pack has told it to.
    """
    return kind not in _WHOLE or _WHOLE[kind](content)


def _png_is_whole(content: bytes) -> bool:
    at = 8
    while len(head := content[at : at + 8]) == 8:
        at += 12 + int.from_bytes(head[:4], "big")  # length, name and checksum besides the data
        if head[4:] == b"IEND":
            return len(content) >= at
    return False


def _jpeg_is_whole(content: bytes) -> bool:
    at = 2
    while marker := _JPEG_MARKER.search(content, at):
        if marker[0][1] == _JPEG_END:
            return True
        at = marker.end() + int.from_bytes(content[marker.end() : marker.end() + 2], "big")
    return False


def _webp_is_whole(content: bytes) -> bool:
    return len(content) >= int.from_bytes(content[4:8], "little") + 8


_WHOLE: Mapping[str, Callable[[bytes], bool]] = {
    "PNG": _png_is_whole,
    "JPEG": _jpeg_is_whole,
    "WebP": _webp_is_whole,
}
