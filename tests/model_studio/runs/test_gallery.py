"""Pictures come from the store or from their links, in the service's order, and are kept before anyone has them."""

from __future__ import annotations

import asyncio
import io
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from model_studio.account.credentials import ApiKey
from model_studio.account.regions import ApiHost
from model_studio.errors import NoPictures, PictureBroken, PictureExpired, PictureRefused, PictureUnreadable
from model_studio.ledger import DRAWN, SENDING, Asked, Entry, Ledger, Limits, new_entry
from model_studio.ledger.session import LedgerSession, Rules, StoredPictures
from model_studio.runs import gallery
from model_studio.runs.pictures import Picture
from model_studio.service.answers import Drawn
from model_studio.service.client import Client
from model_studio.service.clock import ServiceClock
from model_studio.service.exchange import Answer, Call
from model_studio.waiting import Waiting

HOST, KEY = ApiHost("cn-beijing", "https://dashscope.aliyuncs.com/api/v1"), ApiKey("k", "a test")
LINKS = tuple(f"https://dashscope-result-sh.oss-cn-shanghai.aliyuncs.com/{name}.png?Signature=s" for name in "abcd")


def png(shade: int) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (8, 8), (shade, 0, 0)).save(out, "PNG")
    return out.getvalue()


def shades(pictures: list[Picture]) -> list[int]:
    return [int(picture.pixels[0, 0, 0]) for picture in pictures]


class Links:
    """Stands for the network: what lies behind the links, one body after the other, the last for ever."""

    def __init__(self, *bodies: bytes | list[bytes]) -> None:
        self.bodies = {
            link: list(body) if isinstance(body, list) else [body] for link, body in zip(LINKS, bodies, strict=False)
        }
        self.after: dict[str, str] = {}  # link -> the one that has to come before it
        self.fetched: Counter[str] = Counter()
        self._came = {link: threading.Event() for link in LINKS}

    def __call__(self, call: Call) -> Answer:
        if before := self.after.get(call.url):
            assert self._came[before].wait(10)
        self.fetched[call.url] += 1
        self._came[call.url].set()
        bodies = self.bodies[call.url]
        body = bodies.pop(0) if len(bodies) > 1 else bodies[0]
        return Answer(200, {}, body) if body else Answer(404, {"x-oss-request-id": "r"}, b"")


def client(links: Links) -> Client:
    return Client(HOST, KEY, links, ServiceClock())


@pytest.fixture
def session(tmp_path: Path, waiting: Waiting) -> LedgerSession:
    rules = Rules(reuse=True, store_limit=10**6, store_days=None)
    return LedgerSession(Ledger(tmp_path / "ledger"), rules, waiting)


def record(session: LedgerSession, count: int, stored: dict[int, bytes] | None = None) -> Entry:
    """A record of so many pictures, of which some are stored."""
    ledger = session.ledger
    entry = ledger.begin(new_entry(Asked("account", "cn-beijing", n=count), SENDING, ledger.now()))
    entry = ledger.update(entry, state=DRAWN, drawn=Drawn(LINKS[:count]))
    for number, content in (stored or {}).items():
        ledger.keep(entry, number, content, Limits(10**6))
    return ledger.recent(1)[0]


def fetch(session: LedgerSession, entry: Entry, links: Links, waiting: Waiting) -> tuple[list[Picture], list[str]]:
    store = StoredPictures(session, entry)
    fetched = asyncio.run(gallery.fetch(client(links), entry.drawn, waiting, store))
    return fetched.pictures, fetched.notes


def on_shelf(session: LedgerSession) -> dict[int, bytes | None]:
    return {number: session.ledger.store.read(file) for number, file in session.ledger.recent(1)[0].files.items()}


# The store


def test_stored_pictures_are_not_fetched(session: LedgerSession, waiting: Waiting) -> None:
    links = Links(b"", b"", b"")
    got, notes = fetch(session, record(session, 3, {n: png(n + 1) for n in (2, 0, 1)}), links, waiting)
    assert shades(got) == [1, 2, 3] and notes == [] and not links.fetched


def test_only_what_is_missing_is_fetched(session: LedgerSession, waiting: Waiting) -> None:
    links = Links(png(10), png(20), png(30))
    got, _ = fetch(session, record(session, 3, {1: png(2)}), links, waiting)
    assert shades(got) == [10, 2, 30]
    assert links.fetched == {LINKS[0]: 1, LINKS[2]: 1}
    assert on_shelf(session) == {0: png(10), 1: png(2), 2: png(30)}


@pytest.mark.parametrize(
    "damaged", [b"", png(1)[:-20], b"<html>", png(1).replace(b"IDAT", b"IDAT\0")], ids=["empty", "cut", "page", "data"]
)
def test_a_damaged_stored_picture_is_fetched_again(session: LedgerSession, waiting: Waiting, damaged: bytes) -> None:
    entry = record(session, 1, {0: png(1)})
    (session.ledger.store.folder / entry.files[0].name).write_bytes(damaged)
    links = Links(png(10))
    got, notes = fetch(session, entry, links, waiting)
    assert shades(got) == [10] and notes == []
    assert on_shelf(session) == {0: png(10)}
    fetch(session, session.ledger.recent(1)[0], links, waiting)
    assert links.fetched == {LINKS[0]: 1}


