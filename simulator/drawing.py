"""The pictures: a landscape grown from model, prompt and seed, with the prompt on it and the word SIMULATED.

The same `Drawing` gives the same bytes on one machine (another Pillow or font may differ), of exactly width x height.
"""

from __future__ import annotations

import io
import math
import random
import re
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFilter

from .fonts import Font, font

Colour = tuple[int, int, int]
Box = tuple[int, int, int, int]  # left, top, right, bottom

# Sky above, sky below, far hills, near hills.
PALETTES: tuple[tuple[Colour, Colour, Colour, Colour], ...] = (
    ((36, 62, 122), (250, 178, 126), (146, 104, 142), (38, 34, 66)),
    ((84, 170, 214), (232, 244, 236), (132, 178, 160), (34, 84, 70)),
    ((22, 24, 62), (122, 88, 164), (78, 60, 124), (16, 16, 40)),
    ((236, 122, 98), (255, 224, 160), (190, 98, 96), (84, 38, 58)),
    ((150, 196, 206), (250, 236, 222), (208, 164, 150), (118, 84, 90)),
    ((20, 92, 110), (178, 224, 196), (66, 140, 130), (12, 52, 66)),
    ((96, 84, 150), (246, 190, 206), (160, 116, 166), (58, 40, 84)),
    ((44, 48, 56), (206, 196, 176), (120, 116, 112), (34, 34, 38)),
)
CANVAS = 1024  # pixels of the long side while shapes are drawn; enlarging them afterwards smooths their edges

LONGEST_WORD = 16  # characters that fit on a line whatever the size
_CUT_OUT = re.compile(r"transparent (background|ground)|透明背景|alpha channel", re.IGNORECASE)
SHOWN = 1200  # characters of the prompt that can be on the card


@dataclass(frozen=True)
class Drawing:
    """What one picture shows. `watermark` is its text, empty for none."""

    model: str
    prompt: str
    seed: int
    width: int
    height: int
    watermark: str = ""

    @property
    def is_cut_out(self) -> bool:
        """No field asks for alpha, but the wording (Qwen-Image-2.1's README; at the API seen by a client)."""
        return self.model.startswith("qwen-image-2.1") and bool(_CUT_OUT.search(self.prompt))


def png(drawing: Drawing) -> bytes:
    return encode(paint(drawing))


def encode(image: Image.Image, form: str = "PNG") -> bytes:
    """PNG is packed lightly: a simulator should be quick, not small."""
    out = io.BytesIO()
    if form == "PNG":
        image.save(out, form, compress_level=1)
    else:
        image.save(out, form, quality=92)
    return out.getvalue()


def paint(drawing: Drawing) -> Image.Image:
    """An RGB image; an RGBA one with a soft edge where the prompt has a transparent ground drawn."""
    scale = CANVAS / max(drawing.width, drawing.height, CANVAS)
    width, height = max(1, round(drawing.width * scale)), max(1, round(drawing.height * scale))
    dice = random.Random(f"{drawing.model}\n{drawing.prompt}\n{drawing.seed}")
    scene = _landscape(dice, width, height)
    if scene.size != (drawing.width, drawing.height):
        scene = scene.resize((drawing.width, drawing.height), Image.Resampling.BILINEAR)
    pen = ImageDraw.Draw(scene, "RGBA")
    simulated = _label(pen, drawing)
    _prompt(pen, drawing)
    if drawing.is_cut_out:
        scene.putalpha(_sticker(scene.size, simulated))
    return scene


