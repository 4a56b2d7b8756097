"""Pictures on the disk: whole or not there, never more than allowed, and none that the ledger does not know."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model_studio.ledger import SENDING, Asked, Entry, Ledger, Limits, new_entry
from model_studio.ledger.store import DAY, Store, StoredFile
from model_studio.service.answers import Drawn

PNG = b"\x89PNG\r\n\x1a\n"
ROOMY = 10**9


def begin(ledger: Ledger, **asked: Any) -> Entry:
    return ledger.begin(new_entry(Asked("account", "cn-beijing", **asked), SENDING, ledger.now()))


def keep(ledger: Ledger, size: int, limit: int = ROOMY, days: float | None = None) -> str:
    """Keeps a picture of a new record; its file."""
    entry = begin(ledger)
    ledger.keep(entry, 0, PNG.ljust(size, b"\0"), Limits(limit, days, ledger.now()))
    return f"{entry.name}-0.png"


def on_disk(ledger: Ledger) -> dict[str, int]:
    return {file.name: file.stat().st_size for file in ledger.store.folder.glob("*")}


def in_table(ledger: Ledger) -> dict[str, int]:
    with ledger.database.transaction(write=False) as connection:
        return dict(tuple(row) for row in connection.execute("SELECT file, bytes FROM pictures"))


# Files


@pytest.fixture
def store(folder: Path) -> Store:
    return Store(folder / "pictures")


def names(store: Store) -> list[str]:
    return sorted(file.name for file in store.folder.iterdir())


@pytest.mark.parametrize(
    ("content", "file"),
    [
        (PNG + b"rest", "a.png"),
        (b"\xff\xd8\xff\xe0rest", "a.jpg"),
        (b"RIFF\4\0\0\0WEBP", "a.webp"),
        (b"something", "a.bin"),
        (b"", "a.bin"),
    ],
)
def test_the_bytes_come_back_as_they_were(store: Store, content: bytes, file: str) -> None:
    written = store.write("a", content)
    assert written.name == file
    assert store.read(written) == content and names(store) == [file]


def test_the_last_one_of_a_name_counts(store: Store) -> None:
    store.write("a", PNG + b"first")
    store.write("a", PNG + b"second")
    assert store.read(StoredFile("a.png")) == PNG + b"second" and names(store) == ["a.png"]


@pytest.mark.skipif(os.name != "posix", reason="rights of POSIX")
def test_only_the_owner_sees_them(store: Store) -> None:
    before = os.umask(0)
    try:
        file = store.folder / store.write("a", PNG).name
    finally:
        os.umask(before)
    assert file.stat().st_mode & 0o077 == 0


def test_what_is_not_there_is_none(store: Store) -> None:
    assert store.read(StoredFile("a.png")) is None
    store.write("a", PNG)
    (store.folder / "b.png").mkdir()
    assert store.read(StoredFile("b.png")) is None
    store.delete(["a.png", "a.png", "b.png", "c.png"])  # who cannot go, stays
    assert names(store) == ["b.png"]


def test_what_cannot_be_written_leaves_nothing(store: Store) -> None:
    store.folder.mkdir(parents=True)
    (store.folder / "a.png").mkdir()
    with pytest.raises(OSError):
        store.write("a", PNG)
    assert names(store) == ["a.png"]


def test_no_place_for_pictures(tmp_path: Path) -> None:
    (tmp_path / "taken").touch()
    with pytest.raises(OSError):
        Store(tmp_path / "taken").write("a", PNG)


@pytest.mark.skipif(os.name != "posix", reason="limits of POSIX")
def test_a_full_disk_leaves_no_half_file(other_process: Callable[..., Any], store: Store) -> None:
    process = other_process(
        """
import resource, signal
from model_studio.ledger.store import Store
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
store = Store(Path(args[0]))
store.write("a", b"old" * 1000)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
try:
    store.write("a", b"new" * 100_000)
except OSError:
    say("no room")
""",
        store.folder,
    )
    assert process.told() == "no room"
    process.end()
    assert names(store) == ["a.bin"] and store.read(StoredFile("a.bin")) == b"old" * 1000


@pytest.mark.parametrize("looks", [30, 100])
def test_nobody_sees_a_half_file_nor_leaves_one_when_killed(
    other_process: Callable[..., Any], store: Store, looks: int
) -> None:
    process = other_process(
        """
