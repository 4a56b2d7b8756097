"""Words chosen by a seed."""

from __future__ import annotations

import re
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_studio.errors import InvalidRequest
from model_studio.request.wildcards import MAX_DEPTH, chosen

SEEDS = [str(number) for number in range(200)]


def all_of(text: str) -> set[str]:
    return {chosen(text, seed) for seed in SEEDS}


def test_one_of_the_options_is_chosen() -> None:
    assert all_of("a {red|blue} boat") == {"a red boat", "a blue boat"}
    assert all_of("{one}") == {"one"}
    assert all_of("a{| red}") == {"a", "a red"}


def test_an_option_may_hold_braces() -> None:
    assert all_of("{a|{b|c{d|e}}f}") == {"a", "bf", "cdf", "cef"}


def test_each_pair_of_braces_chooses_for_itself() -> None:
    assert all_of("{a|b}{a|b}") == {"aa", "ab", "ba", "bb"}


def test_what_is_chosen_is_written_in_stone() -> None:
    """A prompt that a newer version chose otherwise would be paid for again."""
    found = [chosen("a {red|blue|green} {boat|bird}", str(seed)) for seed in range(6)]
    assert found == ["a blue boat", "a green bird", "a red bird", "a red bird", "a blue bird", "a blue bird"]


def test_options_are_chosen_equally_often() -> None:
    counts = Counter(chosen("{a|b|c|d}", str(seed)) for seed in range(4000))
    assert all(900 < count < 1100 for count in counts.values())


def test_a_backslash_takes_the_next_as_it_is() -> None:
    assert chosen(r"\{a\|b\} \# \\ C:\boats \\{x\|y}", "1") == r"{a|b} # \ C:\boats \x|y"
    assert chosen("a\\", "1") == "a\\"


def test_bars_outside_of_braces_are_text() -> None:
    assert chosen("a|b", "1") == "a|b"


@pytest.mark.parametrize("text", ["{", "}", "a {red|blue", "a red} boat", "{{a}", "}{", r"{a\}", "{" * (MAX_DEPTH + 9)])
def test_a_brace_without_its_other_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        chosen(text, "1")
    assert f"Braces do not fit together in the prompt {text!r:.80}." in str(refused.value)


@given(st.text(), st.text())
def test_any_text_can_be_written(text: str, seed: str) -> None:
    assert chosen(re.sub(r"([{|}#\\])", r"\\\1", text), seed) == text
    assert chosen("{" + re.sub(r"([{|}#\\])", r"\\\1", text) + "}", seed) == text


@given(st.lists(st.text("abc ", min_size=1), min_size=1, max_size=6), st.text())
def test_it_is_always_the_same_option(options: list[str], seed: str) -> None:
    text = "{" + "|".join(options) + "}"
    assert chosen(text, seed) in options
    assert chosen(text, seed) == chosen(text, seed)
