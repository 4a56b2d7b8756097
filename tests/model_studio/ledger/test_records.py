"""Records: what is written comes back, a task has one of them, and the day's sum is known before anything is sent."""

from __future__ import annotations

import itertools
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model_studio.ledger import (
    DRAWN,
    FAILED,
    LOST,
    SENDING,
    SUBMITTED,
    UNCERTAIN,
    Asked,
    Entry,
    Ledger,
    LedgerUnavailable,
    Limits,
    new_entry,
)
from model_studio.service.answers import Drawn

STATES = (DRAWN, FAILED, LOST, SENDING, SUBMITTED, UNCERTAIN)
ORDER = Asked(
    "account", "cn-beijing", "print", "wan2.2-t2i-flash", "a paper boat", "512*512", 2, 7, True, (0.14, "CNY")
)


def begin(ledger: Ledger, **changes: Any) -> Entry:
    return ledger.begin(new_entry(replace(ORDER, **changes), SENDING, ledger.now()))


# What is written comes back

hostile = st.sampled_from(
    ["'; DROP TABLE requests; --", '" OR 1=1', "?", ":prompt", "a\0b", "\ufeff", "北京", "🎏" * 300]
)
texts = st.text() | hostile
times = st.floats(0, 4e9)
orders = st.builds(
    Asked,
    account=texts,
    region=texts,
    fingerprint=st.none() | texts,
    model=st.none() | texts,
    prompt=texts,
    size=st.none() | texts,
    n=st.integers(0, 100),
    seed=st.none() | st.integers(0, 2**31 - 1),
    is_task=st.booleans(),
    price=st.none() | st.tuples(st.floats(0, 1e6), st.sampled_from(["CNY", "USD"])),
)
many = st.lists(texts, max_size=4).map(tuple)
values = st.fixed_dictionaries(
    {},
    optional={
        "state": st.sampled_from(STATES),
        "sent": times,
        "request_id": st.none() | texts,
        "denied": times,
        "billed": st.integers(0, 100),
        "drawn": st.builds(Drawn, many, many, many, more=st.integers(0, 2000)),
        "times": st.dictionaries(texts, texts, max_size=3),
    },
)


