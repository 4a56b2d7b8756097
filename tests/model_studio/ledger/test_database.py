"""One file for many threads and processes, and what becomes of it when they, the disk or the file itself fail."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import stat
import subprocess
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from model_studio.ledger import FAILED, Ledger, LedgerUnavailable, Reason, database
from model_studio.ledger.database import MIGRATIONS, Database
from model_studio.ledger.locks import file_lock

PAGE = 4096
posix_only = pytest.mark.skipif(os.name != "posix", reason="rights and limits of POSIX")

# What other processes do: `write` adds a row, whose number tells who wrote it.
WRITE = """
from model_studio.ledger import LedgerUnavailable
from model_studio.ledger.database import Database
database = Database(Path(args[0]))
def write(number, text="x"):
    with database.transaction() as ledger:
        ledger.execute("INSERT INTO pictures VALUES (1, ?, ?, 0, 0)", (number, text))
def rows():
    with database.transaction(write=False) as ledger:
        return [number for number, in ledger.execute("SELECT number FROM pictures ORDER BY number")]
def outcome(function, *values):
    try:
        return function(*values)
    except LedgerUnavailable as unavailable:
        return unavailable.reason
"""


def write(database: Database, number: int, text: str = "x") -> None:
    with database.transaction() as ledger:
        ledger.execute("INSERT INTO pictures VALUES (1, ?, ?, 0, 0)", (number, text))


def rows(database: Database) -> list[int]:
    with database.transaction(write=False) as ledger:
        return [number for (number,) in ledger.execute("SELECT number FROM pictures ORDER BY number")]


def version(file: Path) -> int:
    with closing(sqlite3.connect(file)) as connection:
        return int(connection.execute("PRAGMA user_version").fetchone()[0])


def salt(database: Database) -> str:
    with database.transaction(write=False) as ledger:
        ((only,),) = ledger.execute("SELECT salt FROM secrets").fetchall()
        return str(only)


def moved_aside(folder: Path) -> list[Path]:
    return sorted(folder.glob("damaged-*/ledger.sqlite"))


# First use


def test_nothing_is_made_before_the_first_use(database: Database, folder: Path) -> None:
    assert not folder.exists()
    assert rows(database) == [] and database.file.is_file()
    assert database.take_notices() == []


@pytest.fixture
def no_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


@posix_only
@pytest.mark.usefixtures("no_umask")
def test_only_the_owner_can_look_into_it(database: Database) -> None:
    with database.transaction() as ledger:
        ledger.execute("INSERT INTO pictures VALUES (1, 1, 'x', 0, 0)")
        journal = database.file.with_name("ledger.sqlite-journal")
        seen = [database.folder, database.file, journal]
        assert [stat.S_IMODE(path.stat().st_mode) & 0o077 for path in seen] == [0, 0, 0]


def test_a_file_that_vanishes_is_made_anew(database: Database) -> None:
    write(database, 1)
    shutil.rmtree(database.folder)
    write(database, 2)
    assert rows(database) == [2]


def test_an_empty_file_is_filled(database: Database, folder: Path) -> None:
    folder.mkdir(parents=True)
    database.file.touch()
    write(database, 1)
    assert rows(database) == [1] and moved_aside(folder) == []


# Transactions


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_transaction_that_fails_leaves_nothing(database: Database, error: type[BaseException]) -> None:
    write(database, 1)
    with pytest.raises(error), database.transaction() as ledger:
        ledger.execute("DELETE FROM pictures")
        raise error
    assert rows(database) == [1]


def test_a_broken_rule_is_no_damage(database: Database) -> None:
    write(database, 1)
    with pytest.raises(sqlite3.IntegrityError), database.transaction() as ledger:
        ledger.execute("INSERT INTO pictures VALUES (2, 2, 'x', 0, 0)")
        ledger.execute("INSERT INTO pictures VALUES (1, 1, 'x', 0, 0)")
    assert rows(database) == [1]


def test_who_reads_waits_for_no_writer_and_sees_no_half(
    database: Database, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("model_studio.ledger.database.BUSY_SECONDS", 0.05)
    write(database, 1)
    with database.transaction() as ledger:
        ledger.execute("DELETE FROM pictures")
        assert rows(database) == rows(Database(folder)) == [1]
        with pytest.raises(LedgerUnavailable, match="another process holds it"):
            write(database, 2)
    assert rows(database) == []
    write(database, 3)
    assert rows(database) == [3]


@pytest.mark.parametrize("shared", [True, False])
def test_threads_write_at_once(folder: Path, shared: bool) -> None:
    """From the first moment on: they make the file together."""
    count, each = 8, 5
    one, together = Database(folder), threading.Barrier(count)

    def work(number: int) -> None:
        own = one if shared else Database(folder)
        together.wait()
        for i in range(each):
            write(own, number * each + i)

    with ThreadPoolExecutor(count) as pool:
        list(pool.map(work, range(count)))
    assert rows(one) == list(range(count * each))


def test_processes_write_at_once(other_process: Callable[..., Any], folder: Path) -> None:
    """From the first moment on: they make the file together."""
    work = "say('ready'); hear(); [write(number) for number in range(int(args[1]), int(args[1]) + 10)]"
    processes = [other_process(WRITE + work, folder, start) for start in range(0, 40, 10)]
    assert [process.told() for process in processes] == ["ready"] * 4
    for process in processes:
        process.go_on()
    for process in processes:
        process.end()
    assert rows(Database(folder)) == list(range(40))
    assert salt(Database(folder)) and moved_aside(folder) == []


@pytest.mark.parametrize("first", [rows, lambda database: write(database, 2)], ids=["read", "write"])
def test_a_process_killed_in_a_transaction_leaves_nothing_of_it(
    other_process: Callable[..., Any], database: Database, first: Callable[[Database], object]
) -> None:
    write(database, 1)
    process = other_process(
        WRITE
        + """
