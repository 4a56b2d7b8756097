from __future__ import annotations

import os
import string
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_studio.account.credentials import find_key, page_file
from model_studio.account.page_keys import move, remove, state, store
from model_studio.account.regions import REGIONS
from model_studio.errors import ConfigurationError, InvalidRequest, KeyMissing

KEY = "sk-planted-0123456789abcd3f2a"
rights = pytest.mark.skipif(sys.platform == "win32", reason="Windows knows no such rights")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "user" / "__model_studio"


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


@pytest.mark.parametrize("region", REGIONS)
def test_a_stored_key_is_the_one_of_its_region_until_it_is_removed(folder: Path, region: str) -> None:
    store(region, f"\x16 {KEY}\r\n", folder)
    assert find_key(region, {}, folder).value == KEY
    for other in set(REGIONS) - {region}:
        with pytest.raises(KeyMissing):
            find_key(other, {}, folder)
    store(region, "sk-another", folder)
    assert find_key(region, {}, folder).value == "sk-another"
    remove(region, folder)
    remove(region, folder)
    assert list(folder.iterdir()) == []
    with pytest.raises(KeyMissing):
        find_key(region, {}, folder)


def test_a_stored_key_is_moved_to_a_region_that_has_none(folder: Path) -> None:
    with pytest.raises(InvalidRequest, match="no stored key for region cn-beijing"):
        move("cn-beijing", "us-east-1", folder)
    store("cn-beijing", KEY, folder)
    for other in ("us-east-1", "ap-southeast-1"):
        store(other, "sk-another", folder)
        with pytest.raises(InvalidRequest, match=f"a stored key for region {other} already"):
            move("cn-beijing", other, folder)
    remove("us-east-1", folder)
    move("cn-beijing", "us-east-1", folder)
    assert find_key("us-east-1", {}, folder).value == KEY
    assert not state("cn-beijing", {}, folder).stored
    with pytest.raises(InvalidRequest):
        move("us-east-1", "us-east-1", folder)
    assert find_key("us-east-1", {}, folder).value == KEY