from model_studio.ledger.store import Store
store = Store(Path(args[0]))
store.write("a", b"0" * 4_000_000)
say("writing")
while True:
    for letter in b"12":
        store.write("a", bytes([letter]) * 4_000_000)
""",
        store.folder,
    )

    def is_whole() -> bool:
        content = store.read(StoredFile("a.bin"))
        return content is not None and len(content) == 4_000_000 == content.count(content[:1])

    assert process.told() == "writing"
    assert all(is_whole() for _ in range(looks))
    process.kill()
    assert is_whole()
    assert all(name == "a.bin" or name.endswith(".part") for name in names(store))


def test_only_what_was_left_behind_is_swept(store: Store) -> None:
    store.sweep(set())  # not even a folder yet
    store.write("known", PNG)
    for name, weeks in (("known.png", 99), ("orphan.png", 1.1), ("old.part", 1.1), ("new.part", 0.9), ("new.png", 0.9)):
        (store.folder / name).touch()
        then = time.time() - weeks * 7 * DAY
        os.utime(store.folder / name, (then, then))
    store.sweep({"known.png"})
    assert names(store) == ["known.png", "new.part", "new.png"]


# The limits


def test_names_of_files_tell_nothing_of_the_request(ledger: Ledger, folder: Path) -> None:
    secrets = {"fingerprint": "f1f2f3f4", "prompt": "a paper boat", "model": "wan2.2", "size": "512*512"}
    entry = begin(ledger, **secrets, seed=424242)
    ledger.keep(entry, 3, PNG, Limits(ROOMY))
    (file,) = on_disk(ledger)
    assert re.fullmatch(r"\d{8}-\d{6}-[0-9a-f]{12}-3\.png", file)
    every_name = " ".join(str(path.relative_to(folder)) for path in folder.rglob("*"))
    assert not any(word in every_name for word in (*secrets.values(), "424242", "account", "cn-beijing"))


def test_kept_pictures_are_known_by_their_place(ledger: Ledger) -> None:
    entry = begin(ledger)
    for number in (2, 0):
        ledger.keep(entry, number, PNG + bytes([number]), Limits(ROOMY))
    (known,) = ledger.recent(1)
    assert {number: ledger.store.read(file) for number, file in known.files.items()} == {0: PNG + b"\0", 2: PNG + b"\2"}
    assert ledger.stored_bytes() == 18


def test_the_oldest_go_first(ledger: Ledger, now: Any) -> None:
    files = []
    for _ in range(5):
        now.time += 1
        files.append(keep(ledger, 30, limit=100))
        assert list(in_table(ledger)) == files[-3:]
        assert on_disk(ledger) == in_table(ledger)


def test_as_many_go_as_must(ledger: Ledger, now: Any) -> None:
    files = []
    for size in (20, 20, 20, 40, 50):
        now.time += 1
        files.append(keep(ledger, size, limit=100))
    assert set(on_disk(ledger)) == set(files[-2:])  # 90 of 100; the three before would be 110


def test_what_just_fits_stays(ledger: Ledger) -> None:
    files = {keep(ledger, 50, limit=100) for _ in range(2)}
    assert set(on_disk(ledger)) == files and ledger.stored_bytes() == 100


def test_a_picture_larger_than_the_limit_is_not_kept_and_drives_none_out(ledger: Ledger) -> None:
    keep(ledger, 60, limit=100)
    keep(ledger, 101, limit=100)
    assert list(on_disk(ledger).values()) == list(in_table(ledger).values()) == [60]


@pytest.mark.parametrize(("count", "kept"), [(3, 3), (4, 0)])
def test_a_batch_larger_than_the_limit_drives_none_out(ledger: Ledger, now: Any, count: int, kept: int) -> None:
    first = keep(ledger, 80, limit=100)
    now.time += 1
    batch = ledger.update(begin(ledger), drawn=Drawn(("link",) * count))
    for number in range(count):
        ledger.keep(batch, number, PNG.ljust(30), Limits(100))
    assert on_disk(ledger) == in_table(ledger)
    assert (first in on_disk(ledger), len(in_table(ledger))) == ((False, 3) if kept else (True, 1))


def test_of_a_batch_larger_than_the_limit_stays_what_fits(ledger: Ledger) -> None:
    batch = ledger.update(begin(ledger), drawn=Drawn(("link",) * 4))
    for number in range(4):
        ledger.keep(batch, number, PNG.ljust(30), Limits(100))
    (known,) = ledger.recent(1)
    assert list(known.files) == [0, 1, 2] and on_disk(ledger) == in_table(ledger)


def test_a_stored_picture_that_comes_again_and_has_no_room_is_gone(ledger: Ledger) -> None:
    batch = ledger.update(begin(ledger), drawn=Drawn(("link",) * 2))
    for size in (40, 90):
        ledger.keep(batch, 0, PNG.ljust(size), Limits(100))
        if size == 40:
            ledger.keep(batch, 1, PNG.ljust(40), Limits(100))
    assert list(on_disk(ledger)) == list(in_table(ledger)) == [f"{batch.name}-1.png"]


def test_another_picture_in_its_place_is_noticed(ledger: Ledger) -> None:
    entry = begin(ledger)
    ledger.keep(entry, 0, PNG + b"ours", Limits(ROOMY))
    (known,) = ledger.recent(1)
    assert known.id and ledger.picture(known.id, 0) == ledger.store.read(known.files[0]) == PNG + b"ours"
    (ledger.store.folder / known.files[0].name).write_bytes(PNG + b"another's")
    assert ledger.picture(known.id, 0) is ledger.store.read(known.files[0]) is None
    with ledger.database.transaction() as connection:  # as versions without digests left it
        connection.execute("DELETE FROM digests")
    (known,) = ledger.recent(1)
    assert known.id and ledger.picture(known.id, 0) == ledger.store.read(known.files[0]) == PNG + b"another's"


def test_a_picture_that_comes_again_as_another_kind_leaves_one_file(ledger: Ledger) -> None:
    entry = begin(ledger)
    ledger.keep(entry, 0, PNG, Limits(ROOMY))
    ledger.keep(entry, 0, b"\xff\xd8\xff\xe0rest", Limits(ROOMY))
    assert list(on_disk(ledger)) == list(in_table(ledger)) == [f"{entry.name}-0.jpg"]


def test_the_old_go_with_the_days(ledger: Ledger, now: Any) -> None:
    start = now.time
    first = keep(ledger, 10, days=2)
    now.time = start + DAY
    second = keep(ledger, 10, days=2)
    now.time = start + 2 * DAY
    third = keep(ledger, 10, days=2)
    assert set(on_disk(ledger)) == {first, second, third}
    now.time = start + 3 * DAY + 1
    fourth = keep(ledger, 10, days=2)
    assert set(on_disk(ledger)) == set(in_table(ledger)) == {third, fourth}


@pytest.mark.parametrize("trusted", [False, True])
def test_a_wrong_clock_makes_nothing_old(ledger: Ledger, now: Any, trusted: bool) -> None:
    """Only a time that can be trusted does, and that is the one that pictures are stored with."""
    real, entry = now.time, begin(ledger)
    first = keep(ledger, 10, days=90)
    now.time += 91 * DAY
    ledger.tidy(ROOMY)
    ledger.keep(entry, 0, PNG, Limits(ROOMY, 90, real if trusted else None))
    assert set(on_disk(ledger)) == {first, f"{entry.name}-0.png"}
    now.time = real
    keep(ledger, 10, days=90)
    assert len(on_disk(ledger)) == 3


def test_without_days_nothing_is_too_old(ledger: Ledger, now: Any) -> None:
    first = keep(ledger, 10)
    now.time += 10_000 * DAY
    second = keep(ledger, 10)
    assert set(on_disk(ledger)) == {first, second}


def test_pictures_of_a_request_go_together(ledger: Ledger, now: Any) -> None:
    """A part of them would be given out again and again, and never the rest."""
    old, young = begin(ledger), begin(ledger)
    for number, entry in enumerate((old, old, young, old, young)):
        now.time += 1
        ledger.keep(entry, number, PNG.ljust(40), Limits(170))
    by_name = {entry.name: list(entry.files) for entry in ledger.recent(2)}
    assert by_name == {old.name: [], young.name: [2, 4]}


def test_a_picture_kept_again_is_young_again(ledger: Ledger, now: Any) -> None:
    first, second = begin(ledger), begin(ledger)
    for entry in (first, second, first):
        now.time += 1
        ledger.keep(entry, 0, PNG.ljust(50), Limits(100))
    assert ledger.stored_bytes() == 100
    third = keep(ledger, 50, limit=100)
    assert set(on_disk(ledger)) == {f"{first.name}-0.png", third}


def test_tidying_keeps_to_new_limits(ledger: Ledger, now: Any) -> None:
    files = []
    for _ in range(3):
        now.time += DAY
        files.append(keep(ledger, 30))
    ledger.tidy(60)
    assert set(on_disk(ledger)) == set(in_table(ledger)) == set(files[1:])
    ledger.tidy(0)
    assert on_disk(ledger) == in_table(ledger) == {}


def test_tidying_sweeps_up(ledger: Ledger, folder: Path) -> None:
    keep(ledger, 10)
    with suppress(ValueError), ledger.claims.attempt("print"):
        raise ValueError
    left = [ledger.store.folder / "tmp.part", folder / "claims" / "print.lock"]
    for file in left:
        file.touch()
        os.utime(file, (0, 0))
    ledger.tidy(ROOMY)
    assert not any(file.exists() for file in left) and len(on_disk(ledger)) == 1


steps = st.tuples(
    st.integers(0, 3),  # which record
    st.integers(0, 1),  # which of its pictures
    st.integers(len(PNG), 60),  # bytes
    st.sampled_from([0, 1, DAY, 2.5 * DAY, -1]),  # seconds later
)


@settings(max_examples=30)  # of up to a dozen writes to the disk
@given(
    steps=st.lists(steps, min_size=1, max_size=12),
    limit=st.integers(1, 150),
    days=st.none() | st.sampled_from([0.5, 1, 3]),
)
def test_whatever_is_kept_the_store_keeps_to_its_limits(
    tmp_path_factory: pytest.TempPathFactory,
    steps: list[tuple[int, int, int, float]],
    limit: int,
    days: float | None,
) -> None:
    clock = [1_790_000_000.0]
    ledger = Ledger(tmp_path_factory.mktemp("store"), lambda: clock[0])
    entries = [begin(ledger) for _ in range(4)]
    stored: dict[str, float] = {}
    for record, number, size, later in steps:
        clock[0] += later
        ledger.keep(entries[record], number, PNG.ljust(size), Limits(limit, days, clock[0]))
        if size <= limit:
            stored[entries[record].name] = clock[0]
        assert sum(in_table(ledger).values()) == ledger.stored_bytes() <= limit
        assert on_disk(ledger) == in_table(ledger)
        left = {file.rpartition("-")[0] for file in on_disk(ledger)}
        stored = {name: when for name, when in stored.items() if name in left}
        assert size > limit or days is None or min(stored.values(), default=clock[0]) >= clock[0] - days * DAY


@pytest.mark.parametrize("shared", [True, False])
def test_threads_keep_to_the_limit_together(folder: Path, shared: bool) -> None:
    one = Ledger(folder)

    def work(number: int) -> None:
        ledger = one if shared else Ledger(folder)
        for _ in range(5):
            keep(ledger, 30, limit=200)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    assert on_disk(one) == in_table(one) and len(on_disk(one)) == 6


@pytest.mark.parametrize(("own", "services", "left"), [(0, 91, 2), (91, 0, 2), (91, 91, 1)], ids=str)
def test_nothing_ages_by_one_clock_alone(ledger: Ledger, now: Any, own: int, services: int, left: int) -> None:
    """Either may tell an absurd time: this machine's, or an answer of something on the way to the service."""
    keep(ledger, 30)
    start, limits = now.time, Limits(ROOMY, 90, now.time + services * DAY)
    now.time = start + own * DAY
    ledger.keep(begin(ledger), 0, PNG, limits)
    assert len(on_disk(ledger)) == left
