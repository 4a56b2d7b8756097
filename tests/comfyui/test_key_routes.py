"""The key that the page stores: how it gets to the server, that it works there, and that nobody gets it back."""

from __future__ import annotations

import http.client
import json
import socket
import sys
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from rig.comfyui import ComfyUI
from simulator import Config, Simulator
from simulator.config import Account

SINGAPORE = "ap-southeast-1"
PAY_AS_YOU_GO = ["cn-beijing", SINGAPORE, "us-east-1"]
REGIONS = [*PAY_AS_YOU_GO, "token-plan-cn-beijing", "token-plan-ap-southeast-1", "qwencloud"]
KEYS = {name: f"sk-planted-{name}-{uuid.uuid4().hex}" for name in ("right", "foreign", "wrong")}
INPUTS = {
    "prompt": "boats",
    "model": "wan2.2-t2i-flash",
    "aspect_ratio": "custom",
    "width": 512,
    "height": 512,
    "n": 1,
    "negative_prompt": "",
    "prompt_extend": False,
    "watermark": False,
    "region": "auto",
    "call_mode": "auto",
    "timeout": 60,
}
FILE = "api_key_ap_southeast_1.txt"
NO_REGION = f"There is no such region. It is one of {', '.join(REGIONS)}."


@pytest.fixture(scope="module")
def own_simulator() -> Iterator[Simulator]:
    keys = {KEYS["right"]: Account("account-1", SINGAPORE), KEYS["foreign"]: Account("account-1", "us-east-1")}
    with Simulator(Config(keys=keys, task_seconds=0.1)) as sim:
        yield sim


@pytest.fixture(scope="module")
def comfy(own_simulator: Simulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ComfyUI]:
    """Without a key."""
    env = {"DASHSCOPE_HTTP_BASE_URL": own_simulator.base_url_of(SINGAPORE)}
    with ComfyUI.start(home=tmp_path_factory.mktemp("comfyui"), env=env) as comfy:
        yield comfy


@pytest.fixture(scope="module")
def open_comfy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ComfyUI]:
    """Lets all pages of the world ask, and has a key for Beijing in its environment, and a small budget."""
    env = {"DASHSCOPE_API_KEY_CN_BEIJING": KEYS["right"], "DASHSCOPE_HTTP_BASE_URL": "http://127.0.0.1:9/api/v1"}
    env["MODEL_STUDIO_DAILY_BUDGET"] = "CNY 0.10"
    with ComfyUI.start(home=tmp_path_factory.mktemp("open"), env=env, args=["--enable-cors-header"]) as comfy:
        yield comfy


@pytest.fixture(autouse=True)
def no_key(comfy: ComfyUI, own_simulator: Simulator) -> None:
    own_simulator.reset()
    for region in REGIONS:
        ask(comfy, "DELETE", f"/keys/{region}")


def ask(
    comfy: ComfyUI, method: str, path: str, body: Any = None, headers: Mapping[str, str] = {}
) -> tuple[int, dict[str, Any]]:
    """Status and JSON of an answer, which holds no key whatever was asked. `headers` replace the usual ones."""
    own = {"Host": urlsplit(comfy.url).netloc}
    content = None
    if body is not None:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        own["Content-Type"] = "application/json"
    connection = http.client.HTTPConnection(urlsplit(comfy.url).netloc, timeout=30)
    connection.request(method, f"/model_studio{path}", content, {**own, **headers})
    answer = connection.getresponse()
    told = answer.read().decode()
    connection.close()
    assert not any(key in told + str(answer.getheaders()) for key in KEYS.values())
    if answer.getheader("Content-Type") != "application/json; charset=utf-8":  # ComfyUI's own refusal
        assert answer.status >= 400
        return answer.status, {}
    assert answer.getheader("Cache-Control") == "no-store"
    assert answer.getheader("Cross-Origin-Resource-Policy") == "same-origin"
    return answer.status, json.loads(told)


def store(comfy: ComfyUI, key: str, region: str = SINGAPORE) -> dict[str, Any]:
    status, told = ask(comfy, "PUT", f"/keys/{region}", {"key": key})
    assert status == 200, told
    return told


