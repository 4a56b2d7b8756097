"""Words by which the page's node search finds a node, besides its name."""

from __future__ import annotations

import dataclasses

from comfy_api.latest import io

QWEN = ("qwen", "千問", "千问", "z-image")
WAN = ("wan", "wanx", "萬相", "万相")
TEXT_TO_IMAGE = ("text to image", "t2i", "文生圖", "文生图")
SERVICE = (
    *("model studio", "dashscope", "bailian", "百鍊", "百炼", "tongyi", "通義", "通义"),
    *("alibaba", "aliyun", "阿里雲", "阿里云"),
)


def found_by(*words: str) -> dict[str, list[str]]:
    """A Schema's `search_aliases`; nothing before ComfyUI 0.11, where the unknown field would take the pack down."""
    known = {field.name for field in dataclasses.fields(io.Schema)}
    return {"search_aliases": [*words, *SERVICE]} if "search_aliases" in known else {}
