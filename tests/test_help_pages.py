"""The help pages: what they say of models, prices and limits is what the catalog says, in three languages alike."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from PIL import Image

from model_studio import catalog
from model_studio.account import settings
from model_studio.catalog import BEIJING, SINGAPORE, VIRGINIA, Model, Size
from model_studio.catalog.model import PRICE_DOCS, RateLimit
from model_studio.catalog.sizes import Area, OneOf, Sides
from model_studio.page import recent
from model_studio.request import notes, options
from model_studio.runs.leftovers import LIFETIME
from model_studio.service.pacer import QUERIES
from rig.layout import ROOT
from tests.chinese import other_script, other_words

DOCS = ROOT / "web" / "docs"
NODES: Mapping[str, Any] = json.loads((ROOT / "tests/comfyui/object_info.json").read_text("utf-8"))
MODELS = {
    "ModelStudioQwenText2Image": catalog.QWEN_MODELS,
    "ModelStudioWanText2Image": catalog.WAN_MODELS,
    "ModelStudioSubmitText2Image": catalog.TASK_MODELS,
    "ModelStudioWanImageSet": catalog.SET_MODELS,
}
LANGUAGES = ("en", "zh", "zh-TW")
SECOND, MINUTE = 1, 60
WORDS = {
    "en": {
        SECOND: "s",
        MINUTE: "min",
        "characters": "chars",
        "tokens": "tokens",
        "date": "April 2026",
        "default": "Default",
        "only": "these only",
    },
    "zh": {
        SECOND: "秒",
        MINUTE: "分钟",
        "characters": "字符",
        "tokens": "token",
        "date": "2026 年 4 月",
        "default": "默认",
        "only": "仅限这些",
    },
    "zh-TW": {
        SECOND: "秒",
        MINUTE: "分鐘",
        "characters": "字元",
        "tokens": "token",
        "date": "2026 年 4 月",
        "default": "預設",
        "only": "僅限這些",
    },
}
HOSTS = {
    "bailian.console.aliyun.com",
    "modelstudio.console.alibabacloud.com",
    "help.aliyun.com",
    "www.alibabacloud.com",
}
MOST_BYTES = 60_000  # of a picture
# The tables of a page with models, in their order; the other pages have their inputs alone.
CHOICE, PRICES, SIZES, INPUTS, LIMITS = range(5)
DATED = re.compile(r"-\d{4}-\d\d-\d\d$")
MODEL_NAME = re.compile(r"(?:qwen-image|wanx?\d|z-image)(?:[.-]?[a-z0-9]+)*")

Table = list[list[str]]


@dataclass(frozen=True)
class HelpPage:
    """One page in one language."""

    node_id: str
    language: str

    @property
    def file(self) -> Path:
        if self.language == "en":  # the plain page, for every language without its own
            return DOCS / f"{self.node_id}.md"
        return DOCS / self.node_id / f"{self.language}.md"

    @property
    def text(self) -> str:
        return self.file.read_text("utf-8")

    @property
    def models(self) -> tuple[Model, ...]:
        return MODELS.get(self.node_id, ())

    @property
    def undated(self) -> list[Model]:
        return [model for model in self.models if not DATED.search(model.name)]

    @property
    def headings(self) -> list[str]:
        return re.findall(r"^#+ .*$", self.text, re.MULTILINE)

    @property
    def images(self) -> list[str]:
        return re.findall(r"!\[[^\]]+\]\(([^)]+)\)", self.text)

    @property
    def links(self) -> list[str]:
        return re.findall(r"(?<!!)\[[^\]]+\]\(([^)]+)\)", self.text)

    @property
    def tables(self) -> list[Table]:
        """Rows of cells, without the line under the header."""
        lines = groupby(self.text.splitlines(), lambda line: line.startswith("|"))
        return [_rows(list(group)) for is_table, group in lines if is_table]

    @property
    def inputs(self) -> dict[str, str]:
        """Input id -> what the page says of it."""
        table = self.tables[INPUTS if self.models else 0]
        return {_id(cell): meaning for cell, meaning in table[1:]}

    def row(self, table: int, model: Model) -> list[str]:
        """The row that has this model in its first cell."""
        (row,) = (row for row in self.tables[table] if model.name in _names(row[0]))
        return row


def _rows(lines: list[str]) -> Table:
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert set("".join(rows[1])) <= set("-: ")
    return [rows[0], *rows[2:]]


def _names(text: str) -> list[str]:
    return MODEL_NAME.findall(text)


def _id(cell: str) -> str:
    """The id in a cell: as it is, or below the label that the node shows in the page's language."""
    return cell.split("<br>")[-1].replace("<wbr>", "")


