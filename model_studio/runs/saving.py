"""Files of pictures in a folder that others write to as well: whole or not at all, and none in place of another."""

from __future__ import annotations

import os
import uuid
import zlib
from collections.abc import Mapping
from pathlib import Path

from ..errors import PictureUnsaved
from ..words import Text

_HEAD = slice(0, 33)  # of a PNG: its signature and the chunk IHDR, which comes first
MOST_TRIES = 100_000  # numbers


def save(folder: Path, name: str, number: int, ending: str, content: bytes) -> tuple[str, int]:
    """Writes `name_00001_.ending`, with the first number from `number` on that is free; its name and number.

    Raises PictureUnsaved.
    """
    half = folder / f".{uuid.uuid4().hex}.part"
    try:
        try:
            with half.open("xb") as out:
                out.write(content)
                out.flush()
                os.fsync(out.fileno())
            for free in range(number, number + MOST_TRIES):
                file = folder / f"{name}_{free:05}_.{ending}"
                if _publish(half, file):
                    return file.name, free
        finally:
            half.unlink(missing_ok=True)
    except (OSError, ValueError) as error:  # ValueError: no file can be called so
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise PictureUnsaved(
            Text("The picture could not be saved in ComfyUI's output folder: {reason}.", reason=reason),
            Text("No half file was left. Make room, or make the folder writable, and run again: it costs nothing."),
        ) from error
    raise PictureUnsaved(Text("There is no free number for the file name {name!r:.80}.", name=name))


def _publish(half: Path, file: Path) -> bool:
    """Gives a file its name unless there is one of that name."""
    try:
        os.link(half, file)
    except FileExistsError:
        return False
    except OSError:  # file systems without links, such as exFAT
        try:
            file.open("xb").close()
        except FileExistsError:
            return False
        os.replace(half, file)
    return True


def with_texts(png: bytes, texts: Mapping[str, str]) -> bytes:
    """A PNG with tEXt chunks after its head; all its own chunks stay as they are, byte for byte.

    Left out is what is no keyword: 1 to 79 characters of Latin-1 (PNG specification).
    """
    chunks = [_text_chunk(name, text) for name, text in texts.items() if _is_keyword(name)]
    return png[_HEAD] + b"".join(chunks) + png[_HEAD.stop :]


def _is_keyword(name: str) -> bool:
    return 0 < len(name) < 80 and all(31 < ord(char) < 127 or 160 < ord(char) < 256 for char in name)


def _text_chunk(name: str, text: str) -> bytes:
    data = name.encode("latin-1") + b"\0" + text.encode("latin-1", "replace")
    head = len(data).to_bytes(4, "big")
    return head + b"tEXt" + data + zlib.crc32(b"tEXt" + data).to_bytes(4, "big")
