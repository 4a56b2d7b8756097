"""`.rig/venv/bin/python -m rig.thumbnails` makes the pictures of the example workflows again, and the README's.

Each workflow really runs in ComfyUI against the simulator; its thumbnail shows what it saved.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image, ImageFilter

from model_studio.runs.pictures import decode

from . import frontend
from .comfyui import ComfyUI
from .layout import ROOT, RigError
from .progress import say
from .prompt_run import PromptRun
from .servers import servers
from .workflows import next_day, to_api_prompt

FOLDER = ROOT / "example_workflows"
OVERVIEW = ROOT / "docs" / "examples.jpg"
SIDE = 640  # pixels of a thumbnail; a square fills the cards of the page's template browser
MARGIN, GAP = 24, 12
TILE, COLUMNS = 340, 5  # of the overview
SPACE = 8  # pixels between the pictures of a sheet

Box = tuple[int, int, int, int]  # left, top, right, bottom


def main() -> None:
    """Run every example and write its thumbnail; then the overview of them all."""
    thumbnails = []
    with servers(*frontend.arguments()) as comfy:
        for file in sorted(FOLDER.glob("*.json")):
            say(file.stem)
            pictures = [shown(path) for path in results(comfy, json.loads(file.read_text("utf-8")))]
            thumbnails.append(compose(pictures))
            thumbnails[-1].save(file.with_suffix(".jpg"), quality=86, optimize=True)
    sheet(thumbnails, (TILE, TILE), COLUMNS).save(OVERVIEW, quality=86, optimize=True)


def shown(file: Path) -> Image.Image:
    """A saved picture; what is transparent in it, on squares."""
    return Image.fromarray(decode(file.read_bytes(), file.name).shown)


def results(comfy: ComfyUI, workflow: Mapping[str, Any]) -> list[Path]:
    """The pictures that a workflow comes to, of tasks those of the next day: its sheet where it makes one, else all."""
    object_info = comfy.get("/object_info")
    prompt = to_api_prompt(workflow, object_info)
    run = run_well(comfy, prompt)
    if not of_class(prompt, "SaveImage"):
        (ids,) = of_class(prompt, "PreviewAny")
        prompt = to_api_prompt(next_day(workflow, run.text(ids)), object_info)
        run = run_well(comfy, prompt)
    saves = of_class(prompt, "SaveImage")
    sheets = [node_id for node_id in saves if prompt[node_id]["inputs"]["filename_prefix"].endswith("-sheet")]
    return [path for node_id in sheets or saves for path in run.images(node_id)]


def of_class(prompt: Mapping[str, Any], kind: str) -> list[str]:
    return [node_id for node_id, node in prompt.items() if node["class_type"] == kind]


def run_well(comfy: ComfyUI, prompt: Mapping[str, Any]) -> PromptRun:
    run = comfy.run(prompt, timeout=120)
    if run.status != "success":
        raise RigError(f"The workflow ended with {run.status}: {run.error or run.refusal}")
    return run


def compose(pictures: Sequence[Image.Image]) -> Image.Image:
    """The pictures in a square, on a dim and blurred detail of the first."""
    ground = cover(pictures[0].convert("RGB"), SIDE).filter(ImageFilter.GaussianBlur(SIDE / 20))
    square = ground.point(lambda value: value * 0.45)
    for picture, box in zip(pictures, arrange([p.width / p.height for p in pictures]), strict=True):
        size = (box[2] - box[0], box[3] - box[1])
        square.paste(picture.convert("RGB").resize(size, Image.Resampling.LANCZOS), box)
    return square


def cover(picture: Image.Image, side: int) -> Image.Image:
    """The middle of a picture, as a square."""
    short = min(picture.size)
    left, top = (picture.width - short) // 2, (picture.height - short) // 2
    return picture.resize((side, side), Image.Resampling.LANCZOS, (left, top, left + short, top + short))


def arrange(ratios: Sequence[float]) -> list[Box]:
    """Where pictures with these ratios of width to height go: in rows, together as large as they can be."""
    return max(map(in_square, rows(ratios)), key=lambda boxes: sum((b[2] - b[0]) * (b[3] - b[1]) for b in boxes))


def rows(ratios: Sequence[float]) -> Iterator[list[Sequence[float]]]:
    """All ways to break a line of pictures into rows."""
    for count in range(len(ratios)):
        for breaks in itertools.combinations(range(1, len(ratios)), count):
            yield [ratios[start:end] for start, end in itertools.pairwise((0, *breaks, len(ratios)))]


def in_square(lines: Sequence[Sequence[float]]) -> list[Box]:
    """Rows as wide as the square, or less where they would be too high together; in its middle."""
    room = SIDE - 2 * MARGIN
    heights = [(room - GAP * (len(line) - 1)) / sum(line) for line in lines]
    scale = min(1.0, (room - GAP * (len(lines) - 1)) / sum(heights))
    heights = [height * scale for height in heights]
    boxes = []
    top = (SIDE - sum(heights) - GAP * (len(lines) - 1)) / 2
    for line, height in zip(lines, heights, strict=True):
        left = (SIDE - sum(line) * height - GAP * (len(line) - 1)) / 2
        for ratio in line:
            boxes.append((round(left), round(top), round(left + ratio * height), round(top + height)))
            left += ratio * height + GAP
        top += height + GAP
    return boxes


def sheet(pictures: Sequence[Image.Image], size: tuple[int, int], columns: int) -> Image.Image:
    """The pictures in rows on white, each brought to this size."""
    across, down = size[0] + SPACE, size[1] + SPACE
    lines = -(-len(pictures) // columns)
    whole = Image.new("RGB", (columns * across - SPACE, lines * down - SPACE), "white")
    for number, picture in enumerate(pictures):
        tile = picture.convert("RGB").resize(size, Image.Resampling.LANCZOS)
        whole.paste(tile, (number % columns * across, number // columns * down))
    return whole


if __name__ == "__main__":
    main()
