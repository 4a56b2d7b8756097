"""A page of a real ComfyUI in a real browser, looked at as a user does; the service behind it is simulated."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright

from rig.browser import HELP, find_browser
from rig.comfyui import ComfyUI
from rig.layout import rig_home
from simulator import Config, Simulator

EXTENSION = "ModelStudio.Text2Image"
READY = f"""() => {{
  const manager = window.app?.vueAppReady && window.app.extensionManager;
  return manager && !manager.spinner && manager.workflow.activeWorkflow
    && window.app.extensions.some((extension) => extension.name === "{EXTENSION}");
}}"""
# What ComfyUI's own page says on any clean machine that is not on the Internet: "text (address)".
HARMLESS = re.compile(
    r"""404 .*/(user\.css|favicon\.ico|userdata[/?].*|templates/.*)\)$
    | net::ERR_NAME_NOT_RESOLVED
    | reading\ 'id'\).*\n.*onChange  # of its setting Comfy.Workflow.SortNodeIdOnSave, before the graph is there
    """,
    re.VERBOSE | re.DOTALL,
)


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Chromium, for all tests of the page. It reaches nothing but this machine."""
    program = find_browser()
    if not program:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(HELP)
    with sync_playwright() as playwright:
        args = ["--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]
        browser = playwright.chromium.launch(executable_path=program, args=args)
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def running_simulator() -> Iterator[Simulator]:
    with Simulator(Config(task_seconds=1.5)) as sim:
        yield sim


@pytest.fixture(scope="package")
def comfy(
    browser: Browser, running_simulator: Simulator, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ComfyUI]:
    """Asks for the browser first: without one there is no need to start it."""
    env = {
        "DASHSCOPE_HTTP_BASE_URL": running_simulator.base_url,
        "DASHSCOPE_API_KEY": running_simulator.key,
        "MODEL_STUDIO_PACE": "off",  # tests would wait for each other's submissions
        "MODEL_STUDIO_REUSE": "off",  # and see each other's pictures
    }
    with ComfyUI.start(home=tmp_path_factory.mktemp("comfyui"), env=env) as comfy:
        yield comfy


@pytest.fixture
def sim(running_simulator: Simulator) -> Simulator:
    running_simulator.reset()
    return running_simulator


@pytest.fixture
def open_page(browser: Browser, comfy: ComfyUI) -> Iterator[Callable[..., Page]]:
    """Opens ComfyUI as a new user with these settings sees it, and fails the test where the page tells an error.

    `expected` are patterns of errors that the test means to cause.
    """
    contexts: list[BrowserContext] = []
    told: list[str] = []
    allowed = [HARMLESS]

    def listen(message: ConsoleMessage) -> None:
        if message.type == "error":
            told.append(f"{message.text} ({message.location['url']})")

    def open_page(language: str = "en", vue: bool = False, expected: str = "", **settings: Any) -> Page:
        settings = {
            "Comfy.TutorialCompleted": True,  # no welcome dialog over the page
            "Comfy.Locale": language,
            "Comfy.VueNodes.Enabled": vue,
            **settings,
        }
        folder = comfy.home / "user" / "default"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "comfy.settings.json").write_text(json.dumps(settings), encoding="utf-8")
        comfy.post("/history", {"clear": True}).raise_for_status()
        comfy.post("/free", {"free_memory": True}).raise_for_status()  # what ran before runs again
        if expected:
            allowed.append(re.compile(expected))
        context = browser.new_context(viewport={"width": 1440, "height": 900})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(10_000)
        page.set_default_navigation_timeout(60_000)
        page.on("console", listen)
        page.on("pageerror", lambda error: told.append(str(error)))
        page.goto(comfy.url)
        page.wait_for_function(READY, timeout=60_000)
        return page

    yield open_page
    for context in contexts:
        context.close()
    unexpected = [text for text in told if not any(pattern.search(text) for pattern in allowed)]
    assert not unexpected, "\n".join(unexpected)


@pytest.fixture
def shot() -> Callable[[Page, str], Path]:
    """Saves what a page shows as a file for people to look at."""

    def shot(page: Page, name: str) -> Path:
        path = rig_home() / "reports" / "browser" / f"{name}.png"
        page.screenshot(path=path)
        return path

    return shot