with database.transaction() as ledger:
    ledger.execute("PRAGMA cache_size = 1")  # so that half of it is in the file itself
    for number in range(100, 400):
        ledger.execute("INSERT INTO pictures VALUES (1, ?, ?, 0, 0)", (number, "x" * 1000))
    say("amid")
    hear()
""",
        database.folder,
    )
    before = database.file.stat().st_size
    assert process.told() == "amid"
    process.kill()
    assert database.file.stat().st_size > before + 100_000
    first(database)
    assert [number for number in rows(database) if number != 2] == [1]
    assert database.take_notices() == [] and moved_aside(database.folder) == []


# Damaged files


@pytest.fixture(scope="module")
def sound_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of ours with rows on many pages."""
    database = Database(tmp_path_factory.mktemp("sound"))
    with database.transaction() as ledger:
        ledger.executemany(
            "INSERT INTO pictures VALUES (1, ?, ?, 0, ?)",
            [(number, f"{number}" * 200, number) for number in range(60)],
        )
    return database.file


def flipped(content: bytes, page: int) -> bytes:
    start, end = page * PAGE, (page + 1) * PAGE
    return content[:start] + bytes(byte ^ 0xFF for byte in content[start:end]) + content[end:]


def foreign(folder: Path, script: str) -> bytes:
    """Another application's database."""
    folder.mkdir()
    with closing(sqlite3.connect(folder / "other.sqlite")) as connection:
        connection.executescript(script)
    return (folder / "other.sqlite").read_bytes()


def without_salt(sound: Path, folder: Path) -> bytes:
    folder.mkdir()
    shutil.copy(sound, folder / "other.sqlite")
    with closing(sqlite3.connect(folder / "other.sqlite", isolation_level=None)) as connection:
        connection.execute("DELETE FROM secrets")
    return (folder / "other.sqlite").read_bytes()


