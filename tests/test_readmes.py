"""The README in three languages: what no translation changes is the same in each."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

import pytest

from rig.layout import ROOT
from tests.chinese import other_script, other_words

FILES = {"en": "README.md", "zh-TW": "README.zh-TW.md", "zh": "README.zh.md"}
CHINESE = ("zh", "zh-TW")


@dataclass(frozen=True)
class Readme:
    """A README in parts: its code blocks, the line of languages below the title, and all the rest."""

    blocks: list[str]
    languages: list[str]
    text: str

    @classmethod
    def read(cls, language: str) -> Readme:
        whole = (ROOT / FILES[language]).read_text("utf-8")
        title, languages, rest = whole.split("\n\n", 2)
        blocks = re.findall(r"^```.*?^```$", rest, re.M | re.S)
        return cls(
            blocks, languages.split(" | "), f"{title}\n\n" + re.sub(r"^```.*?^```$", "", rest, flags=re.M | re.S)
        )

    def headings(self) -> list[str]:
        return re.findall(r"^#+ .*", self.text, re.M)

    def spans(self) -> Counter[str]:
        return Counter(re.findall(r"`([^`]+)`", self.text))

    def links(self) -> list[str]:
        return re.findall(r"\]\(([^)]+)\)", self.text)

    def tables(self) -> list[list[int]]:
        """Of each table, the number of cells of each row."""
        found: list[list[int]] = [[]]
        for line in re.sub(r"`[^`]+`", "", self.text).splitlines():
            if line.startswith("|"):
                found[-1].append(line.count("|") - 1)
            elif found[-1]:
                found.append([])
        return found

    def items(self) -> list[str]:
        """The mark of each item of a list."""
        return re.findall(r"^(-|\d\.) ", self.text, re.M)

    def numbers(self) -> Counter[str]:
        return Counter(re.findall(r"(?<![A-Za-z])\d+(?:\.\d+)*", self.text))


@pytest.fixture(scope="module")
def english() -> Readme:
    return Readme.read("en")


@pytest.fixture(params=CHINESE)
def language(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def translated(language: str) -> Readme:
    return Readme.read(language)


@pytest.mark.parametrize("language", FILES)
def test_each_leads_to_the_others(language: str) -> None:
    names = {"en": "English", "zh-TW": "繁體中文", "zh": "简体中文"}
    expected = [name if other == language else f"[{name}]({FILES[other]})" for other, name in names.items()]
    assert Readme.read(language).languages == expected


def test_the_same_sections(english: Readme, translated: Readme) -> None:
    levels = [[heading.index(" ") for heading in readme.headings()] for readme in (english, translated)]
    assert levels[0] == levels[1]
    assert not set(english.headings()) & set(translated.headings())


def test_the_same_commands(english: Readme, translated: Readme) -> None:
    assert english.blocks == translated.blocks


def test_the_same_words_of_code(english: Readme, translated: Readme) -> None:
    """Environment variables, values, commands, files."""
    assert english.spans() == translated.spans()


def test_the_same_links_and_pictures(english: Readme, translated: Readme) -> None:
    outside = [[link for link in readme.links() if not link.startswith("#")] for readme in (english, translated)]
    assert outside[0] == outside[1]
    assert len(english.links()) == len(translated.links())


@pytest.mark.parametrize("language", FILES)
def test_links_lead_somewhere(language: str) -> None:
    readme = Readme.read(language)
    anchors = {
        "#" + re.sub(r"[^\w -]", "", heading.lstrip("# ").lower()).replace(" ", "-") for heading in readme.headings()
    }
    for link in readme.links():
        assert link in anchors or link.startswith("https://") or (ROOT / link).is_file(), link


def test_the_same_tables_and_lists(english: Readme, translated: Readme) -> None:
    assert english.tables() == translated.tables()
    assert english.items() == translated.items()


def test_the_same_numbers_and_prices(english: Readme, translated: Readme) -> None:
    assert english.numbers() == translated.numbers()


def test_each_chinese_keeps_to_its_own_characters_and_words(language: str, translated: Readme) -> None:
    assert not other_script(translated.text, language)
    assert not other_words(translated.text, language)