def state(comfy: ComfyUI, region: str = SINGAPORE) -> dict[str, Any]:
    """As the list tells it, with what it tells of all regions."""
    status, told = ask(comfy, "GET", "/keys")
    assert status == 200
    states = {each["region"]: each for each in told["keys"]}
    assert list(states) == REGIONS
    return {**states[region], "auto": told["auto"]}


@pytest.fixture
def run(comfy: ComfyUI, new_seed: Callable[[], int]) -> Callable[[], Any]:
    """Runs a node with region auto, each time for another picture."""

    def run() -> Any:
        node = {"class_type": "ModelStudioWanText2Image", "inputs": {**INPUTS, "seed": new_seed()}}
        save = {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "test"}}
        show = {"class_type": "PreviewAny", "inputs": {"source": ["1", 2]}}
        return comfy.run({"1": node, "2": save, "3": show})

    return run


def test_stored_tested_used_and_removed_without_a_restart(comfy: ComfyUI, run: Callable[[], Any]) -> None:
    def assert_missing() -> None:
        error = run().error["exception_message"]
        assert error.startswith(
            "There is no API key for region cn-beijing. Enter it in ComfyUI's Settings > Model Studio"
        )

    assert_missing()
    place = {"kind": "page", "name": f"__model_studio/{FILE}"}
    told = {"region": SINGAPORE, "stored": True, "ending": KEYS["right"][-4:], "overruled": False, "place": place}
    assert store(comfy, f" {KEYS['right']}\n") == {**told, "auto": SINGAPORE} == state(comfy)
    assert ask(comfy, "POST", f"/keys/{SINGAPORE}/test") == (
        200,
        {**told, "result": "accepted", "why": "", "elsewhere": []},
    )
    done = run()
    assert done.status == "success" and SINGAPORE in str(done.outputs)  # auto is where the key is
    gone = {"region": SINGAPORE, "stored": False, "ending": "", "overruled": False, "place": None, "auto": "cn-beijing"}
    assert ask(comfy, "DELETE", f"/keys/{SINGAPORE}") == (200, gone)
    assert state(comfy) == gone
    assert_missing()


def test_a_second_key_moves_auto_and_says_so(comfy: ComfyUI) -> None:
    assert store(comfy, KEYS["right"])["auto"] == SINGAPORE
    assert store(comfy, KEYS["foreign"], "us-east-1")["auto"] == "cn-beijing"
    assert ask(comfy, "DELETE", f"/keys/{SINGAPORE}")[1]["auto"] == state(comfy)["auto"] == "us-east-1"


def test_where_a_setting_is_wrong_auto_is_no_region(tmp_path: Path) -> None:
    with ComfyUI.start(home=tmp_path, env={"DASHSCOPE_API_REGION": "mars"}) as comfy:
        assert state(comfy)["auto"] is None
        assert store(comfy, KEYS["right"])["auto"] is None


@pytest.mark.parametrize("key", ["wrong", "foreign"])
def test_a_key_that_the_service_refuses(comfy: ComfyUI, run: Callable[[], Any], key: str) -> None:
    store(comfy, KEYS[key])
    status, told = ask(comfy, "POST", f"/keys/{SINGAPORE}/test")
    assert (status, told["result"]) == (200, "refused")
    assert "Keys belong to one region" in told["why"] and "InvalidApiKey" in told["why"]
    assert "The API key was not accepted" in run().error["exception_message"]


def test_a_key_of_another_region_is_found_there_and_moved(
    comfy: ComfyUI, own_simulator: Simulator, run: Callable[[], Any]
) -> None:
    """It goes to other regions only when that is asked for."""
    store(comfy, KEYS["foreign"])
    _, told = ask(comfy, "POST", f"/keys/{SINGAPORE}/test")
    assert told["elsewhere"] == ["cn-beijing", "us-east-1"]
    assert {seen.path.split("/")[1] for seen in own_simulator.requests} == {SINGAPORE}
    status, told = ask(comfy, "POST", f"/keys/{SINGAPORE}/elsewhere")
    assert (status, told["known"], told["unreachable"]) == (200, ["us-east-1"], {})
    assert {seen.path.split("/")[1] for seen in own_simulator.requests} == set(PAY_AS_YOU_GO)
    store(comfy, KEYS["wrong"], "us-east-1")
    status, told = ask(comfy, "POST", f"/keys/{SINGAPORE}/move", {"to": "us-east-1"})
    assert status == 400 and "already" in told["error"]
    ask(comfy, "DELETE", "/keys/us-east-1")
    status, told = ask(comfy, "POST", f"/keys/{SINGAPORE}/move", {"to": "us-east-1"})
    assert (status, told["stored"], told["auto"]) == (200, False, "us-east-1")
    assert told["moved"] == {key: value for key, value in state(comfy, "us-east-1").items() if key != "auto"}
    assert told["moved"]["ending"] == KEYS["foreign"][-4:]
    assert not own_simulator.billed