@pytest.fixture(
    params=[
        "noise",
        "text",
        "half",
        "almost whole",
        "first page",
        "page in the middle",
        "its names",
        "other names",
        "its version",
        "no salt",
    ]
)
def damaged(request: pytest.FixtureRequest, sound_file: Path, tmp_path: Path) -> bytes:
    sound = sound_file.read_bytes()
    contents: dict[str, Callable[[], bytes]] = {
        "noise": lambda: random.Random(1).randbytes(30_000),
        "text": lambda: b"This is no database.\n" * 500,
        "half": lambda: sound[: len(sound) // 2],
        "almost whole": lambda: sound[:-PAGE],
        "first page": lambda: flipped(sound, 0),
        "page in the middle": lambda: flipped(sound, len(sound) // PAGE // 2),
        "its names": lambda: foreign(tmp_path / "other", "CREATE TABLE requests (url TEXT);"),
        "other names": lambda: foreign(tmp_path / "other", "CREATE TABLE places (url TEXT);"),
        "no salt": lambda: without_salt(sound_file, tmp_path / "other"),
        "its version": lambda: foreign(tmp_path / "other", "CREATE TABLE places (url TEXT); PRAGMA user_version = 1;"),
    }
    return contents[request.param]()


def test_a_damaged_file_is_moved_aside_with_a_notice(database: Database, folder: Path, damaged: bytes) -> None:
    folder.mkdir(parents=True)
    database.file.write_bytes(damaged)
    write(database, 1)
    assert rows(database) == [1]
    (aside,) = moved_aside(folder)
    assert aside.read_bytes() == damaged
    (notice,) = database.take_notices()
    assert aside.parent.name in notice and "billed again" in notice and str(folder) not in notice
    assert database.take_notices() == []


def test_its_pictures_go_with_it_and_no_damage_is_overwritten(database: Database, folder: Path) -> None:
    """Only the damaged file knows whose they are; two damages may come in one second."""
    (folder / "pictures").mkdir(parents=True)
    (folder / "pictures" / "a.png").touch()
    for number in range(2):
        database = Database(folder)
        database.file.write_bytes(b"no database" * 1000)
        write(database, number)
    assert len(moved_aside(folder)) == 2 and not (folder / "pictures").exists()
    assert len(list(folder.glob("damaged-*/pictures/a.png"))) == 1


def test_an_empty_file_beside_pictures_is_damage(database: Database, folder: Path) -> None:
    """What a power cut may leave."""
    (folder / "pictures").mkdir(parents=True)
    (folder / "pictures" / "a.png").touch()
    database.file.touch()
    write(database, 1)
    assert len(moved_aside(folder)) == len(database.take_notices()) == 1


def test_a_new_file_keeps_the_salt_where_it_can_be_read(database: Database, folder: Path) -> None:
    before = salt(database)
    with closing(sqlite3.connect(database.file, isolation_level=None)) as connection:
        connection.execute("DROP TABLE pictures")
        connection.execute("CREATE TABLE pictures (other)")
        connection.execute("ALTER TABLE requests RENAME TO others")
    assert salt(Database(folder)) == before and len(moved_aside(folder)) == 1


def test_damage_while_it_is_in_use_costs_one_failure(database: Database, folder: Path) -> None:
    write(database, 1)
    database.file.write_bytes(b"no database" * 1000)
    with pytest.raises(LedgerUnavailable):
        write(database, 2)
    write(database, 3)
    assert rows(database) == [3] and len(moved_aside(folder)) == len(database.take_notices()) == 1


def test_each_page_is_watched(tmp_path: Path, sound_file: Path) -> None:
    sound = sound_file.read_bytes()
    for page in range(len(sound) // PAGE):
        database = Database(tmp_path / str(page))
        database.folder.mkdir()
        database.file.write_bytes(flipped(sound, page))
        assert rows(database) == [] and len(database.take_notices()) == 1


places = st.integers(0, 2**16)


@given(damage=st.lists(st.tuples(places, st.binary(max_size=16)), min_size=1, max_size=3))
@example([(2551, b"\0" * 6 + b"\1" * 9 + b"\x80")])
def test_damage_is_never_another_error(
    tmp_path_factory: pytest.TempPathFactory, sound_file: Path, damage: list[tuple[int, bytes]]
) -> None:
    content = bytearray(sound_file.read_bytes())
    for place, other in damage:
        start = place % len(content)
        content[start : start + 16] = other
    database = Database(tmp_path_factory.mktemp("damaged"))
    database.file.write_bytes(content)
    for _ in range(2):
        try:
            with database.transaction() as ledger:
                for table in ("secrets", "requests", "pictures"):
                    ledger.execute(f"SELECT * FROM {table}").fetchall()
                ledger.execute("INSERT INTO pictures VALUES (2, 1, 'x', 0, 0)")
                ledger.execute("DELETE FROM pictures")
        except LedgerUnavailable as unavailable:
            assert unavailable.reason
        else:
            assert rows(database) == []


def test_processes_that_find_the_same_damage_move_it_aside_once(
    other_process: Callable[..., Any], database: Database, folder: Path
) -> None:
    folder.mkdir(parents=True)
    database.file.write_bytes(b"no database" * 1000)
    work = "say('ready'); hear(); write(int(args[1])); say(database.take_notices())"
    processes = [other_process(WRITE + work, folder, number) for number in range(4)]
    assert [process.told() for process in processes] == ["ready"] * 4
    for process in processes:
        process.go_on()
    notices = [notice for process in processes for notice in process.told()]
    assert rows(database) == [0, 1, 2, 3] and len(notices) == 1
    (aside,) = moved_aside(folder)
    assert aside.read_bytes() == b"no database" * 1000


# Versions


def test_a_newer_version_is_left_alone(database: Database, folder: Path) -> None:
    folder.mkdir(parents=True)
    newer = foreign(folder / "newer", f"CREATE TABLE later (x); PRAGMA user_version = {len(MIGRATIONS) + 1};")
    database.file.write_bytes(newer)
    for use in (rows, lambda database: write(database, 1), rows):
        with pytest.raises(LedgerUnavailable, match="newer version") as caught:
            use(database)
        assert caught.value.reason == "it was made by a newer version of this node pack"
    assert database.file.read_bytes() == newer and moved_aside(folder) == []
    assert database.take_notices() == []


def test_an_older_file_is_migrated_and_keeps_its_rows(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = Database(folder)
    write(old, 1)
    before = salt(old)
    steps = (
        "ALTER TABLE pictures ADD COLUMN colour TEXT NOT NULL DEFAULT 'red';",
        "CREATE TABLE frames (picture); INSERT INTO frames SELECT number FROM pictures WHERE colour = 'red';",
    )
    monkeypatch.setattr(database, "MIGRATIONS", MIGRATIONS + steps)
    new = Database(folder)
    with new.transaction() as ledger:
        assert [tuple(row) for row in ledger.execute("SELECT number, colour FROM pictures")] == [(1, "red")]
        assert [tuple(row) for row in ledger.execute("SELECT * FROM frames")] == [(1,)]
    assert version(new.file) == len(MIGRATIONS) + 2
    assert salt(new) == before and new.take_notices() == [] and moved_aside(folder) == []


def test_a_file_of_version_1_keeps_its_records_and_pictures(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as older:
        older.setattr(database, "MIGRATIONS", MIGRATIONS[:1])
        with Database(folder).transaction() as ledger:
            ledger.execute(
                "INSERT INTO requests (name, account, region, prompt, is_task, state, created, updated, sent, day, "
                "adopted, billed) VALUES ('a', '', '', '', 1, 'submitted', 0, 0, 0, '1970-01-01', 0, 1)"
            )
            ledger.execute("INSERT INTO pictures VALUES (1, 0, 'a-0.png', 9, 0)")
    (entry,) = Ledger(folder).recent(2)
    assert (entry.name, entry.denied, list(entry.files)) == ("a", 0, [0])
    assert version(folder / "ledger.sqlite") == len(MIGRATIONS)


def test_a_process_of_version_2_goes_on_beside_a_newer_one(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    insert = (
        "INSERT INTO requests (name, account, region, prompt, is_task, state, created, updated, sent, day, adopted, "
        "billed, denied) VALUES (?, '', '', '', 1, 'submitted', 0, 0, 0, '1970-01-01', 0, 1, 0)"
    )
    old = Database(folder)
    with monkeypatch.context() as older:
        older.setattr(database, "MIGRATIONS", MIGRATIONS[:2])
        with old.transaction() as ledger:
            ledger.execute(insert, ("a",))
    new = Ledger(folder)
    new.update(new.recent(1)[0], state=FAILED, reason=Reason("canceled"))
    with old.transaction() as ledger:  # as it was made before the column
        ledger.execute(insert, ("b",))
        ledger.execute("UPDATE requests SET request_id = 'r' WHERE name = 'a'")
    assert [entry.reason for entry in new.recent(2)] == [None, Reason("canceled")]


def test_a_migration_that_fails_changes_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = Database(folder)
    write(old, 1)
    with monkeypatch.context() as newer:
        newer.setattr(database, "MIGRATIONS", (*MIGRATIONS, "DROP TABLE pictures; CREATE NONSENSE;"))
        with pytest.raises(LedgerUnavailable, match="NONSENSE"):
            rows(Database(folder))
    assert version(old.file) == len(MIGRATIONS) and rows(Database(folder)) == [1]


# Places where nothing can be written

# A disk is filled between the two halves; `args[1]` is where.
FULL_DISK = """
write(1)
say("written")
{fill}
say(outcome(write, 2, "x" * 200_000))
say(rows())  # of the one that has met the trouble, and of a new one
database = Database(Path(args[0]))
say(rows())
{free}
say(outcome(write, 3))
say([rows(), database.take_notices()])
"""


def check_full_disk(process: Any, reason: str) -> None:
    assert process.told() == "written"
    assert process.told() == reason
    assert process.told() == process.told() == [1]
    assert process.told() is None
    assert process.told() == [[1, 3], []]


@posix_only
@pytest.mark.parametrize("room", [0, 100_000], ids=["no room for the journal", "no room for the rows"])
def test_files_may_not_grow(other_process: Callable[..., Any], folder: Path, room: int) -> None:
    limit = "resource.setrlimit(resource.RLIMIT_FSIZE, ({}, resource.RLIM_INFINITY))"
    fill = "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); " + limit.format(room)
    free = limit.format("resource.RLIM_INFINITY")
    check_full_disk(other_process(WRITE + FULL_DISK.format(fill=fill, free=free), folder), "disk I/O error")


UNSHARE = ("unshare", "--map-root-user", "--mount")  # may mount what nobody else sees


def may_mount() -> bool:
    try:
        return subprocess.run([*UNSHARE, "true"], capture_output=True).returncode == 0
    except OSError:
        return False


@pytest.mark.skipif(not may_mount(), reason="no disks can be mounted here")
def test_the_disk_is_full(other_process: Callable[..., Any], tmp_path: Path) -> None:
    """A disk of a megabyte, which only the other process sees."""
    mount = """
import subprocess
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", args[0]], check=True)
"""
    fill = """
with Path(args[0], "filler").open("wb", buffering=0) as filler:
    try:
        while filler.write(bytes(4096)):
            pass
    except OSError:
        pass
"""
    code = mount + WRITE + FULL_DISK.format(fill=fill, free="Path(args[0], 'filler').unlink()")
    check_full_disk(other_process(code, tmp_path, under=UNSHARE), "the disk is full")


def in_the_way(tmp_path: Path) -> Path:
    (tmp_path / "taken").write_text("a file")
    return tmp_path / "taken"


@posix_only
@pytest.mark.parametrize(
    ("place", "reason"),
    [
        (in_the_way, "File exists"),
        (lambda tmp_path: in_the_way(tmp_path) / "below", "Not a directory"),
        (lambda tmp_path: (tmp_path / "ledger.sqlite").mkdir() or tmp_path, "unable to open database file"),
    ],
    ids=["a file", "below a file", "a folder of the name"],
)
def test_no_place_for_it(tmp_path: Path, place: Callable[[Path], Path], reason: str) -> None:
    database = Database(place(tmp_path))
    for _ in range(2):
        with pytest.raises(LedgerUnavailable) as caught:
            rows(database)
        assert caught.value.reason == reason  # without paths


def cause(database: Database, use: Callable[[Database], object]) -> str:
    with pytest.raises(LedgerUnavailable) as caught:
        use(database)
    return caught.value.cause


@posix_only
def test_causes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is there and cannot be used is told from what cannot be there at all."""
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.05)
    assert cause(Database(in_the_way(tmp_path) / "below"), rows) == "absent"
    (tmp_path / "a folder" / "ledger.sqlite").mkdir(parents=True)
    assert cause(Database(tmp_path / "a folder"), lambda own: write(own, 1)) == "unreadable"
    held = Database(tmp_path / "held")
    write(held, 1)
    with closing(sqlite3.connect(held.file, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        assert cause(held, rows) == cause(Database(held.folder), rows) == "locked"
    with file_lock(held.folder / "ledger.lock"):
        assert cause(Database(held.folder), rows) == "locked"
    with closing(sqlite3.connect(held.file, isolation_level=None)) as other:
        other.execute("PRAGMA user_version = 99")
    assert cause(Database(held.folder), rows) == "unreadable"


@pytest.mark.skipif(not may_mount(), reason="no disks can be mounted here")
@pytest.mark.parametrize("there", [True, False])
def test_the_disk_is_read_only(other_process: Callable[..., Any], tmp_path: Path, there: bool) -> None:
    """What is known is read all the same."""
    code = """
import subprocess
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", args[0]], check=True)
"""
    code += WRITE
    code += "write(1)" * there
    code += """
subprocess.run(["mount", "-o", "remount,ro", args[0]], check=True)
for own in (database, Database(Path(args[0]))):
    for write_too in (False, True):
        try:
            with own.transaction(write=write_too) as ledger:
                if write_too:
                    ledger.execute("DELETE FROM pictures")
                say([number for number, in ledger.execute("SELECT number FROM pictures")])
        except LedgerUnavailable as unavailable:
            say(unavailable.cause)
"""
    process = other_process(code, tmp_path, under=UNSHARE)
    expected = [[1], "full"] if there else ["absent", "absent"]
    assert [process.told() for _ in range(4)] == expected * 2


@pytest.mark.parametrize("emptied", [False, True])
@pytest.mark.parametrize("left", ["pictures/a.png", "claims/print.lock", "ledger.begun"])
def test_a_file_that_was_deleted_took_the_sum_of_the_day_with_it(folder: Path, left: str, emptied: bool) -> None:
    (folder / left).parent.mkdir(parents=True, exist_ok=True)
    (folder / left).touch()
    if emptied:  # or a process was killed when it had begun a new one
        (folder / "ledger.sqlite").touch()
    ledger = Ledger(folder)
    assert ledger.spent_today() is None
    shutil.rmtree(folder)
    assert ledger.spent_today() == {}
    ledger.database.file.unlink()
    assert ledger.spent_today() is None


@pytest.mark.parametrize("how", ["the file", "its content", "the folder", "the folder and the place for it"])
def test_what_vanishes_while_it_is_in_use_is_not_begun_again(folder: Path, tmp_path: Path, how: str) -> None:
    """A network drive drops, and its mount point is an empty folder."""
    ledger, away = Ledger(folder), tmp_path / "away"
    account = ledger.account("key")
    if how == "the file":
        ledger.database.file.replace(away)
    elif how == "its content":
        away.write_bytes(ledger.database.file.read_bytes())
        ledger.database.file.write_bytes(b"")
    else:
        folder.replace(away)
    if how == "the folder and the place for it":
        folder.parent.rmdir()
        folder.parent.touch()
    for use in (ledger.stored_bytes, lambda: ledger.account("key"), lambda: ledger.tidy(1000)):
        with pytest.raises(LedgerUnavailable, match="its file is gone; put it back, or restart") as caught:
            use()
        assert caught.value.cause == "unreadable"
    assert how in ("the file", "its content") or not folder.exists()
    if how == "the folder and the place for it":
        folder.parent.unlink()
        folder.parent.mkdir()
    away.replace(folder if how.startswith("the folder") else ledger.database.file)
    assert ledger.account("key") == account
