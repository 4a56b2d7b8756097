"""What the page's panel is told of the ledger: enough for a row, nothing that opens an account or a picture."""

from __future__ import annotations

import asyncio
import io
import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from model_studio.errors import ConfigurationError
from model_studio.ledger import (
    DRAWN,
    FAILED,
    LOST,
    SENDING,
    SUBMITTED,
    UNCERTAIN,
    Asked,
    Entry,
    Ledger,
    Limits,
    new_entry,
)
from model_studio.page import overview
from model_studio.page.overview import Terms
from model_studio.runs.leftovers import LIFETIME
from model_studio.service.answers import Drawn
from model_studio.studio import Studio
from model_studio.waiting import Waiting
from tests.model_studio.asking import ask

NOW = 1_790_000_000.5
KEY = "sk-planted-0123456789"
LINK = "https://dashscope-result-bj.oss-cn-beijing.aliyuncs.com/a.png?Expires=1&OSSAccessKeyId=LTAI&Signature=planted"
ORDER = Asked("account", "cn-beijing", "print", "wan2.2-t2i-flash", "a boat", "512*512", 2, 7, True, (0.14, "CNY"))


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "planted-folder", lambda: NOW)


def write(ledger: Ledger, asked: Asked = ORDER, **values: Any) -> Entry:
    return ledger.update(replace(new_entry(asked, SENDING, NOW), **values))


def picture(
    size: tuple[int, int] = (400, 200), kind: str = "PNG", color: Any = (200, 100, 50), mode: str = "RGB"
) -> bytes:
    out = io.BytesIO()
    Image.new(mode, size, color).save(out, kind)
    return out.getvalue()


def records(ledger: Ledger, reuse: bool = True) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = overview.page(ledger, Terms({}, reuse), 100, None, "")["records"]
    return listed


def test_a_record_as_the_panel_shows_it(ledger: Ledger) -> None:
    entry = write(ledger, task_id="t-1", state=DRAWN, drawn=Drawn((LINK, LINK)), billed=2)
    ledger.keep(entry, 1, picture(), Limits(10**6))
    assert records(ledger) == [
        {
            "id": 1,
            "when": NOW,
            "model": "wan2.2-t2i-flash",
            "region": "cn-beijing",
            "prompt": "a boat",
            "size": "512*512",
            "n": 2,
            "seed": 7,
            "state": "ready",
            "why": "",
            "cost": {"amount": 0.28, "currency": "CNY"},
            "task_id": "t-1",
            "pictures": 2,
            "thumbnails": [1],
            "again": "poller",
        }
    ]


def test_a_task_that_was_created_elsewhere(ledger: Ledger) -> None:
    ledger.found(new_entry(Asked("account", "us-east-1"), SUBMITTED, NOW, "t-1"))
    (record,) = records(ledger)
    assert (record["model"], record["prompt"], record["size"], record["n"], record["cost"]) == (None, "", None, 0, None)


def test_nothing_is_told_that_opens_anything(ledger: Ledger, tmp_path: Path) -> None:
    asked = replace(ORDER, account=ledger.account(KEY))
    drawn = Drawn((LINK,), used_prompts=("planted rewritten prompt",), failures=(f"planted failure {LINK}",))
    entry = write(ledger, asked, task_id="t-1", state=DRAWN, drawn=drawn, request_id="planted-request")
    ledger.keep(entry, 0, picture(), Limits(10**6))
    told = json.dumps(overview.page(ledger, Terms({"CNY": Decimal(1)}, True), 100, None, ""))
    (file,) = (file.name for file in ledger.store.folder.iterdir())
    for secret in (
        KEY,
        asked.account,
        ledger.database.salt,
        str(tmp_path),
        entry.name,
        file,
        "planted",
        "https:",
        "LTAI",
    ):
        assert secret not in told


def test_prompts_are_one_short_line(ledger: Ledger) -> None:
    for prompt in (" a\n\nboat\t", "紙" * 300, "紙" * 301, "<b>'\"&amp;"):
        write(ledger, replace(ORDER, prompt=prompt))
    assert [record["prompt"] for record in records(ledger)][::-1] == [
        "a boat",
        "紙" * 300,
        "紙" * 299 + "…",
        "<b>'\"&amp;",
    ]


SYNC: dict[str, Any] = {"task_id": None}
TASK: dict[str, Any] = {"task_id": "t-1"}
OLD = NOW - LIFETIME - 1


@pytest.mark.parametrize(
    ("values", "stored", "state", "again"),
    [
        (TASK | {"state": SUBMITTED}, False, "submitted", "poller"),
        (TASK | {"state": SUBMITTED, "created": OLD}, False, "expired", None),
        (TASK | {"state": DRAWN}, False, "ready", "poller"),
        (TASK | {"state": DRAWN, "created": OLD}, False, "drawn", None),
        (TASK | {"state": DRAWN, "created": OLD}, True, "stored", "poller"),
        (TASK | {"state": LOST}, False, "lost", None),
        (TASK | {"state": LOST}, True, "stored", "poller"),
        (TASK | {"state": FAILED, "billed": 0}, False, "failed", None),
        (SYNC | {"state": SENDING}, False, "sending", None),
        (SYNC | {"state": UNCERTAIN}, False, "uncertain", None),
        (SYNC | {"state": DRAWN}, False, "drawn", None),
        (SYNC | {"state": DRAWN, "created": OLD}, True, "stored", "node"),
    ],
)
def test_states_and_how_pictures_can_be_had_again(
    ledger: Ledger, values: dict[str, Any], stored: bool, state: str, again: str | None
) -> None:
    entry = write(ledger, drawn=Drawn((LINK,)), **values)
    if stored:
        ledger.keep(entry, 0, picture(), Limits(10**6))
    (record,) = records(ledger)
    assert (record["state"], record["again"]) == (state, again)
    assert (record["cost"] is None) == (state == "failed")


