"""The pictures of the help pages can be taken anew."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from PIL import Image
from playwright.sync_api import Page

from rig import screenshots
from rig.comfyui import ComfyUI


@pytest.mark.parametrize(("node_id", "pictures"), [("ModelStudioPromptList", 3), ("ModelStudioTaskPoller", 1)])
def test_a_node_is_shown_with_what_it_drew(
    open_page: Callable[..., Page], comfy: ComfyUI, node_id: str, pictures: int
) -> None:
    page = open_page("zh-TW")
    png = screenshots.take(page, comfy, node_id, "zh-TW")
    assert page.evaluate("() => app.graph.nodes.at(-1).imgs.length") == pictures
    with Image.open(io.BytesIO(png)) as picture:
        width, height = picture.size
    assert width > 240 * len(screenshots.GRAPHS[node_id]) and height > 250