def _money(amount: float) -> str:
    """0.50, but 0.015."""
    return f"{amount:.2f}" if round(amount, 2) == amount else f"{amount:g}"


PAGES = [HelpPage(node_id, language) for node_id in NODES for language in LANGUAGES]


@pytest.fixture(params=PAGES, ids=lambda page: f"{page.node_id}-{page.language}")
def page(request: pytest.FixtureRequest) -> HelpPage:
    page: HelpPage = request.param
    return page


@pytest.fixture(params=[page for page in PAGES if page.models], ids=lambda page: f"{page.node_id}-{page.language}")
def models_page(request: pytest.FixtureRequest) -> HelpPage:
    page: HelpPage = request.param
    return page


def test_there_is_a_page_for_each_node_and_language_and_no_other() -> None:
    assert sorted(DOCS.rglob("*.md")) == sorted(page.file for page in PAGES)


# Against the catalog


def price_row(model: Model) -> list[str]:
    """Amounts of different conditions stand in the catalog's order; ¹ marks those that are not of the price page."""
    cells = [model.name if model.sources["prices"] == PRICE_DOCS else f"{model.name} ¹", str(model.max_n)]
    for region in (BEIJING, SINGAPORE):
        amounts = [_money(price.amounts[region][0]) for price in model.prices if region in price.amounts]
        cells.append(" / ".join(amounts) or "–")
    for price in model.prices:
        if VIRGINIA in model.ids and price.amounts[VIRGINIA] != price.amounts[SINGAPORE]:
            cells[-1] += f"; {VIRGINIA} {_money(price.amounts[VIRGINIA][0])}"
    return cells


def test_pictures_per_request_and_prices(models_page: HelpPage) -> None:
    assert models_page.tables[PRICES][1:] == [price_row(model) for model in models_page.undated]
    assert WORDS[models_page.language]["date"] in models_page.text and "April 2026" in PRICE_DOCS
    for model in models_page.models:
        for price in model.prices:
            assert {currency for _, currency in price.amounts.values()} <= {"CNY", "USD"}
            assert price.prompt_extend is None or f"- {model.name}" in models_page.text
            if price.max_pixels:
                side = round(price.max_pixels**0.5)
                assert side**2 == price.max_pixels and f"{side}×{side}" in models_page.text


def test_dated_models_are_named_and_as_those_without_a_date(models_page: HelpPage) -> None:
    for model in models_page.models:
        if DATED.search(model.name):
            same = catalog.find(DATED.sub("", model.name))
            assert same and model.name in _names(models_page.text)
            facts = ("sync", "size_rules", "ratio_sizes", "max_n", "takes", "prompt_limit", "prices", "rate_limit")
            assert all(getattr(model, fact) == getattr(same, fact) for fact in facts)


def ratio_cell(model: Model) -> str:
    sizes = {ratio: str(size).replace("*", "×") for ratio, size in model.ratio_sizes.items()}
    return "<br>".join(sizes[ratio] for ratio in ("1:1", "16:9", "4:3"))


def custom_facts(model: Model) -> set[str]:
    """All that the rules for a custom size name: sizes whichever way they lie, lengths of sides, the ratio."""
    facts: set[str] = set()
    for rule in model.size_rules:
        match rule:
            case OneOf():
                facts |= {_upright(size) for size in rule.choices}
            case Sides():
                facts |= {f"{rule.shortest}–{rule.longest}", _upright(rule.largest)}
            case Area():
                facts |= {_upright(rule.smallest), _upright(rule.largest)}
                facts |= {f"{rule.max_ratio}:1"} if rule.max_ratio else set()
    return facts


def _upright(size: Size) -> str:
    return "×".join(map(str, sorted((size.width, size.height))))


