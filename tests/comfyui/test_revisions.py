"""What tells ComfyUI's cache to run a node again, by itself; in ComfyUI it is tested in test_cache.py."""

from __future__ import annotations

from comfyui import revisions
from comfyui.revisions import Place, Revisions

INPUTS = {"prompt": None, "seed": 7}


def test_it_changes_after_an_end_that_is_not_final_and_then_stays() -> None:
    table = Revisions()
    first = table.fingerprint(Place("p1", "3"), "Wan", INPUTS)
    table.not_final(Place("p1", "3"))
    second = table.fingerprint(Place("p2", "3"), "Wan", INPUTS)
    assert first != second == table.fingerprint(Place("p3", "3"), "Wan", INPUTS)


def test_it_changes_for_that_node_only() -> None:
    table = Revisions()
    others = [
        (Place("p1", "4"), "Wan", INPUTS),
        (Place("p1", "3"), "Wan", {**INPUTS, "seed": 8}),
        (Place("p1", "3"), "Qwen", INPUTS),
    ]
    before = [table.fingerprint(*other) for other in others]
    table.fingerprint(Place("p2", "3"), "Wan", INPUTS)
    table.not_final(Place("p2", "3"))
    assert [table.fingerprint(*other) for other in others] == before


def test_a_node_changes_once_when_a_task_of_its_own_fails() -> None:
    table = Revisions()
    seen = [table.fingerprint(Place("p1", "3"), "Submit", INPUTS)]
    table.submitted(Place("p1", "3"), "task-1")
    for failed in (["task-2"], ["task-1"], ["task-1"]):
        table.failed(failed)
        seen.append(table.fingerprint(Place("p2", "3"), "Submit", INPUTS))
    assert seen[0] == seen[1] != seen[2] == seen[3]


def test_without_a_cache_nothing_is_remembered() -> None:
    table = Revisions()
    table.not_final(Place("p1", "3"))
    table.submitted(Place("p1", "3"), "task-1")
    table.failed(["task-1"])
    assert table.fingerprint(Place("p2", "3"), "Wan", INPUTS) == 0


def test_what_is_remembered_is_bounded() -> None:
    table = Revisions()
    for number in range(revisions.MOST + 10):
        place = Place(f"p{number}", "3")
        table.fingerprint(place, "Wan", {"seed": number})
        table.submitted(place, f"task-{number}")
        table.not_final(place)
    assert all(len(kept) == revisions.MOST for kept in (table._last, table._nodes, table._submitters))
    assert table.fingerprint(Place("p", "3"), "Wan", {"seed": number}) > 0  # the newest are kept
