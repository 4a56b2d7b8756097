"""Files in a folder that others write to as well."""

from __future__ import annotations

import errno
import io
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from model_studio.errors import PictureUnsaved
from model_studio.runs import saving
from model_studio.runs.saving import save, with_texts


def png(**texts: str) -> bytes:
    out, info = io.BytesIO(), PngInfo()
    for name, text in texts.items():
        info.add_itxt(name, text)
    Image.new("RGBA", (8, 8), (1, 2, 3, 4)).save(out, "PNG", pnginfo=info)
    return out.getvalue()


def no_links(*_: Any) -> None:
    raise OSError(errno.EPERM, "Operation not permitted")


@pytest.fixture(params=["links", "no links"], autouse=True)
def file_system(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "no links":
        monkeypatch.setattr(os, "link", no_links)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "output"
    made.mkdir()
    return made


def test_a_file_has_the_bytes_and_the_first_free_number(folder: Path) -> None:
    (folder / "a_00002_.png").write_bytes(b"mine")
    assert [save(folder, "a", 1, "png", content) for content in (b"1", b"2")] == [
        ("a_00001_.png", 1),
        ("a_00003_.png", 3),
    ]
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == {
        "a_00001_.png": b"1",
        "a_00002_.png": b"mine",
        "a_00003_.png": b"2",
    }


def test_nobody_overwrites_another(folder: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        contents = [str(number).encode() for number in range(40)]
        names = [name for name, _ in pool.map(lambda content: save(folder, "a", 1, "png", content), contents)]
    assert [(folder / name).read_bytes() for name in names] == contents
    assert len(list(folder.iterdir())) == 40


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EACCES, errno.EROFS])
def test_what_cannot_be_written_leaves_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    def fails(_: int) -> None:
        raise OSError(code, os.strerror(code), "/a/path/of/this/machine")

    monkeypatch.setattr(saving.os, "fsync", fails)
    with pytest.raises(PictureUnsaved) as unsaved:
        save(folder, "a", 1, "png", b"1")
    assert os.strerror(code) in str(unsaved.value) and "/a/path" not in str(unsaved.value)
    assert not list(folder.iterdir())


@pytest.mark.parametrize("name", ["a" * 300, "a\0b", "no/such/folder"])
def test_a_name_that_no_file_can_have_is_an_error_in_words(folder: Path, name: str) -> None:
    with pytest.raises(PictureUnsaved, match="could not be saved"):
        save(folder, name, 1, "png", b"1")
    assert not list(folder.iterdir())


@given(
    st.dictionaries(
        st.text("abcé ", min_size=1, max_size=79), st.text(st.characters(max_codepoint=126, min_codepoint=32))
    )
)
def test_a_png_gets_texts_and_keeps_all_it_has(texts: dict[str, str]) -> None:
    before = png(AIGC='{"Label":"1"}')
    after = with_texts(before, texts)
    assert after[:33] == before[:33] and after.endswith(before[33:])
    opened: Any = Image.open(io.BytesIO(after))
    assert opened.tobytes() == Image.open(io.BytesIO(before)).tobytes()
    assert opened.text == {**texts, "AIGC": '{"Label":"1"}'}


@pytest.mark.parametrize("name", ["", "a" * 80, "船", "a\0b", "a\n"])
def test_what_is_no_keyword_is_left_out(name: str) -> None:
    assert with_texts(png(), {name: "text"}) == png()