def _sticker(size: tuple[int, int], simulated: Box) -> Image.Image:
    """The alpha of a rounded sheet whose edge fades over some pixels, and of the word that says what it is."""
    margin = min(size) // 12
    alpha = Image.new("L", size)
    sheet = (margin, margin, size[0] - margin, size[1] - margin)
    ImageDraw.Draw(alpha).rounded_rectangle(sheet, radius=2 * margin, fill=255)
    alpha = alpha.filter(ImageFilter.GaussianBlur(max(1, margin // 8)))
    ImageDraw.Draw(alpha).rectangle(simulated, fill=255)
    return alpha


def _landscape(dice: random.Random, width: int, height: int) -> Image.Image:
    above, below, far, near = dice.choice(PALETTES)
    sky = Image.new("RGB", (1, 2))
    sky.putpixel((0, 0), above)
    sky.putpixel((0, 1), below)
    scene = sky.resize((width, height), Image.Resampling.BICUBIC)
    pen = ImageDraw.Draw(scene, "RGBA")

    unit = min(width, height)
    sun_x, sun_y, radius = dice.uniform(0.15, 0.85) * width, dice.uniform(0.1, 0.45) * height, unit * 0.07
    for ring in range(6, 0, -1):
        _disc(pen, sun_x, sun_y, radius * (1 + ring * 0.45), (255, 255, 240, 16))
    _disc(pen, sun_x, sun_y, radius, (255, 250, 226, 255))

    ridges = dice.randint(4, 6)
    for ridge in range(ridges):
        depth = ridge / (ridges - 1)  # 0 far .. 1 near
        colour = tuple(round(a + (b - a) * depth) for a, b in zip(far, near, strict=True))
        base = height * (0.5 + 0.4 * depth + dice.uniform(-0.03, 0.03))
        waves = [
            (dice.uniform(0.6, 2.2) * 2**k, dice.uniform(0, math.tau), height * 0.09 / 2**k * dice.uniform(0.5, 1.2))
            for k in range(4)
        ]
        step = max(1, width // 200)
        line = [
            (x, base - sum(size * math.sin(math.tau * turns * x / width + phase) for turns, phase, size in waves))
            for x in (*range(0, width, step), width)
        ]
        pen.polygon([*line, (width, height), (0, height)], fill=colour)
    for _ in range(dice.randint(2, 6)):  # birds
        x, y, wing = dice.uniform(0.1, 0.9) * width, dice.uniform(0.08, 0.4) * height, unit * dice.uniform(0.008, 0.02)
        pen.line([(x - wing, y - wing / 2), (x, y), (x + wing, y - wing / 2)], fill=(*near, 220), width=2)
    return scene


def _disc(pen: ImageDraw.ImageDraw, x: float, y: float, radius: float, colour: tuple[int, int, int, int]) -> None:
    pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)


def _label(pen: ImageDraw.ImageDraw, drawing: Drawing) -> Box:
    """SIMULATED above left, in the box that is returned; what it is below left; the watermark below right, where the
    service puts it.
    """
    unit = min(drawing.width, drawing.height)
    margin = unit // 40
    small, large = font(max(10, unit // 50)), font(max(12, unit // 24))
    left, top, right, bottom = pen.textbbox((margin * 2, margin * 2), "SIMULATED", font=large)
    # Whole pixels: the parts of the shape would overlap, and the see-through colour show where they do.
    box = (round(left - margin), round(top - margin // 2), round(right + margin), round(bottom + margin // 2))
    pen.rounded_rectangle(box, radius=margin // 2, fill=(0, 0, 0, 150))
    pen.text((margin * 2, margin * 2), "SIMULATED", font=large, fill=(255, 255, 255, 255))
    facts = f"{drawing.model} · {drawing.width}*{drawing.height} · seed {drawing.seed}"
    foot = drawing.height - margin
    pen.text((margin, foot), facts, font=small, anchor="ls", fill=(255, 255, 255, 230))
    if drawing.watermark:
        corner = (drawing.width - margin, foot)
        pen.text(corner, drawing.watermark, font=small, anchor="rs", fill=(255, 255, 255, 230))
    return box


def _prompt(pen: ImageDraw.ImageDraw, drawing: Drawing) -> None:
    """The prompt on a card in the middle, in the largest letters with which it fits; the rest is cut off."""
    unit = min(drawing.width, drawing.height)
    width, height = drawing.width * 0.72, drawing.height * 0.5
    text = " ".join(drawing.prompt[:SHOWN].split())
    for part in (18, 22, 27, 34, 42, 52, 64):
        letters = font(max(10, unit // part))
        line_height = max(10, unit // part) * 1.35
        lines = wrap(text, width, letters)
        if len(lines) * line_height <= height:
            break
    else:
        lines = [*lines[: max(1, int(height / line_height) - 1)], "…"]
    wide = max((letters.getlength(line) for line in lines), default=0.0)
    tall = len(lines) * line_height
    left, top = (drawing.width - wide) / 2, (drawing.height - tall) / 2
    pad = line_height * 0.6
    card = (left - pad, top - pad, left + wide + pad, top + tall + pad)
    pen.rounded_rectangle(card, radius=pad * 0.6, fill=(255, 255, 255, 190))
    for number, line in enumerate(lines):
        middle = (drawing.width / 2, top + (number + 0.5) * line_height)
        pen.text(middle, line, font=letters, anchor="mm", fill=(24, 24, 32, 255))


def wrap(text: str, width: float, letters: Font) -> list[str]:
    """Lines of at most `width` pixels; breaks at blanks, and anywhere within Chinese or a very long word."""
    lines = [""]
    for piece in _pieces(text):
        if lines[-1] and letters.getlength(lines[-1] + piece.rstrip()) > width:
            lines[-1] = lines[-1].rstrip()
            lines.append(piece.lstrip())
        else:
            lines[-1] += piece
    return [*lines[:-1], lines[-1].rstrip()]


def _pieces(text: str) -> list[str]:
    """Words with the blank after them; single characters of Chinese, Japanese, Korean and of very long words."""
    pieces: list[str] = []
    for word in text.split(" "):
        joined = len(word) <= LONGEST_WORD and all(letter < "⺀" for letter in word)
        pieces += [word] if joined else list(word)
        pieces[-1:] = [f"{letter} " for letter in pieces[-1:]]
    return pieces