def test_a_stored_file_that_is_gone_is_fetched_again(session: LedgerSession, waiting: Waiting) -> None:
    entry = record(session, 1, {0: png(1)})
    session.ledger.store.delete(file.name for file in entry.files.values())
    got, _ = fetch(session, entry, Links(png(10)), waiting)
    assert shades(got) == [10] and on_shelf(session) == {0: png(10)}


class Slow(StoredPictures):
    """Looks up, when it has a picture at last, who has it already."""

    returned = False
    was_first = True

    async def put(self, number: int, content: bytes) -> None:
        for _ in range(20):
            await asyncio.sleep(0)
        self.was_first = not self.returned
        await super().put(number, content)


def test_pictures_are_kept_before_anyone_has_them(session: LedgerSession, waiting: Waiting) -> None:
    entry = record(session, 2)
    store = Slow(session, entry)

    async def run() -> dict[int, bytes | None]:
        await gallery.fetch(client(Links(png(1), png(2))), entry.drawn, waiting, store)
        store.returned = True
        return on_shelf(session)  # at this very moment

    assert asyncio.run(run()) == {0: png(1), 1: png(2)}
    assert store.was_first and store.downloads == 2


def test_the_bytes_are_kept_as_they_came(session: LedgerSession, waiting: Waiting) -> None:
    out = io.BytesIO()
    Image.fromarray(np.arange(192, dtype=np.uint8).reshape(8, 8, 3)).save(out, "WEBP", quality=50)
    fetch(session, record(session, 1), Links(out.getvalue()), waiting)
    assert on_shelf(session) == {0: out.getvalue()}


def test_what_is_no_picture_is_not_kept(session: LedgerSession, waiting: Waiting) -> None:
    with pytest.raises(PictureBroken):
        fetch(session, record(session, 1), Links(b"<html>"), waiting)
    assert on_shelf(session) == {}


