"""How far a request got, as its user is told: the state, and why."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from model_studio.errors import ModelStudioError
from model_studio.ledger import FAILED, Asked, Ledger, Reason, new_entry
from model_studio.page.recent import tasks_text
from model_studio.runs import paid_record
from model_studio.studio import Studio
from model_studio.waiting import Interrupted, Waiting
from simulator import Simulator
from tests.model_studio.asking import ask

TASK, SYNC = "wan2.2-t2i-flash", "qwen-image-2.0"
LINK = "https://dashscope-result-bj.oss-cn-beijing.aliyuncs.com/a.png?Expires=1&Signature=planted"


def shown(studio: Studio) -> tuple[str, str]:
    (record,) = asyncio.run(studio.records(1))["records"]
    return record["state"], record["why"]


@pytest.mark.parametrize("model", [TASK, SYNC])
@pytest.mark.parametrize(
    ("fault", "why"),
    [
        (
            {"name": "moderation_input"},
            'Moderation refused the prompt. It says: "Input data may contain inappropriate content." '
            "(code DataInspectionFailed)",
        ),
        (
            {"name": "arrears"},
            'The account has an unpaid bill, so the service refused. It says: "Access denied, please make sure your '
            'account is in good standing." (code Arrearage)',
        ),
    ],
    ids=["moderation", "refusal"],
)
def test_a_failure_tells_code_and_reason(
    studio: Studio, sim: Simulator, waiting: Waiting, model: str, fault: dict[str, Any], why: str
) -> None:
    sim.faults.add(**fault)
    with pytest.raises(ModelStudioError):
        asyncio.run(studio._generate(ask(model), waiting))
    assert shown(studio) == ("failed", why)


def test_what_never_left_this_machine(studio: Studio, sim: Simulator, environ: dict[str, str]) -> None:
    environ["DASHSCOPE_HTTP_BASE_URL"] = "http://127.0.0.1:1/api/v1"
    with pytest.raises(ModelStudioError):
        asyncio.run(studio.generate(ask(SYNC), Waiting(1)))
    assert shown(studio) == ("failed", "The service was not reached; nothing was sent or billed.")


def test_a_withdrawn_task_did_not_fail(studio: Studio, sim: Simulator) -> None:
    sim.faults.add("stuck_pending")
    waiting = Waiting(60, lambda: len(sim.requests) > 1)
    with pytest.raises(Interrupted):
        asyncio.run(studio._generate(ask(TASK), waiting))
    assert shown(studio) == ("canceled", "It was canceled before it ran, and is not billed.")
    assert "canceled, unpaid" in tasks_text(studio.ledger, 0)


def test_a_reason_is_short_and_opens_nothing(
    studio: Studio, sim: Simulator, environ: dict[str, str], waiting: Waiting
) -> None:
    key = environ["DASHSCOPE_API_KEY_CN_BEIJING"]
    sim.faults.add("task_failed", code="InternalError.Algo", message=f"{LINK} for {key} " + "x" * 9000)
    with pytest.raises(ModelStudioError):
        asyncio.run(studio._generate(ask(TASK), waiting))
    _, why = shown(studio)
    content = studio.ledger.database.file.read_bytes()
    for secret in ("planted", key):
        assert secret not in why and secret.encode() not in content
    assert "InternalError.Algo" in why and len(why) < paid_record.LONGEST_MESSAGE + 200


def test_the_reason_is_in_the_text_of_recent_tasks(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    for number, reason in enumerate((Reason("refused", "Odd.Code", "no"), Reason("replaced"), None)):
        entry = ledger.found(new_entry(Asked("a", "cn-beijing"), "submitted", ledger.now(), f"t-{number}"))
        ledger.update(entry, state=FAILED, billed=0, reason=reason)
    told = tasks_text(ledger, 0)
    assert '  failed: The service failed. It says: "no" (code Odd.Code)  t-0' in told
    assert "  replaced: A new request took its place.  t-1" in told and "  failed  t-2" in told


@pytest.mark.parametrize(
    "damaged", ["{", "[]", '{"kind": "odd"}', '{"kind": ["refused"]}', '{"kind": "refused", "status": "x", "code": 7}']
)
def test_a_damaged_reason_harms_nothing(tmp_path: Path, damaged: str) -> None:
    ledger = Ledger(tmp_path)
    entry = ledger.found(new_entry(Asked("a", "cn-beijing"), "submitted", ledger.now(), "t-1"))
    ledger.update(entry, state=FAILED)
    with ledger.database.transaction() as connection:
        connection.execute("UPDATE requests SET reason = ?", (damaged,))
    assert "failed" in tasks_text(ledger, 0)


def test_what_is_sent_again_has_no_reason_any_more(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    entry = ledger.begin(new_entry(Asked("a", "cn-beijing", "print"), "sending", ledger.now()))
    failed = ledger.update(entry, state=FAILED, reason=Reason("unsent"))
    assert ledger.begin(failed).reason is None and ledger.recent(1)[0].reason is None
