"""A page of a real ComfyUI in a real browser, looked at as a user does; the service behind it is simulated."""

from __future__ import annotations

import contextlib
import json
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, TimeoutError, expect, sync_playwright

from rig import frontend as newest
from rig.browser import HELP, READY, find_browser
from rig.comfyui import ComfyUI
from rig.fonts import browser_environment
from rig.layout import PACK_NAME, rig_home
from simulator import Config, Simulator
from tests.browser import deprecations

OURS = f"/extensions/{PACK_NAME}/"
PATIENCE = 60_000  # milliseconds; the machines that run this are shared and slow at times
# What ComfyUI's own page says on any clean machine that is not on the Internet: "text (address)".
HARMLESS = re.compile(
    r"""404 .*/(user\.css|favicon\.ico|userdata[/?].*|templates/.*)\)$
    | net::ERR_NAME_NOT_RESOLVED
    | loading\ core\ workflow\ templates
    | /api/jobs\?[^/]*\)$ | JobsApiError  # a newer page asks an older ComfyUI for what it does not have
    | reading\ 'id'\)\s+at\ onChange  # a setting that is set before it is known
    | setting\ 'value'\)\s+at\ .*/primevue/autocomplete  # a search that is closed
    """,
    re.VERBOSE,
)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "frontend" in metafunc.fixturenames:
        metafunc.parametrize("frontend", ["newest", "oldest"], indirect=True, scope="package")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The oldest page, on its own server, is for the tests and parameters that are marked `oldest_too`."""
    left_out = [item for item in items if frontend_of(item) == "oldest" and not is_for_the_oldest(item)]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


def frontend_of(item: pytest.Item) -> str | None:
    callspec = getattr(item, "callspec", None)  # only parametrised tests have one
    return callspec.params.get("frontend") if callspec else None


def is_for_the_oldest(item: pytest.Item) -> bool:
    return item.get_closest_marker("oldest_too") is not None and "COMFYUI_PATH" not in os.environ


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Chromium, for all tests of the page. It reaches nothing but this machine."""
    program = find_browser()
    if not program:  # whoever has none still runs all other tests; CI must not leave these out
        (pytest.fail if os.environ.get("CI") else pytest.skip)(HELP)
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        args = ["--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]
        browser = playwright.chromium.launch(executable_path=program, args=args, env=browser_environment())
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def context(browser: Browser) -> BrowserContext:
    """One for all tests: it keeps the page's scripts compiled, which halves the time that a page takes to open."""
    return browser.new_context(viewport={"width": 1440, "height": 900})


@pytest.fixture(scope="package")
def running_simulator() -> Iterator[Simulator]:
    with Simulator(Config(task_seconds=1.5)) as sim:
        yield sim


@pytest.fixture(scope="package")
def frontend(request: pytest.FixtureRequest) -> str:
    """Whose page the test sees: "newest" or "oldest"."""
    name: str = request.param
    return name


@pytest.fixture(scope="package")
def start_comfyui(
    browser: Browser, frontend: str, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[Mapping[str, str]], ComfyUI]:
    """Starts one with the frontend. Asks for the browser first: without one there is no need to start it."""

    def start_comfyui(env: Mapping[str, str]) -> ComfyUI:
        args = newest.arguments() if frontend == "newest" else ()
        return ComfyUI.start(home=tmp_path_factory.mktemp("comfyui"), env=env, args=args)

    return start_comfyui


@pytest.fixture(scope="package")
def comfy(start_comfyui: Callable[[Mapping[str, str]], ComfyUI], running_simulator: Simulator) -> Iterator[ComfyUI]:
    env = {
        "DASHSCOPE_HTTP_BASE_URL": running_simulator.base_url,
        "DASHSCOPE_API_KEY": running_simulator.key,
        "MODEL_STUDIO_PACE": "off",  # tests would wait for each other's submissions
        "MODEL_STUDIO_REUSE": "off",  # and see each other's pictures
    }
    with start_comfyui(env) as comfy:
        yield comfy


@pytest.fixture
def sim(running_simulator: Simulator) -> Iterator[Simulator]:
    running_simulator.reset()
    yield running_simulator
    running_simulator.faults.clear()


@pytest.fixture
def shot(frontend: str) -> Callable[[Page, str], Path]:
    """Saves what a page shows as a file for people to look at."""

    def shot(page: Page, name: str) -> Path:
        path = rig_home() / "reports" / "browser" / frontend / f"{name}.png"
        page.screenshot(path=path)
        return path

    return shot


def forget_runs(comfy: ComfyUI) -> None:
    """What ran before runs again, and nothing goes on that a test left when it failed.

    ComfyUI looks for the first wish after a run; while it tidies up after one, as it does at odd times, it hears of
    none.
    """
    comfy.post("/queue", {"clear": True}).raise_for_status()
    comfy.interrupt()
    comfy.post("/free", {"free_memory": True}).raise_for_status()
    run = comfy.run({"1": {"class_type": "PreviewAny", "inputs": {"source": "a run"}}})
    assert run.status == "success", run.error or run.refusal
    comfy.post("/history", {"clear": True}).raise_for_status()


@pytest.fixture
def open_page(
    request: pytest.FixtureRequest,
    context: BrowserContext,
    frontend: str,
    comfy: ComfyUI,
    shot: Callable[[Page, str], Path],
) -> Iterator[Callable[..., Page]]:
    """Opens ComfyUI as a new user with these settings sees it.

    Fails the test where the page tells an error, or the newest one of something deprecated that our scripts use.
    `expected`: a pattern of what the test means to cause of it. What the page shows in the end is saved.
    """
    pages: list[Page] = []
    told: list[str] = []
    allowed: list[re.Pattern[str]] = []

    def listen(message: ConsoleMessage) -> None:
        if message.type == "error":
            told.append(f"{message.text} ({message.location['url']})")

    def open_page(language: str = "en", vue: bool = False, expected: str = "", **settings: Any) -> Page:
        settings = {
            "Comfy.TutorialCompleted": True,  # no welcome dialog over the page
            "Comfy.Locale": language,
            "Comfy.VueNodes.Enabled": vue,
            "Comfy.Pointer.DoubleClickTime": 1000,  # milliseconds; a busy machine is slow at clicking too
            **settings,
        }
        folder = comfy.home / "user" / "default"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "comfy.settings.json").write_text(json.dumps(settings), encoding="utf-8")
        forget_runs(comfy)
        if expected:
            allowed.append(re.compile(expected))
        page = context.new_page()
        pages.append(page)
        page.set_default_timeout(PATIENCE)
        page.goto(f"{comfy.url}/system_stats")  # of the same origin as the page, and light
        page.evaluate("() => localStorage.clear()")
        if frontend == "newest":
            deprecations.listen(page, told.append)
        page.on("console", listen)
        page.on("pageerror", lambda error: told.append(error.stack or str(error)))
        page.goto(comfy.url)
        page.wait_for_function(READY)
        return page

    yield open_page
    for page in pages:
        shot(page, request.node.name)
        page.close()
    unexpected = [text for text in told if not any(pattern.search(text) for pattern in allowed)]
    unexpected = [text for text in unexpected if OURS in text or not HARMLESS.search(text)]
    assert not unexpected, "\n".join(unexpected)