@pytest.mark.parametrize("to", [None, "mars", 7, ["us-east-1"], "../evil", {}])
def test_a_key_is_moved_to_listed_regions_only(comfy: ComfyUI, to: Any) -> None:
    store(comfy, KEYS["right"])
    assert ask(comfy, "POST", f"/keys/{SINGAPORE}/move", {"to": to}) == (400, {"error": NO_REGION})
    assert state(comfy)["stored"]


def test_no_key_no_test(comfy: ComfyUI, own_simulator: Simulator) -> None:
    for question in ("test", "elsewhere"):
        status, told = ask(comfy, "POST", f"/keys/{SINGAPORE}/{question}")
        assert status == 400 and told["error"].startswith("There is no API key for region ap-southeast-1.")
    assert not own_simulator.requests


def test_the_environment_wins_and_the_service_may_be_away(open_comfy: ComfyUI) -> None:
    variable = {"kind": "variable", "name": "DASHSCOPE_API_KEY_CN_BEIJING"}
    told = store(open_comfy, KEYS["wrong"], "cn-beijing")
    assert (told["stored"], told["overruled"], told["place"]) == (True, True, variable)
    assert state(open_comfy, "us-east-1")["place"] is None
    status, told = ask(open_comfy, "POST", "/keys/cn-beijing/test")
    assert (status, told["result"]) == (200, "unreachable") and "could not be reached" in told["why"]
    told = ask(open_comfy, "DELETE", "/keys/cn-beijing")[1]
    assert (told["stored"], told["place"]) == (False, variable)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows knows no such rights")
def test_only_the_owner_may_read_the_file(comfy: ComfyUI) -> None:
    store(comfy, KEYS["right"])
    folder = comfy.home / "user" / "__model_studio"
    assert (folder.stat().st_mode & 0o777, (folder / FILE).stat().st_mode & 0o777) == (0o700, 0o600)


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"", {}),
        (b"{", {}),
        (b"[" * 4000, {}),
        (b"\xff\xfe", {}),
        ([], {}),
        ({}, {}),
        ({"key": None}, {}),
        ({"key": ["sk-1"]}, {}),
        ({"key": ""}, {}),
        ({"key": "sk-planted two"}, {}),
        ({"key": "sk-\u91d1\u9470"}, {}),
        ({"key": "x" * 5000}, {}),
        ({"key": KEYS["wrong"]}, {"Content-Type": "text/plain"}),
        ({"key": KEYS["wrong"]}, {"Content-Type": "application/x-www-form-urlencoded"}),
    ],
)
def test_what_is_no_key_changes_nothing(comfy: ComfyUI, body: Any, headers: dict[str, str]) -> None:
    store(comfy, KEYS["right"])
    status, told = ask(comfy, "PUT", f"/keys/{SINGAPORE}", body, headers)
    assert status == 400 and told["error"]
    assert "planted" not in told["error"]
    assert state(comfy)["ending"] == KEYS["right"][-4:]


@pytest.mark.parametrize("region", ["mars", "..%2F..%2Fevil", "cn_beijing", "auto", "CN-BEIJING"])
def test_only_listed_regions(comfy: ComfyUI, region: str) -> None:
    for method, path, body in (
        ("PUT", f"/keys/{region}", {"key": KEYS["wrong"]}),
        ("DELETE", f"/keys/{region}", None),
        ("POST", f"/keys/{region}/test", None),
        ("POST", f"/keys/{region}/elsewhere", None),
        ("POST", f"/keys/{region}/move", {"to": "us-east-1"}),
    ):
        assert ask(comfy, method, path, body) == (400, {"error": NO_REGION})


# Who may ask. "{port}" stands for the server's own.

