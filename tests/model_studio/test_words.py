"""Texts, and that every text that users read is one and has its translations."""

from __future__ import annotations

import ast
import copy
import inspect
import json
import pickle
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from string import Formatter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_studio import errors, waiting
from model_studio.errors import TaskTimeout
from model_studio.ledger import database
from model_studio.service import advice, exchange
from model_studio.words import Text, join, money, translate

ROOT = Path(__file__).parent.parent.parent
FOLDERS = ("model_studio", "comfyui", "nodes", "routes")

ODD = {
    "{model} cannot draw {size}.": "{size} 的图片，{model} 画不了。",
    "{before}, {after}": "{before}、{after}",
    "one of {choices}": "{choices} 之一",
    "queued": "排队中",
}


# What a Text is


def test_a_text_is_its_english_sentence() -> None:
    text = Text("{model} cannot draw {size}.", model="wan", size="9*9")
    assert text == "wan cannot draw 9*9." and isinstance(text, str)
    assert text.into(ODD) == "9*9 的图片，wan 画不了。"
    assert text.into({}) == text


def test_values_that_are_texts_are_translated_too() -> None:
    inner = Text("one of {choices}", choices="1, 2")
    assert Text("{model} cannot draw {size}.", model="wan", size=inner).into(ODD) == "1, 2 之一 的图片，wan 画不了。"


def test_joined_texts() -> None:
    assert join("{before}, {after}", ["a", Text("queued"), "c"]) == "a, queued, c"
    assert translate(join("{before}, {after}", ["a", Text("queued"), "c"]), ODD) == "a、排队中、c"
    assert join("{before}, {after}", ["alone"]) == "alone"


def test_translate_reaches_into_info() -> None:
    info = {"seed": 1, "source": "queued", "notes": [Text("queued"), "said"], "cost": {"basis": Text("queued")}}
    assert translate(info, ODD) == {
        "seed": 1,
        "source": "queued",
        "notes": ["排队中", "said"],
        "cost": {"basis": "排队中"},
    }


VALUES = st.text() | st.sampled_from(["{", "}", "{size}", "{0}", "{{}}", "{size!r:>9}"]) | st.integers()


@given(model=VALUES, size=VALUES)
def test_any_values_survive(model: Any, size: Any) -> None:
    """Prompts and the service's messages may hold braces."""
    text = Text("{model} cannot draw {size}.", model=model, size=size)
    assert text == f"{model} cannot draw {size}."
    assert text.into(ODD) == f"{size} 的图片，{model} 画不了。"
    assert Text("one of {choices}", choices=text).into(ODD) == f"{text.into(ODD)} 之一"


@given(value=VALUES)
def test_copies_are_the_same_text(value: Any) -> None:
    text = Text("one of {choices}", choices=value)
    for same in (copy.copy(text), copy.deepcopy(text), pickle.loads(pickle.dumps(text))):
        assert same == text and same.into(ODD) == text.into(ODD)


def test_json_of_a_text_is_plain() -> None:
    assert json.dumps({Text("queued"): [Text("queued")]}) == '{"queued": ["queued"]}'


@pytest.mark.parametrize(
    ("amount", "written"),
    [
        (0.5, "CNY 0.50"),
        (0.015, "CNY 0.015"),
        (0.075 * 3, "CNY 0.225"),
        (0.1 + 0.2, "CNY 0.30"),
        (20, "CNY 20.00"),
        (100.0, "CNY 100.00"),
        (1234.565, "CNY 1234.565"),
        (0.00004, "CNY 0.00"),
        (Decimal("1E+3"), "CNY 1000.00"),
        (Decimal("0.0270"), "CNY 0.027"),
    ],
)
def test_money(amount: float | Decimal, written: str) -> None:
    assert money(amount, "CNY") == written


# Errors in another language


def test_an_error_speaks_another_language_and_stays_itself() -> None:
    error = TaskTimeout(
        Text("After {seconds:.0f} s the task is not finished ({told}).", seconds=7, told="PENDING"),
        Text("It is not billed; queue a new one."),
        code="C",
        http_status=500,
        request_id="r",
        task_id="t",
    )
    english = "After 7 s the task is not finished (PENDING). It is not billed; queue a new one."
    assert str(error) == f"{english} (code C, HTTP 500, request id r, task id t)"
    error.translations = messages("zh-TW")
    assert str(error) == (
        "已等待 7 秒，任務仍未完成（PENDING）。它不計費；請重新執行以提交新任務。"
        "（錯誤碼 C，HTTP 500，請求 ID r，任務 ID t）"
    )
    assert type(str(error)) is str
    assert error.what.startswith("After 7 s") and (error.request_id, error.task_id) == ("r", "t")


def test_what_the_service_says_is_not_translated() -> None:
    error = advice.service_error("InvalidParameter", "queued {n} {", region="cn-beijing", http_status=400)
    error.translations = {"queued": "排队中", **messages("zh")}
    assert str(error) == (
        "服务拒绝了请求中的一个值。服务返回的消息：“queued {n} {”。服务返回的消息说明了是哪一个；请修改后重新运行。"
        "（错误码 InvalidParameter，HTTP 400）"
    )