def at_once(monkeypatch: pytest.MonkeyPatch, *changes: Callable[[], None]) -> list[str]:
    """Kinds of the errors of changes that all begin while the others write, on a slow disk."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: time.sleep(0.05))
    errors = []

    def run(change: Callable[[], None]) -> None:
        try:
            change()
        except Exception as error:
            errors.append(type(error).__name__)

    threads = [threading.Thread(target=run, args=(change,)) for change in changes]
    for thread in threads:
        thread.start()
        time.sleep(0.01)
    for thread in threads:
        thread.join()
    return errors


def stored(folder: Path) -> list[str]:
    return sorted(file.read_text() for file in folder.iterdir())


def test_of_two_keys_that_are_moved_to_one_region_at_once_none_is_lost(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    origins = ("cn-beijing", "ap-southeast-1")
    for region in origins:
        store(region, f"sk-of-{region}", folder)
    moves = [lambda region=region: move(region, "us-east-1", folder) for region in origins]
    assert at_once(monkeypatch, *moves) == ["InvalidRequest"]
    assert stored(folder) == ["sk-of-ap-southeast-1", "sk-of-cn-beijing"]


@pytest.mark.parametrize("region", ["cn-beijing", "us-east-1"])
def test_a_key_that_is_stored_during_a_move_is_kept(folder: Path, monkeypatch: pytest.MonkeyPatch, region: str) -> None:
    store("cn-beijing", KEY, folder)
    assert not at_once(
        monkeypatch,
        lambda: move("cn-beijing", "us-east-1", folder),
        lambda: store(region, "sk-entered-meanwhile", folder),
    )
    assert find_key(region, {}, folder).value == "sk-entered-meanwhile"


@pytest.mark.parametrize("links", [True, False], ids=["links", "no links"])
def test_a_move_never_replaces_what_another_process_has_stored(
    folder: Path, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    """Which the lock of this one knows nothing of. Some file systems have no links."""
    store("cn-beijing", KEY, folder)
    if not links:
        monkeypatch.setattr(os, "link", lambda *args: (_ for _ in ()).throw(PermissionError(1, "not permitted")))
    monkeypatch.setattr(os, "fsync", lambda _: page_file("us-east-1", folder).write_text("sk-of-another-process"))
    with pytest.raises(InvalidRequest, match="already"):
        move("cn-beijing", "us-east-1", folder)
    assert stored(folder) == ["sk-of-another-process", KEY]
    remove("us-east-1", folder)
    monkeypatch.setattr(os, "fsync", lambda _: page_file("cn-beijing", folder).write_text("sk-of-another-process"))
    move("cn-beijing", "us-east-1", folder)
    assert stored(folder) == ["sk-of-another-process", KEY]


def test_removing_leaves_a_draft_alone_that_is_being_stored(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store("cn-beijing", "sk-earlier", folder)
    assert not at_once(monkeypatch, lambda: store("cn-beijing", KEY, folder), lambda: remove("cn-beijing", folder))
    assert stored(folder) == []


@rights
@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_only_the_owner_may_look(folder: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        store("cn-beijing", KEY, folder)
    finally:
        os.umask(before)
    assert (mode(folder), mode(page_file("cn-beijing", folder))) == (0o700, 0o600)


@rights
def test_what_was_open_to_others_is_closed(folder: Path) -> None:
    """A folder that was there before, and a file that was written by hand."""
    folder.mkdir(parents=True, mode=0o755)
    file = page_file("cn-beijing", folder)
    file.write_text("sk-by-hand")
    file.chmod(0o644)
    store("cn-beijing", KEY, folder)
    assert (mode(folder), mode(file)) == (0o700, 0o600)


@rights
def test_the_key_is_never_in_a_file_that_others_may_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Looked at when the key has been written, and before the file gets its name."""
    seen = []
    replace = os.replace

    def look(source: str, target: Path) -> None:
        seen.append((Path(source).read_text(), mode(Path(source)), Path(source).parent, target.exists()))
        replace(source, target)

    monkeypatch.setattr(os, "replace", look)
    store("cn-beijing", KEY, folder)
    assert seen == [(KEY, 0o600, folder, False)]


