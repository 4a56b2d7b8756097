"""What a node tells of one run, and of thousands."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from model_studio.errors import ServiceError
from model_studio.runs.info import NEW, STORED
from model_studio.runs.outcomes import DONE, ERROR, LEFT, LONGEST, MOST_IDS, NOTE, NOW, Outcome, Pictures, Runs
from model_studio.words import Text

BOAT = Pictures(1, "512*512", 2.5, NEW, 0.2, "CNY")


def shown(runs: Runs, words: Mapping[str, str] | None = None) -> str:
    return "\n".join(line for _, line in runs.lines(words or {}))


def error(what: str, **facts: str) -> ServiceError:
    return ServiceError(Text(what), Text("Do this."), **facts)


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
    assert (shown(runs), runs.fraction) == ("", 0)
    runs.show(1, Text("queued"), 0.5)
    assert (shown(runs), runs.fraction) == ("queued", 0.5)
    runs.end(1, Outcome(drawn, notes=[Text("a note"), "and another"]))
    assert (shown(runs), runs.fraction) == (f"{text}\na note\nand another", 1)


def test_a_list_tells_how_far_it_is_and_what_failed_first() -> None:
    runs = begun(4)
    for number in range(1, 5):
        runs.show(number, Text("{phase} {seconds:.0f} s", phase=Text("running"), seconds=number), 0.5)
    assert (shown(runs), runs.fraction) == ("0/4 done, running 1 s", 0.5)
    runs.end(1, Outcome(BOAT))
    runs.end(3, Outcome(error=error("Refused.")))
    assert shown(runs).splitlines() == ["2/4 done, running 2 s", "Refused. Do this.", BOAT.text()]
    assert (runs.fraction, runs.all_ended) == (0.75, False)
    runs.end(2, Outcome(BOAT))
    runs.end(4, Outcome(BOAT))
    assert shown(runs).splitlines() == ["Refused. Do this.", "3 pictures 512*512, 2.5 s, CNY 0.60 at list price"]
    assert (runs.fraction, runs.all_ended) == (1, True)


def test_what_was_paid_now_and_before_stays_apart() -> None:
    runs = begun(4)
    for number, source, currency in ((1, NEW, "CNY"), (2, STORED, "CNY"), (3, NEW, "USD"), (4, STORED, "CNY")):
        runs.end(number, Outcome(Pictures(1, "512*512", number, source, 0.2 * (source == NEW), currency)))
    assert shown(runs).splitlines() == [
        "1 picture 512*512, 1 s, CNY 0.20 at list price",
        "2 pictures 512*512, 4 s, from store, CNY 0.00",
        "1 picture 512*512, 3 s, USD 0.20 at list price",
    ]


def test_thousands_are_a_few_lines() -> None:
    runs = begun(3000)
    for number in range(1, 1001):
        runs.end(number, Outcome(error=error(f"Error {number}: {'x' * 5000}", request_id=f"r{number}")))
        runs.end(1000 + number, Outcome(Pictures(1, f"{number}*512", 1, NEW), notes=["the same", f"note {number}"]))
        runs.end(2000 + number, Outcome(said="submitted: " + "y" * 5000))
    lines = shown(runs).splitlines()
    assert [line for line in lines if line.startswith("and ")] == [
        "and 997 more", "and 997 more", "and 998 more",
    ]  # errors, sizes, notes  # fmt: skip
    assert "1000 × the same" in lines
    assert lines[0].startswith("Error 1: x") and lines[0].endswith("x…")
    assert lines[1] == "request id r1"
    assert len(runs.ids) == MOST_IDS
    assert len(lines) == 16 and max(map(len, lines)) <= LONGEST + 1


def test_it_is_told_in_the_user_s_language() -> None:
    runs = begun(2)
    runs.show(1, Text("queued"), 0)
    runs.end(2, Outcome(left=Text("canceled")))
    words = {"queued": "排队中", "{ended}/{count} done": "已完成 {ended}/{count}", "canceled": "已取消"}
    assert shown(runs, words) == "已完成 1/2, 排队中\n已取消"


def test_what_is_told_after_the_end_changes_nothing() -> None:
    """Cancel ends a run while what its work told last is still on the way."""
    runs = begun(1)
    runs.end(1, Outcome(left="canceled"))
    runs.show(1, "running", 0.5)
    assert (shown(runs), runs.fraction) == ("canceled", 1)


def test_an_error_is_all_of_it_and_its_ids_can_be_copied() -> None:
    runs = begun(4)
    for number in (1, 2, 3):
        failed = error("Refused.", code="Bad", request_id=f"r{number}", task_id=f"t{number}")
        failed.notes = (Text("a note"),)
        runs.end(number, Outcome(error=failed))
    runs.end(4, Outcome(said=Text("submitted"), ids=["t4"]))
    assert runs.lines({}) == [
        (ERROR, "3 × Refused. Do this."),
        *((ERROR, f"code Bad, request id r{number}, task id t{number}") for number in (1, 2, 3)),
        (DONE, "submitted"),
        (NOTE, "3 × a note"),
    ]
    assert runs.ids == ["r1", "t1", "r2", "t2", "r3", "t3", "t4"]


def test_what_becomes_of_a_canceled_run_is_told_when_it_is_known() -> None:
    runs = begun(4)
    runs.fate(1, Text("nothing was sent"))  # on another way than the end, and so maybe before it
    for number in (1, 2, 3):
        runs.end(number, Outcome(left=Text("canceled")))
    assert runs.lines({})[1:] == [(LEFT, "canceled: nothing was sent"), (LEFT, "2 × canceled")]
    runs.show(4, "running", 0)
    runs.fate(2, Text("it goes on"))
    runs.fate(2, Text("it is stored"))
    runs.fate(4, Text("of no interest"))
    assert runs.lines({}) == [
        (NOW, "3/4 done, running"),
        *((LEFT, f"canceled: {fate}") for fate in ("nothing was sent", "it is stored")),
        (LEFT, "canceled"),
    ]
    runs.end(4, Outcome(BOAT))
    assert (DONE, BOAT.text()) in runs.lines({})
    assert "interest" not in shown(runs)