OURS = [
    {},
    {"Origin": "http://127.0.0.1:{port}"},
    {"Host": "localhost:{port}", "Origin": "http://localhost:{port}"},
    {"Host": "LocalHost:{port}", "Origin": "HTTP://localHOST:{port}"},
    {"Host": "[::1]:{port}", "Origin": "http://[::1]:{port}"},
    {"Host": "[::1]:{port}"},
    {"Host": "localhost", "Origin": "http://localhost:80"},
    {"Host": "localhost", "Origin": "https://localhost:8443"},
    {"Host": "gpubox", "Origin": "http://gpubox:8080"},
    {"Host": "[::1]", "Origin": "https://[::1]"},
    {"Host": "192.168.1.7:{port}", "Origin": "http://192.168.1.7:{port}"},
    {"Host": "gpubox:{port}", "Origin": "http://gpubox:{port}"},
    {"Host": "gpubox.local:{port}", "Origin": "http://gpubox.local:{port}"},
    {"Sec-Fetch-Site": "same-origin", "Origin": "http://127.0.0.1:{port}"},
    # Browsers say so of https alone, behind a proxy here: a rebound name has no certificate.
    {"Sec-Fetch-Site": "same-origin", "Host": "comfy.example"},
]
FOREIGN = [
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": ""},
    {"Origin": "file://"},
    {"Origin": "http://["},
    {"Origin": "http://127.0.0.1:x"},
    {"Origin": "http://127.0.0.1"},
    {"Origin": "http://127.0.0.1:1"},
    {"Origin": "http://localhost:{port}"},
    {"Origin": "http://127.0.0.1:{port}.evil.example"},
    {"Origin": "http://127.0.0.1:{port}@evil.example"},
    {"Origin": "http://[::1]:1", "Host": "[::1]:{port}"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "same-site", "Origin": "http://127.0.0.1:{port}"},
    {"Sec-Fetch-Site": "cross-site", "Origin": "http://127.0.0.1:{port}"},
    # A name that was made to point here; without a word of the browser's, since it is plain http.
    {"Host": "evil.example:{port}"},
    {"Host": "evil.example:{port}", "Origin": "http://evil.example:{port}"},
    {"Host": "127.0.0.1.evil.example:{port}"},
    {"Host": "localhost.evil.example:{port}"},
    {"Host": "evil-local:{port}.evil.example"},
    {"Host": "user@localhost:{port}"},
    {"Host": "evil.example\\@localhost:{port}"},
    {"Host": "localhost:{port}?.evil.example"},
    {"Host": "evil.example", "Origin": "http://evil.example:8080"},
    {"Host": "evil.example", "Origin": "https://evil.example"},
    {"Host": "localhost", "Origin": "http://evil.example:8080"},
    {"Host": "localhost", "Origin": "ftp://localhost"},
    {"Host": "gpubox", "Origin": "http://gpubox:x"},
    {"Host": "gpubox:80", "Origin": "http://gpubox:8080"},
    {"Host": "[::1"},
    {"Host": ""},
    {"Host": "", "Origin": "null"},
]
REQUESTS = [
    ("GET", "/keys", None),
    ("PUT", "/keys/us-east-1", {"key": KEYS["wrong"]}),
    ("POST", "/keys/us-east-1/test", None),
    ("POST", "/keys/us-east-1/elsewhere", None),
    ("POST", "/keys/us-east-1/move", {"to": "ap-southeast-1"}),
    ("DELETE", "/keys/us-east-1", None),
    ("DELETE", "/keys/ap-southeast-1", None),
]


def filled(headers: Mapping[str, str], comfy: ComfyUI) -> dict[str, str]:
    return {name: value.replace("{port}", str(urlsplit(comfy.url).port)) for name, value in headers.items()}


