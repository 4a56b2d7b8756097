"""Workflows and forms of the code host, which nothing reads before they are pushed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from rig.layout import ROOT

GITHUB = ROOT / ".github"
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yml"))
FORMS = sorted(path for path in (GITHUB / "ISSUE_TEMPLATE").glob("*.yml") if path.name != "config.yml")


def read(path: Path) -> dict[Any, Any]:
    content: dict[Any, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return content


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_may_only_read_and_what_it_names_is_there(path: Path) -> None:
    workflow = read(path)
    assert workflow["permissions"] == {"contents": "read"}
    for name, job in workflow["jobs"].items():
        assert set(job.get("needs", "").split()) <= set(workflow["jobs"]), name
        assert "permissions" not in job
        assert "runs-on" in job or (ROOT / job["uses"]).is_file(), name
        for step in job.get("steps", []):
            for file in re.findall(r"(?<![\w./-])(?:tests|rig|\.ci)/[\w./-]*\w", step.get("run", "")):
                assert (ROOT / file).exists() or file == "tests/browser", file


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_the_actions_of_others_are_pinned(path: Path) -> None:
    steps = [step for job in read(path)["jobs"].values() for step in job.get("steps", [])]
    for used in [step["uses"] for step in steps if "uses" in step]:
        owner, _, version = re.split(r"[/@]", used)
        assert owner == "actions" or re.fullmatch(r"[0-9a-f]{40}", version), used


def test_only_what_passed_all_tests_is_published() -> None:
    jobs = read(GITHUB / "workflows" / "publish.yml")["jobs"]
    assert jobs["publish"]["needs"] == "test"
    assert jobs["test"] == {"uses": "./.github/workflows/test.yml"}
    # YAML 1.1, which this parser reads, takes the key `on` for true.
    assert "workflow_call" in read(GITHUB / "workflows" / "test.yml")[True]


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.stem)
def test_forms_have_the_shape_that_the_host_reads(path: Path) -> None:
    form = read(path)
    assert set(form) == {"name", "description", "labels", "body"}
    fields = [field for field in form["body"] if field["type"] != "markdown"]
    assert len({field["id"] for field in fields}) == len(fields) >= 1
    for field in form["body"]:
        assert field["type"] in {"markdown", "textarea", "input", "dropdown", "checkboxes"}
        assert field["attributes"]["value" if field["type"] == "markdown" else "label"]
        assert (field["type"] in {"dropdown", "checkboxes"}) == ("options" in field["attributes"])


def test_a_bug_report_asks_for_what_an_answer_needs_and_warns_of_keys() -> None:
    form = read(GITHUB / "ISSUE_TEMPLATE" / "bug_report.yml")
    asked = {field.get("id") for field in form["body"]}
    assert {"error", "model", "region", "pack", "comfyui", "system"} <= asked
    assert "Never paste your API key" in str(form)