# The translations


def trees() -> Iterator[tuple[str, ast.Module]]:
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield path.relative_to(ROOT).as_posix(), ast.parse(path.read_text("utf-8"))


def makes_text(node: ast.AST) -> bool:
    """Whether it is a call of Text or of our `join`; that of str is a method."""
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("Text", "join")


# Modules that make Texts of templates in tables.
TABLES = {
    "model_studio/service/advice.py": [
        template
        for row in (*advice.TABLE, *advice._BY_STATUS.values(), advice._REFUSED, advice._FAULT)
        for template in (row.what, row.advice)
    ],
    "model_studio/service/exchange.py": list(exchange._NO_CONNECTION.values()),
    "model_studio/words.py": [],
}


def templates() -> set[str]:
    found = {template for table in TABLES.values() for template in table}
    for path, tree in trees():
        for node in filter(makes_text, ast.walk(tree)):
            template = node.args[0]
            if isinstance(template, ast.Constant):
                found.add(template.value)
            else:
                assert path in TABLES, f"{path}:{node.lineno} makes a Text of what no translator can find"
    return found


def messages(language: str) -> dict[str, str]:
    read: dict[str, str] = json.loads((ROOT / "locales" / language / "messages.json").read_text("utf-8"))
    return read


def placeholders(template: str) -> Counter[tuple[str | None, str | None, str | None]]:
    return Counter((name, spec, how) for _, name, spec, how in Formatter().parse(template) if name is not None)


def has_words(template: str) -> bool:
    """Whether there is something to translate: units and words, but not HTTP."""
    between = "".join(literal for literal, *_ in Formatter().parse(template)).replace("HTTP", "")
    return any(letter.isalpha() for letter in between)


@pytest.mark.parametrize(("language", "charset"), [("zh", "gb2312"), ("zh-TW", "big5")])
def test_every_text_is_translated(language: str, charset: str) -> None:
    translated = messages(language)
    assert set(translated) - templates() == set(), "no longer said"
    assert templates() - set(translated) == set(), "not translated"
    for template, translation in translated.items():
        assert placeholders(translation) == placeholders(template), template
        assert not (has_words(template) and translation.isascii()), template
        translation.encode(charset)  # no character of the other script


# That nobody forgets to make a Text


ERRORS = {
    name
    for module in (errors, exchange, database, waiting)
    for name, value in vars(module).items()
    if inspect.isclass(value) and issubclass(value, Exception)
}
SPEAKING = {"tell", "note", "say", "finish"}  # functions and methods


def spoken(tree: ast.AST) -> Iterator[ast.expr]:
    """Expressions that users will read: arguments of errors, notes, phases, texts on nodes."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            owner = getattr(node.func, "value", None)
            keeps = name == "append" and getattr(owner, "attr", getattr(owner, "id", "")).endswith("notes")
            if keeps or name in SPEAKING | ERRORS:
                yield from node.args
        elif isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign) and node.value:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if ast.unparse(targets[0]).endswith(("notes", "trouble", ".advice", ".what")):
                yield node.value


def plain(node: ast.AST) -> Iterator[int]:
    """Lines of literals, f-strings and sums in an expression that are in no Text."""
    if makes_text(node) or isinstance(node, ast.Compare | ast.Subscript):
        return
    literal = isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value != ""
    if literal or isinstance(node, ast.JoinedStr | ast.BinOp):
        yield node.lineno  # type: ignore[attr-defined]  # expressions have one
        return
    for child in ast.iter_child_nodes(node):
        yield from plain(child)


def test_whatever_users_read_is_a_text() -> None:
    found = [f"{path}:{line}" for path, tree in trees() for expression in spoken(tree) for line in plain(expression)]
    assert found == []


@pytest.mark.parametrize(
    "source",
    [
        'raise InvalidRequest("The prompt is empty.")',
        'raise errors.InvalidRequest(Text("The prompt is empty."), f"Write {one}.")',
        'raise InvalidRequest(Text("No prompt.") if one else "No prompts.")',
        'raise InvalidRequest(Text("No prompt. ") + REPORT)',
        'self.note("The service gave {task_id} twice.".format(task_id=task_id))',
        'self._notes.append("An earlier task was lost.")',
        'notes += [f"A picture was lost: {error}" for error in errors]',
        'waiting.tell(f"downloading {arrived}", timed=False)',
        'error.advice += " Queue again."',
        'say(node, "done")',
        'raise LineBroken("no answer")',
        'trouble = "no answer in time"',
    ],
)
def test_what_is_no_text_is_found(source: str) -> None:
    assert [line for expression in spoken(ast.parse(source)) for line in plain(expression)] == [1]


def test_what_is_a_text_is_not() -> None:
    source = """
raise InvalidRequest(Text("{count} prompts.", count=len("ab")), join("{before} {after}", parts), task_id=f"{one}")
notes = [Text("No {name}.", name=name) for name in names]
waiting.tell(WORDS.get(state, state), about=None)
"""
    assert [line for expression in spoken(ast.parse(source)) for line in plain(expression)] == []