@pytest.fixture(scope="module")
def full_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger that goes on filling."""
    return tmp_path_factory.mktemp("ledger")


@given(asked=orders, when=times, written=values)
def test_what_is_written_comes_back(full_folder: Path, asked: Asked, when: float, written: dict[str, Any]) -> None:
    ledger, again = Ledger(full_folder, lambda: when), Ledger(full_folder)
    before = again.recent(1)
    begun = ledger.begin(new_entry(asked, SENDING, when))
    assert [begun, *before] == again.recent(2)[: 1 + len(before)]
    changed = ledger.update(begun, **written)
    assert again.recent(1) == [changed]
    assert changed == replace(begun, updated=when, **written)


def test_a_new_record_has_what_its_order_says(ledger: Ledger) -> None:
    entry = begin(ledger)
    assert (entry.created, entry.updated, entry.sent) == (ledger.now(),) * 3
    assert (entry.asked, entry.state, entry.billed, entry.task_id, entry.drawn) == (ORDER, SENDING, 2, None, Drawn())


def test_an_update_changes_no_other_record(ledger: Ledger) -> None:
    first, second, third = (begin(ledger) for _ in range(3))
    ledger.update(second, state=LOST, billed=0)
    assert ledger.recent(3)[::2] == [third, first]


def test_names_tell_nothing_and_differ(ledger: Ledger) -> None:
    entries = [begin(ledger) for _ in range(20)]
    assert len({entry.name for entry in entries}) == 20
    day = time.strftime("%Y%m%d-%H%M%S-", time.localtime(ledger.now()))
    assert all(entry.name.startswith(day) and len(entry.name) == len(day) + 12 for entry in entries)


def test_a_record_is_stored_when_all_its_pictures_are(ledger: Ledger) -> None:
    entry = ledger.update(begin(ledger), drawn=Drawn(("a", "b")), state=DRAWN)
    stored = []
    for number in range(2):
        stored.append(ledger.recent(1)[0].is_stored)
        ledger.keep(entry, number, b"\x89PNG", Limits(100))
    assert [*stored, ledger.recent(1)[0].is_stored] == [False, False, True]
    ledger.update(entry, state=LOST)  # at the service, but here they are
    assert ledger.recent(1)[0].is_stored
    ledger.update(entry, state=FAILED)  # given up
    assert not ledger.recent(1)[0].is_stored
    assert not new_entry(ORDER, DRAWN, 0).is_stored


# Accounts


def test_an_account_is_known_again_but_not_its_key(folder: Path, tmp_path: Path) -> None:
    digest = Ledger(folder).account("sk-planted")
    assert Ledger(folder).account("sk-planted") == digest != Ledger(folder).account("sk-planted2")
    assert Ledger(tmp_path / "elsewhere").account("sk-planted") != digest
    assert len(digest) == 32 and b"sk-planted" not in (folder / "ledger.sqlite").read_bytes()


# Which record


def test_the_latest_of_a_request(ledger: Ledger) -> None:
    assert ledger.latest("print") is None
    first, _ = begin(ledger), begin(ledger, fingerprint="other")
    assert ledger.latest("print") == first
    second = begin(ledger)
    assert ledger.latest("print") == second


@pytest.mark.parametrize("state", STATES)
def test_only_what_failed_is_passed_over(ledger: Ledger, state: str) -> None:
    first = begin(ledger)
    second = ledger.update(begin(ledger), state=state)
    assert ledger.latest("print") == (first if state == FAILED else second)


def test_a_request_of_nobody_is_the_latest_of_none(ledger: Ledger) -> None:
    begin(ledger, fingerprint=None)
    assert ledger.latest("None") is ledger.latest("") is None


def test_recent_ones_newest_first(ledger: Ledger, now: Any) -> None:
    entries = []
    for step in (0, 1, -5, 0, 0):  # clocks are put back
        now.time += step
        entries.append(begin(ledger))
    assert ledger.recent(3) == entries[:1:-1]
    assert ledger.recent(100) == entries[::-1]
    assert ledger.recent(0) == []


def test_recent_tasks_alone(ledger: Ledger) -> None:
    first, _, third, _ = (begin(ledger) for _ in range(4))
    first, third = ledger.update(first, task_id="t-1"), ledger.update(third, task_id="t-3")
    assert ledger.recent(2, tasks_only=True) == [third, first]


def test_pages_hold_every_record_once(ledger: Ledger) -> None:
    entries = [begin(ledger) for _ in range(7)][::-1]
    pages = list[list[Entry]]()
    while page := ledger.recent(3, before=pages[-1][-1].id if pages else None):
        pages.append(page)
        begin(ledger)  # what comes meanwhile shifts nothing
    assert pages == [entries[:3], entries[3:6], entries[6:]]


def test_pages_of_tasks(ledger: Ledger) -> None:
    tasks = [ledger.update(begin(ledger), task_id=f"t-{number}") for number in range(3)]
    begin(ledger)
    assert ledger.recent(9, tasks_only=True, before=tasks[2].id) == tasks[1::-1]
    assert ledger.recent(9, tasks_only=True, before=tasks[2].id, search="T-0") == tasks[:1]


SEARCHED = {
    "hundred": ("100% pure", "wan2.2-t2i-flash", "aaaa-1111"),
    "score": ("snake_case", "qwen-image-2.0-pro", "bbbb-2222"),
    "quotes": ('it\'s "so"', None, None),
    "chinese": ("一艘紙船", "wan2.6-t2i", "cccc_3333"),
}


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("", "hundred score quotes chinese"),
        ("%", "hundred"),
        ("0% p", "hundred"),
        ("%pure", ""),
        ("_", "score chinese"),
        ("snakeXcase", ""),
        ("'", "quotes"),
        ('"SO"', "quotes"),
        ("' OR 1=1 --", ""),
        ("\\", ""),
        ("*", ""),
        ("?", ""),
        ("紙", "chinese"),
        ("WAN2", "hundred chinese"),
        ("bbbb-2", "score"),
        ("flash aaaa", ""),
        ("cn-beijing", ""),
        ("x" * 100_000, ""),
    ],
    ids=lambda text: text[:20],
)
def test_a_search_takes_every_sign_for_itself(ledger: Ledger, search: str, found: str) -> None:
    names = dict[int | None, str]()
    for name, (prompt, model, task_id) in SEARCHED.items():
        names[ledger.update(begin(ledger, prompt=prompt, model=model), task_id=task_id).id] = name
    assert [names[entry.id] for entry in ledger.recent(9, search=search)][::-1] == found.split()


nearly_equal = st.text("aA%_\\'\"?山.\0", max_size=4)
searched = st.lists(st.tuples(nearly_equal, st.none() | nearly_equal), max_size=8)


@settings(max_examples=40)
@given(records=searched, search=nearly_equal)
def test_pages_of_a_search_hold_what_matches_once(
    tmp_path_factory: pytest.TempPathFactory, records: list[tuple[str, str | None]], search: str
) -> None:
    ledger = Ledger(tmp_path_factory.mktemp("search"))
    entries = [begin(ledger, prompt=prompt, model=model) for prompt, model in records]
    seen = list[Entry]()
    while page := ledger.recent(2, before=seen[-1].id if seen else None, search=search):
        seen += page
    texts = {entry.name: (entry.asked.prompt.lower(), (entry.asked.model or "").lower()) for entry in entries}
    assert seen == [entry for entry in entries[::-1] if any(search.lower() in text for text in texts[entry.name])]


# Tasks


def test_a_task_is_found_once(ledger: Ledger, now: Any) -> None:
    first = ledger.found(new_entry(Asked("account", "cn-beijing"), SUBMITTED, now.time, "t-1"))
    now.time += 60
    assert ledger.found(new_entry(Asked("another", "us-east-1"), SUBMITTED, now.time, "t-1")) == first
    assert ledger.by_task("t-1") == first and ledger.by_task("t-2") is None
    assert len(ledger.recent(10)) == 1


def test_many_tasks_are_looked_up_at_once(ledger: Ledger) -> None:
    """More than SQLite takes values in one statement; most of them are not known here."""
    ids = [f"t-{number}" for number in range(40_000)]
    ours = [ledger.found(new_entry(Asked("account", "cn-beijing"), SUBMITTED, 0, ids[number])) for number in (0, -1, 7)]
    assert ledger.by_tasks(ids) == {entry.task_id: entry for entry in ours}
    assert ledger.by_tasks([]) == {}


def test_a_task_of_our_own_is_found_as_it_is(ledger: Ledger) -> None:
    own = ledger.update(begin(ledger), state=DRAWN, task_id="t-1", drawn=Drawn(("link",)))
    assert ledger.found(new_entry(Asked("account", "cn-beijing"), SUBMITTED, ledger.now(), "t-1")) == own


def test_all_who_find_a_task_at_once_find_one_record(folder: Path) -> None:
    together = threading.Barrier(8)

    def find(number: int) -> Entry:
        ledger = Ledger(folder)
        entry = new_entry(Asked(f"{number}", "cn-beijing"), SUBMITTED, number, "t-1")
        together.wait()
        return ledger.found(entry)

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(find, range(8)))
    assert found == [found[0]] * 8 and Ledger(folder).recent(10) == [found[0]]


def test_a_task_has_one_record(ledger: Ledger) -> None:
    first, second = ledger.update(begin(ledger), task_id="t-1"), begin(ledger)
    with pytest.raises(sqlite3.IntegrityError):
        ledger.update(second, state=SUBMITTED, task_id="t-1")
    assert ledger.recent(2) == [second, first]  # nothing of it was written
    assert ledger.update(first, task_id="t-1") == first


def test_a_record_keeps_apart_from_those_of_a_new_file(ledger: Ledger) -> None:
    """The file may be deleted or moved aside while a request is under way."""
    ours = begin(ledger, fingerprint="ours")
    ledger.database.file.unlink()
    others = begin(ledger, fingerprint="others")
    assert ours.id == others.id
    ledger.update(ours, state=DRAWN, drawn=Drawn(("link",)))
    ledger.keep(ours, 0, b"picture", Limits(1000))
    assert ledger.latest("others") == others
    known = ledger.latest("ours")
    assert known is not None and known.state == DRAWN and list(known.files) == [0]


# Pictures


def test_a_picture_by_its_place(ledger: Ledger) -> None:
    first, second = (ledger.update(begin(ledger), drawn=Drawn(("a", "b")), state=DRAWN) for _ in range(2))
    ledger.keep(first, 1, b"\x89PNG one", Limits(100))
    ledger.keep(second, 1, b"\x89PNG two", Limits(100))
    assert first.id and second.id
    assert (ledger.picture(first.id, 1), ledger.picture(second.id, 1)) == (b"\x89PNG one", b"\x89PNG two")
    assert ledger.picture(first.id, 0) is ledger.picture(second.id + 1, 1) is None
    for file in ledger.store.folder.iterdir():
        file.unlink()
    assert ledger.picture(first.id, 1) is None


# Without their tasks


def test_unsettled_are_submissions_that_could_have_made_the_same_task(ledger: Ledger, now: Any) -> None:
    now.time += 1000
    ours = begin(ledger)
    unsettled = [ours, begin(ledger, fingerprint="other"), ledger.update(begin(ledger), state=UNCERTAIN)]
    for difference in ({"account": "a"}, {"region": "us-east-1"}, {"model": "m"}, {"model": None}, {"is_task": False}):
        begin(ledger, **difference)
    for state in (SUBMITTED, DRAWN, LOST, FAILED):
        ledger.update(begin(ledger), state=state)
    assert ledger.unsettled(ours, within=70) == unsettled[::-1]


def test_unsettled_are_near_in_time(ledger: Ledger, now: Any) -> None:
    ours, start = begin(ledger), now.time
    near = [ours]
    for seconds in (-71, -70, 0, 70, 71):
        now.time = start + seconds
        entry = begin(ledger)
        near += [entry] if abs(seconds) <= 70 else []
    assert ledger.unsettled(ours, within=70) == near[::-1]
    sent_again = ledger.update(ours, sent=start + 200)
    assert ledger.unsettled(sent_again, within=70) == [sent_again]


# The day's sum


@pytest.fixture
def shanghai(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    if not hasattr(time, "tzset"):
        pytest.skip("the time zone cannot be set here")
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "CST-8")
        time.tzset()
        yield
    time.tzset()


def test_sums_by_currency(ledger: Ledger) -> None:
    assert ledger.spent_today() == {}
    begin(ledger, n=3)
    begin(ledger, n=1, price=(0.5, "CNY"))
    begin(ledger, n=4, price=(0.075, "USD"))
    begin(ledger, n=4, price=None)
    assert ledger.spent_today() == {"CNY": 0.92, "USD": 0.3}


def test_what_is_not_billed_is_no_cost(ledger: Ledger) -> None:
    entry = begin(ledger, n=4)
    ledger.update(entry, state=DRAWN, billed=3)
    assert ledger.spent_today() == {"CNY": 0.42}
    ledger.update(entry, state=FAILED, billed=0)
    assert ledger.spent_today() == {"CNY": 0}


@pytest.mark.usefixtures("shanghai")
def test_the_day_is_the_local_one(ledger: Ledger, now: Any) -> None:
    midnight = 1_790_006_400.0  # 2026-09-22 in Shanghai, 16:00 the day before at Greenwich
    assert time.strftime("%F %T", time.localtime(midnight)) == "2026-09-22 00:00:00"
    now.time = midnight - 0.5
    late = begin(ledger, n=1)
    assert ledger.spent_today() == {"CNY": 0.14}
    now.time = midnight
    assert ledger.spent_today() == {}
    begin(ledger, n=2)
    ledger.update(late, billed=1)  # it stays what it was: of yesterday
    assert ledger.spent_today() == {"CNY": 0.28}
    now.time = midnight + 24 * 3600 - 0.5
    assert ledger.spent_today() == {"CNY": 0.28}
    now.time = midnight - 1
    assert ledger.spent_today() == {"CNY": 0.14}


days = st.lists(st.tuples(st.integers(0, 2), st.sampled_from(["CNY", "USD"]), st.integers(0, 10**6), st.integers(0, 6)))


@given(days=days)
def test_sums_are_exact(tmp_path_factory: pytest.TempPathFactory, days: list[tuple[int, str, int, int]]) -> None:
    today, sums = 0, dict[str, Decimal]()
    ledger = Ledger(tmp_path_factory.mktemp("sums"), lambda: 1_790_000_000 + today * 86400.0)
    for today, currency, mills, n in days:
        begin(ledger, price=(mills / 1000, currency), n=n)
        if today == 2:
            sums[currency] = sums.get(currency, 0) + Decimal(mills) * n / 1000
    today = 2
    assert {currency: Decimal(str(spent)) for currency, spent in ledger.spent_today().items()} == sums


# Leave to begin


class Refused(Exception):
    pass


def within(budget: float) -> Callable[[Mapping[str, float]], None]:
    def allowed(spent: Mapping[str, float]) -> None:
        if spent.get("CNY", 0) + 0.28 > budget:
            raise Refused

    return allowed


def test_the_sums_are_known_before_anything_is_written(ledger: Ledger) -> None:
    seen: list[Mapping[str, float]] = []
    for _ in range(2):
        ledger.begin(new_entry(ORDER, SENDING, ledger.now()), seen.append)
    assert seen == [{}, {"CNY": 0.28}]


def test_what_is_refused_is_not_written(ledger: Ledger) -> None:
    entry = begin(ledger)
    with pytest.raises(Refused):
        ledger.begin(new_entry(ORDER, SENDING, ledger.now()), within(0.5))
    assert ledger.recent(10) == [entry]


@pytest.mark.parametrize("shared", [True, False])
def test_runs_at_the_same_time_keep_to_a_budget_together(folder: Path, shared: bool) -> None:
    """Each alone would be allowed."""
    one, together = Ledger(folder), threading.Barrier(8)

    def work(number: int) -> bool:
        ledger = one if shared else Ledger(folder)
        entry = new_entry(ORDER, SENDING, ledger.now())
        together.wait()
        try:
            ledger.begin(entry, within(1.0))
        except Refused:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(work, range(8)))
    assert sum(outcomes) == 3 and one.spent_today() == {"CNY": 0.84}


def test_processes_at_the_same_time_keep_to_a_budget_together(
    other_process: Callable[..., Any], ledger: Ledger, folder: Path
) -> None:
    work = """
