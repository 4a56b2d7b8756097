"""A font that has Chinese: one of a package of PyPI where it is installed, else the system's."""

from __future__ import annotations

import os
import sys
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

from PIL import ImageFont

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

PACKAGE = "noto_cjk_sans_otc"
# The faces of this collection differ in the forms of some characters, and the first one is Japanese.
CHINESE_FACES = {"NotoSansCJK-Regular.ttc": 2}

# Where fonts with Chinese are usually found; looked at in order, no folder is searched.
FONTS = {
    "linux": (
        "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc",
        "/usr/share/fonts/noto-cjk/NotoSansCJK-Regular.ttc",
        "/usr/share/fonts/google-noto-cjk/NotoSansCJK-Regular.ttc",
        "/usr/share/fonts/google-noto-sans-cjk-fonts/NotoSansCJK-Regular.ttc",
        "/usr/share/fonts/truetype/wqy/wqy-zenhei.ttc",
        "/usr/share/fonts/truetype/wqy/wqy-microhei.ttc",
        "/usr/share/fonts/wenquanyi/wqy-zenhei/wqy-zenhei.ttc",
        "/usr/share/fonts/truetype/droid/DroidSansFallbackFull.ttf",
    ),
    "darwin": (
        "/System/Library/Fonts/PingFang.ttc",
        "/System/Library/Fonts/Hiragino Sans GB.ttc",
        "/System/Library/Fonts/STHeiti Medium.ttc",
        "/System/Library/Fonts/Supplemental/Arial Unicode.ttf",
    ),
    "win32": ("msyh.ttc", "msjh.ttc", "simhei.ttf", "simsun.ttc", "mingliu.ttc"),
}


@lru_cache(maxsize=1)
def font_file() -> Path | None:
    """None: then Pillow's own font is used, which shows boxes for Chinese."""
    return next((file for file in (*packaged(), *usual()) if file.is_file()), None)


def packaged() -> list[Path]:
    """What the package holds; nothing where it is not installed."""
    spec = find_spec(PACKAGE)
    folders = (spec and spec.submodule_search_locations) or ()
    return [file for folder in folders for file in Path(folder).glob("*.ttc")]


def usual() -> list[Path]:
    """Where this system would have one."""
    platform = sys.platform if sys.platform in FONTS else "linux"
    folder = Path(os.environ.get("WINDIR", r"C:\Windows")) / "Fonts" if platform == "win32" else Path("/")
    return [folder / name for name in FONTS[platform]]


@lru_cache(maxsize=64)
def font(size: int) -> Font:
    file = font_file()
    return (
        ImageFont.truetype(str(file), size, CHINESE_FACES.get(file.name, 0)) if file else ImageFont.load_default(size)
    )
