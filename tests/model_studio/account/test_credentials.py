from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_studio.account.credentials import OWN_KEYS, ApiKey, find_key, find_place, key_variable, page_file
from model_studio.errors import ConfigurationError, KeyMissing


def test_order(tmp_path: Path, home: Path) -> None:
    """Each place is used as soon as those before it are empty."""
    folder = tmp_path / "__model_studio"
    folder.mkdir()
    named = tmp_path / "named"
    named.write_text("sk-named\n")
    (home / ".dashscope" / "api_key").write_text("sk-home")
    (folder / "api_key_cn_beijing.txt").write_text("sk-folder-beijing")
    (folder / "api_key.txt").write_text("sk-folder")
    environ = {
        "DASHSCOPE_API_KEY_CN_BEIJING": "sk-beijing",
        "DASHSCOPE_API_KEY": "sk-any",
        "DASHSCOPE_API_KEY_FILE_PATH": str(named),
    }
    found = []
    for used_up in (
        *environ,
        home / ".dashscope" / "api_key",
        folder / "api_key_cn_beijing.txt",
        folder / "api_key.txt",
    ):
        key = find_key("cn-beijing", environ, folder)
        found.append(key.value)
        assert key.source
        if isinstance(used_up, Path):
            used_up.unlink()
        else:
            environ[used_up] = "  "
    assert found == ["sk-beijing", "sk-any", "sk-named", "sk-home", "sk-folder-beijing", "sk-folder"]
    with pytest.raises(KeyMissing):
        find_key("cn-beijing", environ, folder)


def test_a_regions_key_stays_in_its_region() -> None:
    environ = {"DASHSCOPE_API_KEY_CN_BEIJING": "sk-beijing", "DASHSCOPE_API_KEY": "sk-any"}
    assert find_key("ap-southeast-1", environ).value == "sk-any"


def test_missing_key_says_where_to_put_it(tmp_path: Path) -> None:
    with pytest.raises(KeyMissing) as caught:
        find_key("ap-southeast-1", {}, tmp_path / "__model_studio")
    assert caught.value.advice.startswith(
        "Enter it in ComfyUI's Settings > Model Studio, or set the environment variable"
    )
    for place in ("DASHSCOPE_API_KEY_AP_SOUTHEAST_1", "DASHSCOPE_API_KEY", "~/.dashscope/api_key", "__model_studio"):
        assert place in str(caught.value)


BLANKS = ["\u00a0", "\u00ad", "\u200b", "\u200e", "\u2028", "\u2060", "\u3000", "\ufeff", "\x16", "\r"]


@pytest.mark.parametrize("pasted", ["sk-1 \n", "\x16sk-1", "\ufeffsk-1\r\n", "\tsk-1"])
def test_what_pasting_adds_is_removed(pasted: str) -> None:
    assert find_key("cn-beijing", {"DASHSCOPE_API_KEY": pasted}).value == "sk-1"


unseen = st.text(st.characters(categories=["Cc", "Cf", "Zs", "Zl", "Zp"]) | st.sampled_from(BLANKS), max_size=5)


@given(unseen, unseen)
def test_nobody_sees_what_is_around_a_key(before: str, behind: str) -> None:
    assert find_key("cn-beijing", {"DASHSCOPE_API_KEY": f"{before}sk-1{behind}"}).value == "sk-1"


@given(unseen.filter(bool))
def test_what_nobody_sees_inside_a_key_is_refused(between: str) -> None:
    with pytest.raises(ConfigurationError, match="it has blanks, line ends or characters outside ASCII"):
        find_key("cn-beijing", {"DASHSCOPE_API_KEY": f"sk{between}-1"})


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_file_with_byte_order_mark(home: Path, encoding: str) -> None:
    """As Windows' Notepad and PowerShell write it."""
    mark = "\ufeff" if encoding.endswith(("-le", "-be")) else ""
    (home / ".dashscope" / "api_key").write_bytes(f"{mark}sk-1\r\n".encode(encoding))
    assert find_key("cn-beijing", {}).value == "sk-1"


@pytest.mark.parametrize("value", ["sk-1\nX-Evil: 1", "sk 1", "sk-é", "金鑰"])
def test_what_no_header_can_carry_is_refused_without_repeating_it(value: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        find_key("cn-beijing", {"DASHSCOPE_API_KEY": value})
    assert value not in str(caught.value)


@pytest.mark.parametrize("value", ['"sk-1"', "'sk-1'", "DASHSCOPE_API_KEY=sk-1"])
def test_more_than_the_key_is_explained(value: str) -> None:
    with pytest.raises(ConfigurationError, match="no quotes, no NAME=") as caught:
        find_key("cn-beijing", {"DASHSCOPE_API_KEY": value})
    assert "sk-1" not in str(caught.value)


@pytest.mark.parametrize(
    "content", [b"", b" \n", "\u200b".encode("utf-16"), "sk-1".encode("utf-16")[:-1], b"\xff\xff\xff"]
)
def test_files_that_hold_no_key(home: Path, content: bytes) -> None:
    (home / ".dashscope" / "api_key").write_bytes(content)
    with pytest.raises(ConfigurationError, match="api_key"):
        find_key("cn-beijing", {})


def test_named_file_must_exist(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="DASHSCOPE_API_KEY_FILE_PATH"):
        find_key("cn-beijing", {"DASHSCOPE_API_KEY_FILE_PATH": str(tmp_path / "none")})


def test_key_is_in_no_repr() -> None:
    assert "sk-secret" not in repr(ApiKey("sk-secret", "a test"))
    assert "sk-secret" not in repr(find_place("cn-beijing", {"DASHSCOPE_API_KEY": "sk-secret"}))


@pytest.mark.parametrize("region", OWN_KEYS)
def test_a_key_of_another_kind_is_not_sent_to_hosts_with_keys_of_their_own(region: str, tmp_path: Path) -> None:
    """Whatever region a stranger's workflow names."""
    (tmp_path / "api_key.txt").write_text("sk-general-file")
    general = {"DASHSCOPE_API_KEY": "sk-general", "DASHSCOPE_API_KEY_FILE_PATH": str(tmp_path / "api_key.txt")}
    with pytest.raises(KeyMissing) as caught:
        find_key(region, general, tmp_path)
    assert f"DASHSCOPE_API_KEY_{region.upper().replace('-', '_')}" in caught.value.advice
    page_file(region, tmp_path).write_text("sk-of-the-page")
    assert find_key(region, general, tmp_path).value == "sk-of-the-page"
    assert find_key(region, general | {key_variable(region): "sk-own"}, tmp_path).value == "sk-own"
