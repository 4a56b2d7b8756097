"""`.rig/venv/bin/python -m rig.page_picture` puts some of the browser tests' screenshots together for the README."""

from __future__ import annotations

from PIL import Image

from .layout import ROOT, rig_home
from .thumbnails import sheet

PICTURE = ROOT / "docs" / "page.jpg"
SHOTS = ("outcome-classic", "tasks-zh-TW-dark", "example-Contact sheet of four pictures", "keys-zh-TW")
SIZE = (800, 500)  # pixels of one screenshot


def main() -> None:
    """Two by two."""
    shots = [Image.open(rig_home() / "reports" / "browser" / "newest" / f"{name}.png") for name in SHOTS]
    sheet(shots, SIZE, columns=2).save(PICTURE, quality=85, optimize=True)


if __name__ == "__main__":
    main()