def test_a_picture_of_a_kind_that_cannot_be_opened_is_kept_for_a_time_when_it_can(
    session: LedgerSession, waiting: Waiting, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its link works for a day only; Pillow may be updated later."""
    out = io.BytesIO()
    Image.new("RGB", (8, 8)).save(out, "AVIF")
    links = Links(out.getvalue(), png(2))
    entry = record(session, 2)
    with monkeypatch.context() as old_pillow:
        old_pillow.delitem(Image.SAVE, "AVIF")
        for _ in range(2):
            got, notes = fetch(session, entry, links, waiting)
            assert shades(got) == [2] and notes[0].startswith("A picture is missing: The file of a finished picture")
            entry = session.ledger.recent(1)[0]
        with pytest.raises(PictureUnreadable, match="pip install --upgrade pillow"):
            fetch(session, record(session, 1, {0: out.getvalue()}), links, waiting)
    got, notes = fetch(session, entry, links, waiting)
    assert [picture.size for picture in got] == ["8*8", "8*8"] and notes == []
    assert links.fetched == {LINKS[0]: 1, LINKS[1]: 1}
    assert entry.files[0].name.endswith(".avif")


def test_pictures_come_even_where_none_can_be_kept(session: LedgerSession, waiting: Waiting) -> None:
    entry = record(session, 2)
    session.ledger.store.folder.touch()
    got, notes = fetch(session, entry, Links(png(1), png(2)), waiting)
    assert shades(got) == [1, 2] and notes == []
    assert session.notes == ["Nothing is kept, since the ledger cannot be used: File exists."]


# The links


def test_pictures_are_fetched_together_and_keep_their_order(session: LedgerSession, waiting: Waiting) -> None:
    links = Links(png(1), png(2), png(3))
    links.after = {LINKS[0]: LINKS[1], LINKS[1]: LINKS[2]}
    got, _ = fetch(session, record(session, 3), links, waiting)
    assert shades(got) == [1, 2, 3]


def test_a_picture_damaged_on_its_way_is_fetched_twice(session: LedgerSession, waiting: Waiting) -> None:
    links = Links([png(1)[:-20], png(2)])
    got, notes = fetch(session, record(session, 1), links, waiting)
    assert shades(got) == [2] and notes == [] and on_shelf(session) == {0: png(2)}
    links = Links([png(1)[:-20], png(1)[:-20], png(2)])
    with pytest.raises(PictureBroken):
        fetch(session, record(session, 1), links, waiting)
    assert links.fetched[LINKS[0]] == 2


def test_pictures_that_are_lost_are_told(session: LedgerSession, waiting: Waiting) -> None:
    got, notes = fetch(session, record(session, 3), Links(png(1), b"", png(3)), waiting)
    assert shades(got) == [1, 3] and on_shelf(session) == {0: png(1), 2: png(3)}
    (note,) = notes
    assert note.startswith("A picture was lost: ") and "Signature" not in note


def gif() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (8, 8)).save(out, "GIF")
    return out.getvalue()


@pytest.mark.parametrize(
    ("second", "may_come"), [(png(2), False), (b"", True), (png(2)[:-20], True), (b"<html>", True), (gif(), False)]
)
def test_whether_another_run_may_bring_more(
    session: LedgerSession, waiting: Waiting, second: bytes, may_come: bool
) -> None:
    entry = record(session, 2)
    drawn = Drawn(entry.drawn.links, failures=("InternalError: no",))  # which is free, and final
    store = StoredPictures(session, entry)
    fetched = asyncio.run(gallery.fetch(client(Links(png(1), second)), drawn, waiting, store))
    assert fetched.may_come == may_come


def test_when_none_arrives_the_first_ones_error_counts(session: LedgerSession, waiting: Waiting) -> None:
    with pytest.raises(PictureExpired):
        fetch(session, record(session, 2), Links(b"", b"<html>"), waiting)
    with pytest.raises(PictureBroken):
        fetch(session, record(session, 2), Links(b"<html>", b""), waiting)


def test_links_that_lead_elsewhere_are_not_followed(session: LedgerSession, waiting: Waiting) -> None:
    links = Links(png(1))
    drawn = Drawn((LINKS[0], "https://evil.example/a.png"))
    store = StoredPictures(session, record(session, 2))
    fetched = asyncio.run(gallery.fetch(client(links), drawn, waiting, store))
    got, notes = fetched.pictures, fetched.notes
    assert shades(got) == [1] and "evil.example" in notes[0] and links.fetched == {LINKS[0]: 1}
    with pytest.raises(PictureRefused):
        asyncio.run(
            gallery.fetch(client(links), Drawn(drawn.links[1:]), waiting, StoredPictures(session, record(session, 1)))
        )


def test_what_was_not_drawn_comes_first_in_the_notes(session: LedgerSession, waiting: Waiting) -> None:
    drawn = Drawn(LINKS[:2], failures=("InternalError: no", "DataInspectionFailed: no"))
    store = StoredPictures(session, record(session, 2))
    notes = asyncio.run(gallery.fetch(client(Links(png(1), b"")), drawn, waiting, store)).notes
    assert notes[:2] == [
        "A picture was not drawn: InternalError: no.",
        "A picture was not drawn: DataInspectionFailed: no.",
    ]
    assert notes[2].startswith("A picture was lost: ")


def test_links_that_were_left_out_are_told(session: LedgerSession, waiting: Waiting) -> None:
    entry = session.ledger.update(record(session, 1), drawn=Drawn(LINKS[:1], more=1976))
    (entry,) = session.ledger.recent(1)
    notes = fetch(session, entry, Links(png(1)), waiting)[1]
    assert notes == ["The service gave 1976 links more than any set of pictures has; they were not fetched."]


def test_what_is_odd_about_several_pictures_is_told_once(session: LedgerSession, waiting: Waiting) -> None:
    out = io.BytesIO()
    Image.new("RGBA", (8, 8), (1, 2, 3, 4)).save(out, "PNG")
    entry = record(session, 2, {0: out.getvalue()})
    assert fetch(session, entry, Links(b"", out.getvalue()), waiting)[1] == [
        "A picture has transparent parts, which are in mask: Join Image with Alpha puts images and mask together."
    ]


@pytest.mark.parametrize(
    ("drawn", "text"),
    [
        (Drawn(), "It may be billed"),
        (Drawn(failures=("InternalError: no", "InternalError: no")), "drew no picture: InternalError: no. Failed"),
    ],
)
def test_nothing_was_drawn(session: LedgerSession, waiting: Waiting, drawn: Drawn, text: str) -> None:
    with pytest.raises(NoPictures) as caught:
        asyncio.run(gallery.fetch(client(Links()), drawn, waiting, StoredPictures(session, record(session, 1))))
    assert text in str(caught.value)


def test_downloads_are_counted_and_stored_pictures_are_not(session: LedgerSession, clock: Any) -> None:
    shown: list[str] = []
    waiting = Waiting(300, show=lambda text, fraction: shown.append(text), clock=clock)
    fetch(session, record(session, 3, {0: png(1)}), Links(b"", png(2), png(3)), waiting)
    assert shown == ["downloading 0/3", "downloading 1/3", "downloading 2/3"]


def test_the_time_for_downloads_does_not_depend_on_the_drawing(session: LedgerSession, clock: Any) -> None:
    waiting = Waiting(300, clock=clock)
    clock.time += 299.9
    fetch(session, record(session, 1), Links(png(1)), waiting)
    assert waiting.deadline == pytest.approx(clock.time + gallery.PATIENCE, abs=1)
