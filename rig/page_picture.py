"""`.rig/venv/bin/python -m rig.page_picture` puts some of the browser tests' screenshots together for the README."""

from __future__ import annotations

from PIL import Image

from .layout import ROOT, rig_home

PICTURE = ROOT / "docs" / "page.jpg"
SHOTS = ("outcome-classic", "tasks-zh-TW-dark", "example-Contact sheet of four pictures", "keys-zh-TW")
SIZE, SPACE = (800, 500), 8  # pixels: of one screenshot, and between them


def main() -> None:
    """Two by two."""
    width, height = SIZE
    sheet = Image.new("RGB", (2 * width + SPACE, 2 * height + SPACE), "white")
    for number, name in enumerate(SHOTS):
        with Image.open(rig_home() / "reports" / "browser" / f"{name}.png") as shot:
            place = ((width + SPACE) * (number % 2), (height + SPACE) * (number // 2))
            sheet.paste(shot.convert("RGB").resize(SIZE, Image.Resampling.LANCZOS), place)
    sheet.save(PICTURE, quality=85, optimize=True)


if __name__ == "__main__":
    main()