@pytest.mark.parametrize("failing", ["fsync", "replace"])
def test_all_or_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch, failing: str) -> None:
    store("cn-beijing", "sk-earlier", folder)

    def fail(*args: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(os, failing, fail)
        with pytest.raises(ConfigurationError, match="could not be stored") as caught:
            store("cn-beijing", KEY, folder)
    assert KEY not in str(caught.value)
    assert [file.name for file in folder.iterdir()] == ["api_key_cn_beijing.txt"]
    assert find_key("cn-beijing", {}, folder).value == "sk-earlier"


def test_who_reads_meanwhile_gets_a_whole_key(folder: Path) -> None:
    keys = [letter * 2000 for letter in "abcd"]
    store("cn-beijing", keys[0], folder)
    threads = [
        threading.Thread(target=lambda k=key: [store("cn-beijing", k, folder) for _ in range(20)]) for key in keys
    ]
    for thread in threads:
        thread.start()
    read = set()
    while any(thread.is_alive() for thread in threads):
        read.add(find_key("cn-beijing", {}, folder).value)
    assert read and read <= set(keys)
    assert len(list(folder.iterdir())) == 1


def test_a_link_is_replaced_and_not_followed(folder: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("sk-elsewhere")
    folder.mkdir(parents=True)
    file = page_file("cn-beijing", folder)
    file.symlink_to(elsewhere)
    store("cn-beijing", KEY, folder)
    assert elsewhere.read_text() == "sk-elsewhere"
    assert not file.is_symlink() and file.read_text() == KEY
    file.unlink()
    file.symlink_to(elsewhere)
    remove("cn-beijing", folder)
    assert elsewhere.exists() and not file.is_symlink()


def test_removing_takes_what_a_crash_left_too(folder: Path) -> None:
    store("cn-beijing", KEY, folder)
    (folder / ".api_key_cn_beijing.txt.k3j2.unfinished").write_text(KEY)
    (folder / "api_key_cn_beijing.txt.bak").write_text("of the user's own")
    remove("cn-beijing", folder)
    assert [file.name for file in folder.iterdir()] == ["api_key_cn_beijing.txt.bak"]


def test_what_cannot_be_removed_is_said(folder: Path) -> None:
    page_file("cn-beijing", folder).mkdir(parents=True)
    with pytest.raises(ConfigurationError, match=r"could not be removed .*api_key_cn_beijing\.txt yourself"):
        remove("cn-beijing", folder)


@pytest.mark.parametrize(
    "text",
    ["", " \n\x16", '"sk-1-secret"', "DASHSCOPE_API_KEY=sk-1-secret", "sk-1 secret", "金鑰-secret", "sk-\ud800-secret"],
)
def test_what_cannot_be_a_key_is_refused_without_repeating_it(folder: Path, text: str) -> None:
    with pytest.raises((InvalidRequest, ConfigurationError)) as caught:
        store("cn-beijing", text, folder)
    assert "secret" not in str(caught.value)
    assert not folder.exists()


@given(st.text(string.ascii_letters + string.digits + "-._~+/=!\"'", min_size=1, max_size=80))
def test_the_ending_tells_four_characters_of_long_keys_and_nothing_of_others(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    folder = tmp_path_factory.mktemp("private")
    try:
        store("us-east-1", text, folder)
    except ConfigurationError:
        assert not state("us-east-1", {}, folder).stored
        return
    told = state("us-east-1", {}, folder)
    assert told.stored and not told.overruled
    assert told.ending == (text[-4:] if len(text) >= 12 else "")
    assert find_key("us-east-1", {}, folder).value == text


@pytest.mark.parametrize(
    ("place", "kind", "name"),
    [
        ("DASHSCOPE_API_KEY_CN_BEIJING", "variable", "DASHSCOPE_API_KEY_CN_BEIJING"),
        ("DASHSCOPE_API_KEY", "variable", "DASHSCOPE_API_KEY"),
        ("DASHSCOPE_API_KEY_FILE_PATH", "named_file", "DASHSCOPE_API_KEY_FILE_PATH"),
        ("~/.dashscope/api_key", "file", "~/.dashscope/api_key"),
        ("api_key.txt", "file", "__model_studio/api_key.txt"),
    ],
)
def test_what_is_used_instead_is_named(folder: Path, home: Path, place: str, kind: str, name: str) -> None:
    environ = {}
    if place.startswith("DASHSCOPE"):
        environ[place] = "sk-of-another-place"
    else:
        file = home / place[2:] if place.startswith("~") else folder / place
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("sk-of-another-place")
    unset = state("cn-beijing", environ, folder)
    assert unset.place and (unset.place.kind, unset.place.name) == (kind, name)
    assert (unset.stored, unset.overruled, unset.ending) == (False, False, "")
    store("cn-beijing", KEY, folder)
    both = state("cn-beijing", environ, folder)
    wins = place != "api_key.txt"
    assert both.place and (both.place.kind, both.stored, both.overruled) == (kind if wins else "page", True, wins)
    assert both.ending == "3f2a"


def test_where_there_is_nothing(folder: Path) -> None:
    told = state("cn-beijing", {}, folder)
    assert (told.place, told.stored, told.overruled, told.ending) == (None, False, False, "")


def test_a_file_that_holds_no_key_is_there_and_has_no_ending(folder: Path) -> None:
    folder.mkdir(parents=True)
    page_file("cn-beijing", folder).write_bytes(b"\xff\xff not a key at all")
    told = state("cn-beijing", {}, folder)
    assert told.stored and told.ending == ""


def test_no_repr_holds_a_key(folder: Path) -> None:
    store("cn-beijing", KEY, folder)
    assert KEY not in repr(state("cn-beijing", {}, folder))
    assert KEY not in repr(state("cn-beijing", {"DASHSCOPE_API_KEY": KEY}, folder))