import time
from model_studio.ledger import SENDING, Ledger, Asked, new_entry
ledger = Ledger(Path(args[0]), lambda: float(args[1]))
asked = Asked("account", "cn-beijing", n=2, price=(0.14, "CNY"))
class Refused(Exception): pass
def allowed(spent):
    if spent.get("CNY", 0) + 0.28 > 1: raise Refused
say("ready"); hear()
begun = 0
for _ in range(3):
    try:
        ledger.begin(new_entry(asked, SENDING, ledger.now()), allowed)
        begun += 1
    except Refused:
        pass
say(begun)
"""
    processes = [other_process(work, folder, ledger.now()) for _ in range(3)]
    assert [process.told() for process in processes] == ["ready"] * 3
    for process in processes:
        process.go_on()
    assert sum(process.told() for process in processes) == 3
    assert ledger.spent_today() == {"CNY": 0.84}


def test_all_say_when_there_is_no_ledger(folder: Path) -> None:
    folder.parent.mkdir()
    folder.write_text("a file in its place")
    ledger, entry = Ledger(folder), new_entry(ORDER, SENDING, 0, "t-1")
    uses: tuple[Callable[[], object], ...] = (
        lambda: ledger.account("key"),
        lambda: ledger.begin(entry),
        lambda: ledger.found(entry),
        lambda: ledger.update(entry, state=LOST),
        lambda: ledger.latest("print"),
        lambda: ledger.by_task("t-1"),
        lambda: ledger.by_tasks(["t-1"]),
        lambda: ledger.recent(1),
        lambda: ledger.picture(1, 0),
        lambda: ledger.unsettled(entry, 1),
        lambda: ledger.spent_today(),
        lambda: ledger.stored_bytes(),
        lambda: ledger.tidy(1),
    )
    for use in uses:
        with pytest.raises(LedgerUnavailable):
            use()


def test_a_stale_copy_of_a_record_changes_only_what_it_is_told_to(ledger: Ledger) -> None:
    """As of a Task Poller that was asked for minutes while a generator fetched the pictures."""
    moments = itertools.count(1_800_000_000)
    ledger.now = lambda: float(next(moments))
    stale = ledger.update(ledger.begin(new_entry(ORDER, SENDING, ledger.now())), state=SUBMITTED, task_id="t-1")
    drawn = ledger.update(stale, state=DRAWN, drawn=Drawn(("https://a.aliyuncs.com/1.png",)), billed=1)
    assert ledger.update(stale, denied=7.0).drawn == drawn.drawn
    now = ledger.update(stale, state=SUBMITTED, denied=9.0)
    assert (now.state, now.drawn, now.denied) == (DRAWN, drawn.drawn, 9.0)
