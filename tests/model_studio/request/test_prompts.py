"""Several prompts in one text, and the file names that follow them."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_studio.errors import InvalidRequest
from model_studio.request.prompts import BLOCKS, LINES, MAX_NAME, file_names, prompts_in

LINE = st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]))


def test_a_list_holds_a_prompt_per_line() -> None:
    text = "a boat\r\n \u3000\na bird\r  a\u2028bee\t\n\x0b"
    assert prompts_in(text) == ["a boat", "a bird", "a\u2028bee", "\x0b"]  # as the page counts them: four


@pytest.mark.parametrize("text", ["", " \t\n\u3000\r\n"])
def test_a_list_of_nothing_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest, match="Write one prompt per line"):
        prompts_in(text)
    with pytest.raises(InvalidRequest, match="Write one prompt per block"):
        prompts_in(text, BLOCKS)


@given(st.lists(LINE.filter(lambda line: line.strip(" \t\u3000")), min_size=1), st.integers(0, 2**31 - 1))
def test_a_list_of_before_sends_what_it_sent(lines: list[str], seed: int) -> None:
    """Its inputs are the defaults, whatever seed: comments and braces were text then."""
    assert prompts_in("\n".join(lines), seed=seed) == [line.strip(" \t\u3000") for line in lines]


def test_text_that_could_be_more_is_text_without_wildcards() -> None:
    text = "# no comment\n---\na {red|blue} boat\n{a\n\\{"
    assert prompts_in(text) == ["# no comment", "---", "a {red|blue} boat", "{a", "\\{"]


@pytest.mark.parametrize("between", ["\n\n", "\n \t\n", "\r\n\r\n", "\n---\n", "\n\n --- \n\n", "\n\n\n"])
def test_blocks_are_divided_by_empty_lines_or_rules(between: str) -> None:
    assert prompts_in(f"a boat\n  at dawn{between}a bird", BLOCKS) == ["a boat\nat dawn", "a bird"]


def test_other_lines_of_hyphens_divide_nothing() -> None:
    assert prompts_in("a boat\n--\n----\na --- b", BLOCKS) == ["a boat\n--\n----\na --- b"]


@given(st.lists(st.lists(st.sampled_from(["a boat", "#a", "{b}", "\u8239"]), min_size=1), min_size=1))
def test_each_block_is_a_prompt(blocks: list[list[str]]) -> None:
    assert prompts_in("\n\n".join(map("\n".join, blocks)), BLOCKS) == ["\n".join(block) for block in blocks]


def test_comments_are_left_out_and_divide_no_block() -> None:
    text = "# boats\na boat\n  # not this\nat dawn\n\n#\n\na bird # singing\n\\# 9"
    assert prompts_in(text, BLOCKS, wildcards=True) == ["a boat\nat dawn", "a bird # singing\n# 9"]
    assert prompts_in("# all\na boat", wildcards=True) == ["a boat"]
    with pytest.raises(InvalidRequest, match="holds no prompt"):
        prompts_in("# all\n#", wildcards=True)


def test_a_prompt_of_which_nothing_is_chosen_is_an_empty_line() -> None:
    assert prompts_in("{}\na boat\n{ | }", wildcards=True) == ["a boat"]


def test_equal_lines_choose_each_for_itself() -> None:
    found = prompts_in("\n".join(["{1|2|3|4|5|6|7|8}"] * 40), wildcards=True, seed=1)
    assert set(found) == set("12345678")


def test_a_new_line_changes_no_other() -> None:
    """What is in the store is not bought again."""
    lines = [f"a {{red|blue|green|grey}} {thing}" for thing in ("boat", "bird", "bee")]
    before = prompts_in("\n".join(lines), wildcards=True, seed=5)
    after = prompts_in("\n".join([*lines[:1], "a {big|small} cat", *lines[1:]]), wildcards=True, seed=5)
    assert [after[0], *after[2:]] == before


def test_a_way_to_split_that_is_not_there() -> None:
    with pytest.raises(InvalidRequest, match=r"split is 'words'\. Choose one of lines, blocks"):
        prompts_in("a boat", "words")


def test_file_names_are_numbers_and_first_words() -> None:
    prompts = [
        "A red boat, at dawn.",
        "../../etc/passwd",
        "%date:yyyy%\\x",
        "\u7d05\u8272\u7684\u8239\uff0c\u6c34\u5f69",
        "\U0001f6a3",
        "con",
    ]
    assert file_names(prompts) == [
        *("01-A-red-boat-at-dawn", "02-etc-passwd", "03-date-yyyy-x", "04-\u7d05\u8272\u7684\u8239-\u6c34\u5f69"),
        *("05", "06-con"),
    ]
    assert file_names(["a"] * 100)[::99] == ["001-a", "100-a"]


def test_long_prompts_end_with_a_word_where_there_are_words() -> None:
    (words,) = file_names(["boats " * 30])
    assert words == "01" + "-boats" * 9
    (one_word,) = file_names(["\u8239" * 100])
    assert one_word == "01-" + "\u8239" * (MAX_NAME - 3)


@given(st.lists(st.text(), max_size=12))
def test_any_prompt_makes_a_safe_name_of_its_own(prompts: list[str]) -> None:
    names = file_names(prompts)
    assert len(set(names)) == len(names) == len(prompts)
    for name in names:
        assert 2 <= len(name) <= MAX_NAME
        assert len(f"{name}_00001_.png".encode()) <= 255
        assert all(char == "-" or unicodedata.category(char)[0] in "LMN" for char in name)
        assert name[:2].isdigit()


@given(LINE)
def test_letters_of_any_script_stay(text: str) -> None:
    (name,) = file_names([text])
    kept = [char for char in unicodedata.normalize("NFC", text) if char.isalpha()]
    assert [char for char in name if char.isalpha()] == kept[: sum(map(str.isalpha, name))]


@given(st.text("ab{|}\\#\n- ", max_size=60), st.sampled_from([LINES, BLOCKS]), st.integers(0, 9))
def test_any_text_is_prompts_or_refused(text: str, split: str, seed: int) -> None:
    try:
        found = prompts_in(text, split, wildcards=True, seed=seed)
    except InvalidRequest:
        return
    assert found and all(found)
    assert found == prompts_in(text, split, wildcards=True, seed=seed)