@pytest.fixture
def add_node() -> Callable[[Page, str, str], None]:
    """Adds a node by the search, and selects it: `word` is typed, what is offered with `name` is taken."""

    def add_node(page: Page, word: str, name: str) -> None:
        page.locator(".new-blank-workflow-button").click()
        page.wait_for_function("() => window.app.graph.nodes.length === 0")  # until then a click goes to the old graph
        search = page.locator("input:focus")
        for _ in range(5):  # on a busy machine two clicks may come too late to be a double one
            page.locator("#graph-canvas").dblclick(position={"x": 600, "y": 200})
            with contextlib.suppress(TimeoutError):
                search.wait_for(timeout=PATIENCE / 10)
                break
        search.fill(word)
        # Its first words: in the description of another node the name may stand too.
        page.get_by_role("option").filter(has_text=re.compile(rf"^\s*{re.escape(name)}")).click()
        page.locator("#graph-canvas").click(position={"x": 640, "y": 185})  # its title

    return add_node


@pytest.fixture
def open_graph() -> Callable[..., None]:
    """Opens a graph in API format as a file, into a workflow of its own."""

    def open_graph(page: Page, graph: Mapping[str, Any], name: str = "graph") -> None:
        content = json.dumps(graph).encode()
        page.locator("#comfy-file-input").set_input_files(
            {"name": f"{name}.json", "mimeType": "application/json", "buffer": content}
        )
        page.wait_for_function("(count) => window.app.graph.nodes.length === count", arg=len(graph))

    return open_graph


@pytest.fixture
def end_of_run(comfy: ComfyUI) -> Callable[[Page], str]:
    """Waits for the end of what the page runs, and says how it ended: "success", "error" or "interrupted"."""

    def end_of_run(page: Page) -> str:
        deadline = time.monotonic() + 2 * PATIENCE / 1000
        while not (history := comfy.get("/history")):
            assert time.monotonic() < deadline, "the run does not end"
            page.wait_for_timeout(50)
        (run,) = history.values()
        last, _ = run["status"]["messages"][-1]
        return str(last).removeprefix("execution_")

    return end_of_run