def test_sizes(models_page: HelpPage) -> None:
    words = WORDS[models_page.language]
    for model in models_page.undated:
        _, ratios, custom = models_page.row(SIZES, model)
        assert ratios == ratio_cell(model)
        sizes = model.ratio_sizes
        turned = {ratio: Size(sizes[ratio].height, sizes[ratio].width) for ratio in ("16:9", "4:3")}
        assert (sizes["9:16"], sizes["3:4"]) == (turned["16:9"], turned["4:3"])
        if [set(rule.choices) for rule in model.size_rules if isinstance(rule, OneOf)] == [set(sizes.values())]:
            assert custom == words["only"]
            continue
        told = re.findall(r"\d+×\d+|\d+–\d+|\d+:1", custom)
        upright = {_upright(Size(*map(int, fact.split("×")))) if "×" in fact else fact for fact in told}
        assert upright == custom_facts(model), model.name


def test_sizes_by_resolution(models_page: HelpPage) -> None:
    for model in models_page.undated:
        for tier, sizes in model.tiers.items():
            if sizes != model.ratio_sizes:
                told = ", ".join(str(sizes[ratio]).replace("*", "×") for ratio in ("1:1", "16:9", "4:3"))
                (line,) = (line for line in models_page.text.splitlines() if told in line and line.startswith("- "))
                assert model.name in _names(line) and tier in line


def test_legacy_models_and_those_of_other_shops_are_named(models_page: HelpPage) -> None:
    parts = re.split(r"\n(?=- )|\n\n|\s(?=QwenCloud: )|(?=QwenCloud：)", models_page.text)
    marked = {
        r"Legacy|旧版|舊版": [model for model in models_page.undated if model.is_legacy],
        r"Token Plan": [model for model in models_page.undated if set(catalog.TOKEN_PLANS) & set(model.ids)],
        r"QwenCloud": [model for model in models_page.undated if catalog.QWENCLOUD in model.ids],
    }
    if models_page.node_id == "ModelStudioSubmitText2Image":  # these shops take no tasks
        return
    for word, models in marked.items():
        lists = [_names(part) for part in parts if re.search(word, part)]
        assert not models or any({model.name for model in models} == set(names) for names in lists), word


def limit_cells(model: Model, words: Mapping[Any, str]) -> list[str]:
    def rate(limit: RateLimit) -> str:
        return f"{limit.submits}/{words[int(limit.per_seconds)]}"

    rates = [rate(model.rate_limit), *(f"{region} {rate(limit)}" for region, limit in model.rate_limits.items())]
    prompt = model.prompt_limit
    return ["; ".join(rates), str(model.rate_limit.concurrent or "–"), f"{prompt.length} {words[prompt.unit]}"]


def test_limits(models_page: HelpPage) -> None:
    for model in models_page.undated:
        assert models_page.row(LIMITS, model)[1:] == limit_cells(model, WORDS[models_page.language])
        assert all(limit.concurrent == model.rate_limit.concurrent for limit in model.rate_limits.values())


def test_every_model_named_is_one_and_its_seconds_are_the_catalogs(models_page: HelpPage) -> None:
    for name in _names(models_page.text):
        assert catalog.find(name), name
    for name, seconds in re.findall(rf"({MODEL_NAME.pattern}) \(≈(\d+) ", models_page.text):
        model = catalog.find(name)
        assert model and int(seconds) == round(model.typical_seconds)


def test_inputs_name_the_models_that_differ(models_page: HelpPage) -> None:
    inputs = models_page.inputs
    models = models_page.undated
    for name in {"negative_prompt", "prompt_extend", "watermark"} & inputs.keys():
        assert _names(inputs[name]) == [model.name for model in models if name not in model.takes]
    for name in set(options.NAMES) & inputs.keys():
        assert _names(inputs[name]) == [model.name for model in models if options.applies(model, name, True)]
    assert _names(inputs["region"]) == [model.name for model in models if VIRGINIA in model.ids]
    if "call_mode" in inputs:
        few = [model.name for model in models if model.task]
        if len(few) == len(models):
            few = [model.name for model in models if model.sync]
        assert _names(inputs["call_mode"]) == few


# Against the schema


