"""What a download looks like, good or damaged by a fault."""

from __future__ import annotations

import base64
import hashlib
import io
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any
from xml.sax.saxutils import escape

import numpy as np
from PIL import Image

from simulator.drawing import encode
from simulator.faults import Fault
from simulator.pictures import Refusal


@dataclass(frozen=True)
class Answer:
    """One HTTP answer. `padding`: bytes of nothing that follow the body, without a Content-Length."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    padding: int = 0


def picture(data: bytes) -> Answer:
    """A good download: the type is told by the name of the object, .png, whatever is in it."""
    digest = hashlib.md5(data, usedforsecurity=False)
    headers = {
        "Content-Type": "image/png",
        "ETag": f'"{digest.hexdigest().upper()}"',
        "Content-MD5": base64.b64encode(digest.digest()).decode(),
        "x-oss-object-type": "Normal",
    }
    return Answer(200, data, headers)


def refusal(fault: Refusal, bucket: str, expires: str | None, now: float) -> Answer:
    """The storage's XML; the two times are told when a link has expired (observed)."""
    lines = {"Code": fault.code, "Message": fault.message, "RequestId": "65A0B1C2D3E4F5061728394A", "HostId": bucket}
    if expires and expires.isdecimal() and fault.message == "Request has expired.":
        lines |= {"Expires": _utc(int(expires)), "ServerTime": _utc(now)}
    inner = "\n".join(f"  <{name}>{escape(text)}</{name}>" for name, text in lines.items())
    document = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error>\n{inner}\n</Error>\n'
    return Answer(fault.http, document.encode(), {"Content-Type": "application/xml"})


def damaged(fault: Fault, data: bytes) -> Answer:
    """A download as the fault has it. Faults that the storage reports itself are raised as `Refusal`."""
    effect = fault.kind.effect
    if effect == "expired":
        raise Refusal(403, "AccessDenied", "Request has expired.")
    if effect == "missing":
        raise Refusal(404, "NoSuchKey", "The specified key does not exist.")
    if effect == "storage":
        raise Refusal(fault["http"], fault["code"], "The storage could not handle the request.")
    if effect == "redirect":
        return Answer(302, b"", {"Location": fault["location"]})
    if effect == "html":
        return Answer(200, b"<html><body>Please log in to this network.</body></html>", {"Content-Type": "text/html"})
    if effect == "huge":
        return Answer(200, data, {"Content-Type": "image/png"}, padding=fault["megabytes"] << 20)
    return picture(_spoil(effect, fault.parameters, data))


def _spoil(effect: str, parameters: Mapping[str, Any], data: bytes) -> bytes:
    if effect == "truncate":
        return data[: len(data) // 2]
    if effect == "corrupt":
        middle = len(data) // 2
        return data[:middle] + bytes(byte ^ 0x55 for byte in data[middle : middle + 64]) + data[middle + 64 :]
    if effect == "bomb":
        return _png(parameters["width"], parameters["height"], 8, b"\0" * 4096)
    image = Image.open(io.BytesIO(data))
    if effect in ("jpeg", "webp", "avif", "gif"):
        return encode(image, effect.upper())
    if effect == "trail":
        return encode(image, "JPEG") + bytes(parameters["size"])
    if effect == "deep":
        return _deep(image)
    return _in_mode(image, parameters["mode"])


def _in_mode(image: Image.Image, mode: str) -> bytes:
    if mode == "CMYK":
        return encode(image.convert(mode), "JPEG")
    if mode == "RGBA":  # transparent at the left, opaque at the right
        image = image.convert(mode)
        image.putalpha(Image.linear_gradient("L").rotate(90).resize(image.size))
        return encode(image)
    return encode(image.quantize() if mode == "P" else image.convert(mode))


def _deep(image: Image.Image) -> bytes:
    """RGB of 16 bits a channel, which Pillow cannot write: 8-bit value v becomes v * 257."""
    pixels = np.asarray(image.convert("RGB")).astype(">u2") * 257
    rows = pixels.astype(">u2").reshape(image.height, -1).view(np.uint8)
    filtered = np.pad(rows, ((0, 0), (1, 0)))  # each row begins with its filter, 0 for none
    return _png(image.width, image.height, 16, filtered.tobytes())


def _png(width: int, height: int, depth: int, filtered: bytes) -> bytes:
    """A PNG of colour type 2 (RGB) of rows that are filtered already."""
    header = struct.pack(">IIBBBBB", width, height, depth, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(filtered, 1)), (b"IEND", b""))
    body = (struct.pack(">I", len(d)) + kind + d + struct.pack(">I", zlib.crc32(kind + d)) for kind, d in chunks)
    return b"\x89PNG\r\n\x1a\n" + b"".join(body)


def _utc(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.000Z")
