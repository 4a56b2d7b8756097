"""No key of the person at this machine may reach a server that a test starts."""

from __future__ import annotations

from pathlib import Path

import pytest

from rig.comfyui import server_environment
from rig.isolation import environment_without_keys, pack_variables

KEYS = {"DASHSCOPE_API_KEY": "sk-theirs", "DASHSCOPE_API_KEY_US_EAST_1": "sk-theirs-2", "MODEL_STUDIO_REUSE": "off"}


@pytest.fixture(autouse=True)
def their_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("MODEL_STUDIO_RIG_HOME", "/somewhere")
    monkeypatch.setenv("MODEL_STUDIO_BROWSER", "/some/browser")
    monkeypatch.setenv("NO_PROXY", "example.org")


def test_keys_and_settings_are_left_out_but_the_rigs_own_stay() -> None:
    env = environment_without_keys()
    assert not KEYS.keys() & env.keys()
    own = {"MODEL_STUDIO_RIG_HOME": "/somewhere", "MODEL_STUDIO_BROWSER": "/some/browser"}
    assert own.items() <= env.items()
    assert KEYS.items() <= pack_variables().items()
    assert not own.keys() & pack_variables().keys()


def test_a_server_gets_only_what_it_is_given(tmp_path: Path) -> None:
    env = server_environment(tmp_path, {"DASHSCOPE_API_KEY": "sk-simulated"})
    assert not set(KEYS.values()) & set(env.values())
    assert env["DASHSCOPE_API_KEY"] == "sk-simulated"
    assert env["HOME"] == env["USERPROFILE"] == str(tmp_path)
    assert env["NO_PROXY"].split(",") == ["example.org", "127.0.0.1", "localhost"]