def test_without_reuse_nothing_comes_from_the_store(ledger: Ledger) -> None:
    for values in (SYNC, TASK, {"task_id": "t-2", "created": OLD}):
        ledger.keep(write(ledger, state=DRAWN, drawn=Drawn((LINK,)), **values), 0, picture(), Limits(10**6))
    assert [record["again"] for record in records(ledger, reuse=True)] == ["poller", "poller", "node"]
    assert [record["again"] for record in records(ledger, reuse=False)] == [None, "poller", None]


def test_pages_tell_whether_there_are_more(ledger: Ledger) -> None:
    entries = [write(ledger) for _ in range(4)]

    def page(before: int | None, search: str = "") -> tuple[list[int], bool]:
        told = overview.page(ledger, Terms({}, True), 2, before, search)
        return [record["id"] for record in told["records"]], told["more"]

    assert page(None) == ([4, 3], True)
    assert page(3) == ([2, 1], False)
    assert page(1) == ([], False)
    assert page(None, "no such") == ([], False)
    assert page(entries[3].id, "BOAT") == ([3, 2], True)


def test_todays_sums_and_budgets(ledger: Ledger) -> None:
    write(ledger)
    write(ledger, replace(ORDER, price=(0.075, "USD")), billed=1)
    write(ledger, state=FAILED, billed=0)
    told = overview.page(ledger, Terms({"CNY": Decimal("20.5")}, True), 1, None, "")
    assert (told["spent"], told["budget"]) == ({"CNY": 0.28, "USD": 0.075}, {"CNY": 20.5})
    assert overview.page(ledger, Terms({}, True), 1, None, "")["budget"] is None


def test_a_sum_that_was_lost_is_not_zero(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.database.file.write_bytes(b"no database" * 1000)
    told = overview.page(ledger, Terms({"CNY": Decimal(20)}, True), 1, None, "")
    assert (told["spent"], told["budget"]) == (None, {"CNY": 20})


# Thumbnails


def thumbnail(ledger: Ledger, content: bytes) -> Image.Image | None:
    entry = write(ledger, state=DRAWN, drawn=Drawn((LINK,)))
    ledger.keep(entry, 0, content, Limits(10**8))
    assert entry.id
    made = overview.thumbnail(ledger, entry.id, 0)
    return Image.open(io.BytesIO(made)) if made else None


@pytest.mark.parametrize(
    ("content", "size", "color"),
    [
        (picture((400, 200)), (192, 96), (200, 100, 50)),
        (picture((300, 900), "JPEG"), (64, 192), (200, 100, 50)),
        (picture((100, 50), "WEBP"), (100, 50), (200, 100, 50)),
        (picture((2000, 1)), (192, 1), (200, 100, 50)),
        (picture(mode="I;16", color=0x8001), (192, 96), (128, 128, 128)),
    ],
)
def test_a_thumbnail_is_a_small_jpeg(ledger: Ledger, content: bytes, size: Any, color: Any) -> None:
    image = thumbnail(ledger, content)
    assert image and (image.format, image.size) == ("JPEG", size)
    assert (abs(np.asarray(image).astype(int) - color) <= 6).all()


def test_what_is_transparent_is_seen_on_squares(ledger: Ledger) -> None:
    image = thumbnail(ledger, picture(mode="RGBA", color=(0, 0, 0, 0)))
    assert image
    grey = np.asarray(image.convert("L")).astype(int)
    assert grey.min() > 180 and (grey < 225).mean() > 0.3 and (grey > 235).mean() > 0.3


@pytest.mark.parametrize("content", [b"", b"<html>", picture()[:-20], picture()[:60] + b"\0" * 99 + picture()[60:]])
def test_a_damaged_picture_has_none(ledger: Ledger, content: bytes) -> None:
    assert thumbnail(ledger, content) is None


def test_no_picture_has_none(ledger: Ledger) -> None:
    assert overview.thumbnail(ledger, 1, 0) is None


# For callers


def test_a_studio_tells_of_what_it_drew(studio: Studio, environ: dict[str, str], waiting: Waiting) -> None:
    environ["MODEL_STUDIO_DAILY_BUDGET"] = "CNY 20"
    asyncio.run(studio.generate(ask("wan2.2-t2i-flash", n=2), waiting))
    told = asyncio.run(studio.records(10))
    (record,) = told["records"]
    assert (record["state"], record["again"], record["thumbnails"]) == ("stored", "poller", [0, 1])
    assert told["budget"] == {"CNY": 20} and told["spent"] == {"CNY": record["cost"]["amount"]}
    assert asyncio.run(studio.thumbnail(record["id"], 1))
    environ["MODEL_STUDIO_DAILY_BUDGET"] = "20"
    with pytest.raises(ConfigurationError, match="MODEL_STUDIO_DAILY_BUDGET"):
        asyncio.run(studio.records(10))
