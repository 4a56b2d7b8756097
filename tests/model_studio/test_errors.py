from __future__ import annotations

import ast
import inspect
from pathlib import Path

from model_studio import errors
from model_studio.errors import ModelStudioError, TaskTimeout
from model_studio.service import advice
from model_studio.words import Text

ROOT = Path(__file__).parent.parent.parent


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    drawn = [line.strip("│├└─ ").split(" ")[0] for line in (errors.__doc__ or "").splitlines() if "─" in line]
    classes = [
        name for name, value in vars(errors).items() if inspect.isclass(value) and value.__module__ == errors.__name__
    ]
    assert set(drawn) == set(classes) - {"ModelStudioError"}
    assert len(drawn) == len(set(drawn))
    assert all(issubclass(getattr(errors, name), ModelStudioError) for name in classes)


def test_message_has_what_advice_and_facts() -> None:
    error = TaskTimeout("What happened.", "What to do.", code="C", http_status=500, request_id="r", task_id="t")
    assert str(error) == "What happened. What to do. (code C, HTTP 500, request id r, task id t)"
    assert str(ModelStudioError("Only this.")) == "Only this."
    error.notes = (Text("One more."), Text("And another."))
    assert str(error).endswith("request id r, task id t) One more. And another.")


def test_ids_are_added_but_not_replaced() -> None:
    error = TaskTimeout("What.", request_id="first").with_ids(request_id="second", task_id="t")
    assert (error.request_id, error.task_id) == ("first", "t")


def test_there_is_no_error_that_nobody_raises() -> None:
    raised = {row.kind.__name__ for row in (*advice.TABLE, *advice._BY_STATUS.values(), advice._REFUSED, advice._FAULT)}
    for path in (ROOT / "model_studio").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call):
                raised.add(getattr(node.func, "id", getattr(node.func, "attr", "")))
    classes = [value for value in vars(errors).values() if inspect.isclass(value) and issubclass(value, Exception)]
    leaves = {kind.__name__ for kind in classes if not kind.__subclasses__()}
    assert leaves - raised == set()
