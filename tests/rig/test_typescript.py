"""The check of the page's scripts. That it passes for those there are is a step of `rig test`."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from rig import typescript
from rig.layout import ROOT, RigError
from rig.processes import free_port

PYTHON = Path(sys.executable)


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ('app.registerExtension({ name: "X" });', ""),
        ("app.registerExtensions({});", "'registerExtensions' does not exist"),
        ('import { yell } from "./page/words.js";', "no exported member 'yell'"),
        ("export const twice = (x) => 2 * x;", "implicitly has an 'any' type"),
    ],
)
def test_a_mistake_in_a_script_is_found(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], line: str, found: str
) -> None:
    typescript.install(PYTHON)
    shutil.copytree(typescript.PROJECT, tmp_path / "rig" / "page")
    shutil.copytree(ROOT / "web", tmp_path / "web")
    script = f'import {{ app }} from "../../scripts/app.js";\n{line}\n'
    (tmp_path / "web" / "model_studio.js").write_text(script, encoding="utf-8")
    status = typescript.check(PYTHON, tmp_path / "rig" / "page")
    assert found in capfd.readouterr().out
    assert (status != 0) == bool(found)


def test_without_the_compiler_it_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODEL_STUDIO_RIG_HOME", str(tmp_path))
    monkeypatch.setenv("NPM_CONFIG_REGISTRY", f"http://127.0.0.1:{free_port()}/")
    monkeypatch.setenv("NPM_CONFIG_FETCH_RETRY_MINTIMEOUT", "10")
    with pytest.raises(RigError, match=r"(?s)ECONNREFUSED.*rig setup.*npm install --prefix"):
        typescript.install(PYTHON)
    assert not typescript.compiler().exists()