@pytest.mark.parametrize("headers", OURS, ids=str)
def test_the_page_and_programs_are_answered(open_comfy: ComfyUI, headers: dict[str, str]) -> None:
    """Also under every name that ComfyUI itself would refuse."""
    for method, path, body in REQUESTS:
        status, told = ask(open_comfy, method, path, body, filled(headers, open_comfy))
        assert status == 200, (method, told)


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
@pytest.mark.parametrize("server", ["comfy", "open_comfy"])
def test_other_pages_are_refused(server: str, headers: dict[str, str], request: pytest.FixtureRequest) -> None:
    """By ComfyUI or by us; by us alone where ComfyUI is told to let every origin in (CORS)."""
    comfy: ComfyUI = request.getfixturevalue(server)
    store(comfy, KEYS["right"], "us-east-1")
    for method, path, body in REQUESTS:
        status, told = ask(comfy, method, path, body, filled(headers, comfy))
        assert status >= 400 and set(told) <= {"error"}, method
        if server == "open_comfy":
            assert status == 403
            assert "own page may ask" in told["error"] or "could be anybody's" in told["error"]
    assert state(comfy, "us-east-1")["ending"] == KEYS["right"][-4:]


def test_a_page_that_could_be_anybody_s_learns_the_price_and_nothing_of_the_budget(open_comfy: ComfyUI) -> None:
    inputs = {"model": "qwen-image-2.0", "aspect_ratio": "1:1", "n": 1, "region": "cn-beijing"}
    question = {"inputs": inputs, "linked": False}
    _, ours = ask(open_comfy, "POST", "/quote", question)
    host = {"Host": "evil.example:{port}", "Origin": "http://evil.example:{port}"}
    status, theirs = ask(open_comfy, "POST", "/quote", question, filled(host, open_comfy))
    assert "budget" in ours["problem"]
    assert (status, theirs) == (200, ours | {"problem": None})


# Where ComfyUI itself listens at a usual port, a Host without one means just that port.
OURS_AT_USUAL_PORT = [
    {"Host": "localhost"},
    {"Host": "localhost", "Origin": "http://localhost"},
    {"Host": "localhost", "Origin": "http://localhost:80"},
    {"Host": "192.168.1.5", "Origin": "https://192.168.1.5"},
    {"Host": "nas.local:8443", "Origin": "https://nas.local:8443"},
]
FOREIGN_AT_USUAL_PORT = [
    {"Host": "localhost", "Origin": "http://localhost:8188"},
    {"Host": "192.168.1.5", "Origin": "http://192.168.1.5:9999"},
    {"Host": "192.168.1.5", "Origin": "https://192.168.1.5:8443"},
    {"Host": "192.168.1.5", "Origin": "http://192.168.1.5:443"},
    {"Host": "nas.local", "Origin": "http://nas.local:32400"},
    {"Host": "[::1]", "Origin": "http://[::1]:81"},
]


@pytest.fixture(scope="module")
def usual_comfy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ComfyUI]:
    """At a port that browsers leave out."""
    port = next(filter(may_listen, (80, 443)), None)
    if port is None:
        pytest.skip("needs a free port 80 or 443, and the right to listen there")
    env = {"DASHSCOPE_API_KEY_US_EAST_1": KEYS["right"], "DASHSCOPE_HTTP_BASE_URL": "http://127.0.0.1:9/api/v1"}
    home, args = tmp_path_factory.mktemp("usual"), ["--enable-cors-header"]
    with ComfyUI.start(home=home, env=env, args=args, port=port) as comfy:
        yield comfy


def may_listen(port: int) -> bool:
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


@pytest.mark.parametrize("headers", OURS_AT_USUAL_PORT, ids=str)
def test_the_page_of_a_usual_port_is_answered(usual_comfy: ComfyUI, headers: dict[str, str]) -> None:
    for asked in REQUESTS:
        assert ask(usual_comfy, *asked, headers)[0] == 200, asked


@pytest.mark.parametrize("headers", FOREIGN_AT_USUAL_PORT, ids=str)
def test_pages_of_other_ports_are_refused_at_a_usual_port(usual_comfy: ComfyUI, headers: dict[str, str]) -> None:
    for asked in REQUESTS:
        assert ask(usual_comfy, *asked, headers)[0] == 403, asked


NAMED = [
    {"Host": "pc.fritz.box:{port}"},
    {"Host": "pc.fritz.box:{port}", "Origin": "http://pc.fritz.box:{port}"},
]
OPEN = [
    ("PUT", "/language", {"locale": "en"}),
    ("POST", "/quote", {"inputs": {"model": "qwen-image-2.0"}, "linked": False}),
]