def test_every_input_with_its_default_and_range(page: HelpPage) -> None:
    given = NODES[page.node_id]["input"]
    inputs = given["required"] | given.get("optional", {})
    assert list(page.inputs) == list(inputs)
    for name, (kind, about) in inputs.items():
        meaning = page.inputs[name]
        if kind in ("STRING", "IMAGE"):
            continue
        default = str(about["default"]).lower() if kind == "BOOLEAN" else about["default"]
        assert meaning[:-1].endswith(f"{WORDS[page.language]['default']} {default}")
        if kind == "INT" and name != "n":
            assert f"{about['min']}–{about['max']}" in meaning
        for choice in about.get("options", ()) if name != "model" else ():
            assert choice in meaning


def test_every_output(page: HelpPage) -> None:
    for name in NODES[page.node_id]["output_name"]:
        assert f"\n- `{name}`" in page.text


def test_numbers_of_the_code(page: HelpPage) -> None:
    if "negative_prompt" in page.inputs:
        assert str(notes.MAX_NEGATIVE_PROMPT) in page.inputs["negative_prompt"]
    if "seed" in page.inputs and page.node_id != "ModelStudioPromptList":
        assert f"{settings.DEFAULT_STORE_DAYS:g} " in page.text
        assert f"{settings.DEFAULT_STORE_LIMIT // 2**30} GiB" in page.text
    if "task_id" in page.inputs:
        assert f" {recent.COUNT} " in page.text and f" {QUERIES.submits} " in page.text
    if page.node_id != "ModelStudioPromptList":
        assert f"{LIFETIME / 3600:g} " in page.text


# Against each other and the page that shows them


def sections(page: HelpPage) -> list[dict[str, Any]]:
    """What must not differ between languages, from heading to heading."""
    return [
        {
            "level": len(section) - len(section.lstrip("#")),
            "codes": sorted(re.findall(r"`[^`]+`", section)),
            "list items": len(re.findall(r"^- ", section, re.MULTILINE)),
            "quotations": len(re.findall(r"^> ", section, re.MULTILINE)),
            "links": len(re.findall(r"\]\(", section)),
        }
        for section in re.split(r"^(?=#)", page.text, flags=re.MULTILINE)
    ]


def test_languages_say_the_same(page: HelpPage) -> None:
    english = HelpPage(page.node_id, "en")
    assert sections(page) == sections(english)
    assert [[len(row) for row in table] for table in page.tables] == [
        [len(row) for row in table] for table in english.tables
    ]
    assert [image.replace(f".{page.language}.", ".en.") for image in page.images] == english.images


def test_pictures_are_there_and_small(page: HelpPage) -> None:
    """They are looked for beside the plain page, in every language."""
    assert page.images
    for name in page.images:
        file = DOCS / name
        with Image.open(file) as picture:
            assert 500 < picture.width <= 800
        assert file.stat().st_size < MOST_BYTES


def test_no_picture_is_left_over() -> None:
    used = {DOCS / image for page in PAGES for image in page.images}
    assert {path for path in (DOCS / "images").iterdir()} == used


def test_links_lead_to_the_vendor(page: HelpPage) -> None:
    """Older pages of ComfyUI resolve no relative links."""
    for link in page.links:
        parts = urlsplit(link)
        assert parts.scheme == "https" and parts.hostname in HOSTS


def test_title_and_labels_are_those_on_the_node(page: HelpPage) -> None:
    names = _locale(page.language)[page.node_id]
    assert page.headings[0] == f"# {names['display_name']}"
    if page.language == "en":
        return
    table = page.tables[INPUTS if page.models else 0]
    assert [cell.split("<br>")[0] for cell, _ in table[1:]] == [given["name"] for given in names["inputs"].values()]


@cache
def _locale(language: str) -> Mapping[str, Any]:
    locale: Mapping[str, Any] = json.loads((ROOT / "locales" / language / "nodeDefs.json").read_text("utf-8"))
    return locale


def test_no_characters_and_words_of_the_other_side(page: HelpPage) -> None:
    if page.language != "en":
        assert not other_script(page.text, page.language)
        assert not other_words(page.text, page.language)


def test_bold_ends_where_it_should(page: HelpPage) -> None:
    """Markdown takes ** between a punctuation mark and a character for the beginning of something bold."""
    assert not re.search(r"[^\w\s`*]\*\*\w", page.text)
