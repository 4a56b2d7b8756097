"""Starting and ending the server process, with a stand-in for ComfyUI; tests/comfyui drives the real one."""

from __future__ import annotations

from pathlib import Path

import pytest

from rig.comfyui import ComfyUI, ComfyUIError
from rig.layout import PACK_NAME
from rig.processes import listens

ANSWERS = """
import http.server, json, os, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps({"key": os.environ.get("DASHSCOPE_API_KEY"), "home": os.environ["HOME"]}).encode()
        self.send_response(200)
        self.end_headers()
        self.wfile.write(body)
port = int(sys.argv[sys.argv.index("--port") + 1])
print("等待 serving", sys.argv[-1])
http.server.HTTPServer(("127.0.0.1", port), Handler).serve_forever()
"""


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that counts as ComfyUI; each test writes its main.py."""
    tree = tmp_path / "tree"
    tree.mkdir()
    monkeypatch.setenv("COMFYUI_PATH", str(tree))
    monkeypatch.setenv("DASHSCOPE_API_KEY", "sk-theirs")
    return tree


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    pack = tmp_path / "pack"
    pack.mkdir()
    (pack / "__init__.py").write_text("", encoding="utf-8")
    return pack


def test_start_and_end(tree: Path, pack: Path, tmp_path: Path) -> None:
    (tree / "main.py").write_text(ANSWERS, encoding="utf-8")
    home = tmp_path / "home"
    with ComfyUI.start(home=home, pack=pack, env={"DASHSCOPE_API_KEY": "sk-simulated"}, args=["--more"]) as comfy:
        assert comfy.get("/anything") == {"key": "sk-simulated", "home": str(home / "person")}
        assert (home / "custom_nodes" / PACK_NAME / "__init__.py").exists()
        assert "等待 serving --more" in comfy.log()
        port = int(comfy.url.rpartition(":")[2])
        assert listens(port)
    assert comfy.process.poll() is not None
    assert not listens(port)


def test_an_early_end_shows_the_log(tree: Path, pack: Path, tmp_path: Path) -> None:
    (tree / "main.py").write_text("raise SystemExit('no such thing')", encoding="utf-8")
    with pytest.raises(ComfyUIError, match=r"(?s)exit status 1.*no such thing"):
        ComfyUI.start(home=tmp_path / "home", pack=pack)


def test_a_pack_that_cannot_be_loaded_ends_it(tree: Path, pack: Path, tmp_path: Path) -> None:
    failed = f"print('0.1 seconds (IMPORT FAILED): /x/{PACK_NAME}')"
    (tree / "main.py").write_text(failed + ANSWERS, encoding="utf-8")
    with pytest.raises(ComfyUIError, match="could not load the pack"):
        ComfyUI.start(home=tmp_path / "home", pack=pack)


def test_a_server_that_never_answers_is_ended(tree: Path, pack: Path, tmp_path: Path) -> None:
    (tree / "main.py").write_text("import time; time.sleep(60)", encoding="utf-8")
    with pytest.raises(ComfyUIError, match="did not answer within 1 s"):
        ComfyUI.start(home=tmp_path / "home", pack=pack, timeout=1)