@pytest.mark.parametrize("headers", [*OURS, *NAMED], ids=str)
def test_what_is_not_secret_is_answered_under_any_name(open_comfy: ComfyUI, headers: dict[str, str]) -> None:
    """Else every node would show a refusal where ComfyUI is opened by a name over plain http."""
    for asked in OPEN:
        status, told = ask(open_comfy, *asked, filled(headers, open_comfy))
        assert status == 200, told


@pytest.mark.parametrize(
    "headers",
    [
        headers
        for headers in FOREIGN
        if "Sec-Fetch-Site" in headers or ("Origin" in headers and "evil" not in headers.get("Host", ""))
    ],
    ids=str,
)
def test_other_pages_are_not_answered_at_all(open_comfy: ComfyUI, headers: dict[str, str]) -> None:
    for asked in OPEN:
        assert ask(open_comfy, *asked, filled(headers, open_comfy))[0] == 403


def test_an_address_that_a_person_opens_may_be_read_and_changes_nothing(open_comfy: ComfyUI) -> None:
    statuses = [ask(open_comfy, *asked, {"Sec-Fetch-Site": "none"})[0] for asked in REQUESTS]
    assert statuses == [200] + [403] * (len(REQUESTS) - 1)


def test_a_preflight_opens_nothing(open_comfy: ComfyUI) -> None:
    """ComfyUI itself says yes to all; the request that follows is refused."""
    headers = {"Origin": "https://evil.example", "Access-Control-Request-Method": "PUT"}
    url = f"{open_comfy.url}/model_studio/keys/us-east-1"
    assert requests.options(url, headers=headers, timeout=10).headers["Access-Control-Allow-Origin"] == "*"
    assert requests.put(url, json={"key": KEYS["wrong"]}, headers=headers, timeout=10).status_code == 403


# Where it must not turn up.


def test_nobody_gets_the_file(comfy: ComfyUI, run: Callable[[], Any]) -> None:
    store(comfy, KEYS["right"])
    assert (comfy.home / "user" / "__model_studio" / FILE).read_text() == KEYS["right"]
    assert run().status == "success"
    for path in (
        f"/userdata/__model_studio%2F{FILE}",
        f"/userdata/..%2F__model_studio%2F{FILE}",
        f"/userdata/..%2F..%2Fuser%2F__model_studio%2F{FILE}",
        "/userdata?dir=../__model_studio&recurse=true&full_info=true",
        "/v2/userdata?path=../__model_studio",
        f"/view?filename={FILE}&type=input&subfolder=../user/__model_studio",
        f"/view?filename=../user/__model_studio/{FILE}&type=output",
        f"/extensions/model-studio-text2image/..%2F..%2F..%2Fuser%2F__model_studio%2F{FILE}",
        f"/workflow_templates/model-studio-text2image/..%2F..%2F..%2F..%2Fuser%2F__model_studio%2F{FILE}",
        "/internal/files/output",
        "/internal/files/input?path=../user/__model_studio",
        "/internal/logs",
        "/internal/logs/raw",
        "/internal/folder_paths",
        "/settings",
        "/history",
        "/object_info",
        "/system_stats",
        "/i18n",
    ):
        for prefix in ("", "/api"):
            for user in ({}, {"comfy-user": "__model_studio"}):
                answer = requests.get(f"{comfy.url}{prefix}{path}", headers=user, timeout=10)
                assert KEYS["right"] not in answer.text, path


def test_the_key_is_in_one_file_only(comfy: ComfyUI, own_simulator: Simulator, run: Callable[[], Any]) -> None:
    store(comfy, KEYS["right"])
    ask(comfy, "POST", f"/keys/{SINGAPORE}/test")
    ask(comfy, "PUT", f"/keys/{SINGAPORE}", {"key": f"'{KEYS['right']}'"})
    assert run().status == "success"
    assert KEYS["right"] in str([seen.headers for seen in own_simulator.requests])
    files = [path for path in comfy.home.rglob("*") if path.is_file() and "custom_nodes" not in path.parts]
    assert comfy.log_file in files
    holding = [path for path in files if KEYS["right"].encode() in path.read_bytes()]
    assert holding == [comfy.home / "user" / "__model_studio" / FILE]
    assert not any(key.encode() in Path(comfy.log_file).read_bytes() for key in KEYS.values())
