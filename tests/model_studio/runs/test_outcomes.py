"""What a node tells of one run, and of thousands."""

from __future__ import annotations

import pytest

from model_studio.runs.info import NEW, STORED
from model_studio.runs.outcomes import LONGEST, Outcome, Pictures, Runs
from model_studio.words import Text

BOAT = Pictures(1, "512*512", 2.5, NEW, 0.2, "CNY")


def begun(count: int) -> Runs:
    runs = Runs()
    for number in range(1, count + 1):
        assert runs.begin() == number
    return runs


@pytest.mark.parametrize(
    ("drawn", "text"),
    [
        (BOAT, "1 picture 512*512, 2.5 s, CNY 0.20 at list price"),
        (Pictures(2, "512*512", 0.1, STORED, 0.0, "CNY"), "2 pictures 512*512, 0.1 s, from store, CNY 0.00"),
        (Pictures(1, "512*512", 3, NEW), "1 picture 512*512, 3 s"),
    ],
    ids=["new", "from store", "no price known"],
)
def test_one_run(drawn: Pictures, text: str) -> None:
    runs = begun(1)
    assert (runs.text({}), runs.fraction) == ("", 0)
    runs.show(1, Text("queued"), 0.5)
    assert (runs.text({}), runs.fraction) == ("queued", 0.5)
    runs.end(1, Outcome(drawn, notes=[Text("a note"), "and another"]))
    assert (runs.text({}), runs.fraction) == (f"{text}\na note\nand another", 1)


def test_a_list_tells_how_far_it_is_and_what_failed_first() -> None:
    runs = begun(4)
    for number in range(1, 5):
        runs.show(number, Text("{phase} {seconds:.0f} s", phase=Text("running"), seconds=number), 0.5)
    assert (runs.text({}), runs.fraction) == ("0/4 done, running 1 s", 0.5)
    runs.end(1, Outcome(BOAT))
    runs.end(3, Outcome(said=Text("Refused."), failed=True))
    assert runs.text({}).splitlines() == ["2/4 done, running 2 s", "Refused.", BOAT.text()]
    assert (runs.fraction, runs.all_ended) == (0.75, False)
    runs.end(2, Outcome(BOAT))
    runs.end(4, Outcome(BOAT))
    assert runs.text({}).splitlines() == ["Refused.", "3 pictures 512*512, 2.5 s, CNY 0.60 at list price"]
    assert (runs.fraction, runs.all_ended) == (1, True)


def test_what_was_paid_now_and_before_stays_apart() -> None:
    runs = begun(4)
    for number, source, currency in ((1, NEW, "CNY"), (2, STORED, "CNY"), (3, NEW, "USD"), (4, STORED, "CNY")):
        runs.end(number, Outcome(Pictures(1, "512*512", number, source, 0.2 * (source == NEW), currency)))
    assert runs.text({}).splitlines() == [
        "1 picture 512*512, 1 s, CNY 0.20 at list price",
        "2 pictures 512*512, 4 s, from store, CNY 0.00",
        "1 picture 512*512, 3 s, USD 0.20 at list price",
    ]


def test_thousands_are_a_few_lines() -> None:
    runs = begun(3000)
    for number in range(1, 1001):
        runs.end(number, Outcome(said=f"Error {number}: {'x' * 5000}", failed=True))
        runs.end(1000 + number, Outcome(Pictures(1, f"{number}*512", 1, NEW), notes=["the same", f"note {number}"]))
        runs.end(2000 + number, Outcome(said="submitted: " + "y" * 5000))
    lines = runs.text({}).splitlines()
    assert [line for line in lines if line.startswith("and ")] == [
        "and 997 more", "and 997 more", "and 998 more",
    ]  # errors, sizes, notes  # fmt: skip
    assert "1000 × the same" in lines
    assert lines[0].startswith("Error 1: x") and lines[0].endswith("x…")
    assert len(lines) == 13 and max(map(len, lines)) <= LONGEST + 1


def test_it_is_told_in_the_user_s_language() -> None:
    runs = begun(2)
    runs.show(1, Text("queued"), 0)
    runs.end(2, Outcome(said=Text("canceled")))
    words = {"queued": "排队中", "{ended}/{count} done": "已完成 {ended}/{count}", "canceled": "已取消"}
    assert runs.text(words) == "已完成 1/2, 排队中\n已取消"


def test_what_is_told_after_the_end_changes_nothing() -> None:
    """Cancel ends a run while what its work told last is still on the way."""
    runs = begun(1)
    runs.end(1, Outcome(said="canceled"))
    runs.show(1, "running", 0.5)
    assert (runs.text({}), runs.fraction) == ("canceled", 1)
