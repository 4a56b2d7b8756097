from __future__ import annotations

import inspect

from model_studio import errors
from model_studio.errors import ModelStudioError, TaskTimeout


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


def test_ids_are_added_but_not_replaced() -> None:
    error = TaskTimeout("What.", request_id="first").with_ids(request_id="second", task_id="t")
    assert (error.request_id, error.task_id) == ("first", "t")
