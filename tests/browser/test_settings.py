"""Settings > Model Studio > API keys, as a person uses it who has no key in the environment but for one region."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from rig.comfyui import ComfyUI
from simulator import Config, Simulator
from simulator.config import Account

KEY = f"sk-planted-{uuid.uuid4().hex[:-4]}3f2a"
FOREIGN = f"sk-planted-{uuid.uuid4().hex}"
OpenPage = Callable[..., Page]


@pytest.fixture(scope="module")
def own_simulator() -> Iterator[Simulator]:
    keys = {KEY: Account("account-1", "ap-southeast-1"), FOREIGN: Account("account-1", "cn-beijing")}
    with Simulator(Config(keys=keys)) as sim:
        yield sim


@pytest.fixture(scope="module")
def comfy(start_comfyui: Callable[[Mapping[str, str]], ComfyUI], own_simulator: Simulator) -> Iterator[ComfyUI]:
    env = {
        "DASHSCOPE_HTTP_BASE_URL": own_simulator.base_url_of("ap-southeast-1"),
        "DASHSCOPE_API_KEY_US_EAST_1": "sk-of-the-environment",
    }
    with start_comfyui(env) as comfy:
        yield comfy


def open_keys(page: Page, category: str = "Model Studio") -> None:
    page.evaluate("window.app.extensionManager.command.execute('Comfy.ShowSettingsDialog')")
    page.get_by_role("dialog").get_by_text(category, exact=True).first.click()
    page.locator("form.model-studio-key").first.wait_for()


class Field:
    """The field of a region, found by its label."""

    def __init__(self, page: Page, region: str) -> None:
        self.input: Locator = page.get_by_label(f"API key for {region}")
        form = page.locator("form.model-studio-key").filter(has=self.input)
        self.save, self.test, self.remove = (
            form.get_by_role("button", name=name) for name in ("Save", "Test", "Remove")
        )
        self.status = form.get_by_role("status")
        self.next = form.locator("[role=status] + button")
        self.auto = form.get_by_text("Nodes set to auto use this region now.")


@pytest.mark.oldest_too
def test_a_key_is_stored_tested_and_removed(open_page: OpenPage, comfy: ComfyUI) -> None:
    page = open_page()
    sent: list[Any] = []
    page.on("request", lambda request: sent.append((request.url, request.post_data or "")))
    open_keys(page)
    field = Field(page, "ap-southeast-1")
    expect(field.status).to_have_text("Not set.")
    expect(field.test).to_be_disabled()
    expect(field.remove).to_be_disabled()
    assert (field.input.get_attribute("type"), field.input.get_attribute("autocomplete")) == (
        "password",
        "new-password",
    )

    field.input.focus()  # the rest by keyboard
    page.keyboard.insert_text(KEY)
    page.keyboard.press("Enter")
    expect(field.status).to_have_text(re.compile(r"^Set, ends in …3f2a\..*Saved\.", re.DOTALL))
    expect(field.input).to_have_value("")
    page.keyboard.press("Tab")
    expect(field.save).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(field.status).to_contain_text("The service accepts the key")

    assert [url for url, body in sent if KEY in url + body] == [f"{comfy.url}/api/model_studio/keys/ap-southeast-1"]
    assert KEY not in page.content()
    stored = "() => JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie])"
    assert KEY not in page.evaluate(stored)
    assert KEY not in json.dumps(page.evaluate("async () => await window.app.graphToPrompt()"))
    assert KEY not in str(comfy.get("/settings"))
    assert KEY not in (comfy.home / "user" / "default" / "comfy.settings.json").read_text(encoding="utf-8")

    field.remove.click()
    page.get_by_role("button", name="Delete").click()
    expect(field.status).to_have_text("Not set.\nRemoved.", use_inner_text=True)
    expect(field.remove).to_be_disabled()


def test_auto_is_told_in_the_row_of_its_region(open_page: OpenPage) -> None:
    page = open_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(f"{request.method} {request.url}"))
    page.evaluate("() => window.addEventListener('model-studio-keys', () => (window.heard = (window.heard ?? 0) + 1))")
    open_keys(page)
    fields = {region: Field(page, region) for region in ("cn-beijing", "ap-southeast-1", "us-east-1")}

    def expect_auto(region: str) -> None:
        expect(fields[region].auto).to_be_visible()
        for other in fields.keys() - {region}:
            expect(fields[other].auto).to_be_hidden()

    expect_auto("us-east-1")  # the only one with a key
    assert len([each for each in asked if re.fullmatch(r"GET .*/model_studio/keys", each)]) == 1
    fields["ap-southeast-1"].input.fill(KEY)
    fields["ap-southeast-1"].save.click()
    expect_auto("cn-beijing")
    fields["ap-southeast-1"].remove.click()
    page.get_by_role("button", name="Delete").click()
    expect_auto("us-east-1")
    assert page.evaluate("window.heard") == 2


def test_a_wrong_key_and_a_text_that_is_none(open_page: OpenPage) -> None:
    page = open_page(expected=r"400 \(Bad Request\)")
    open_keys(page)
    field = Field(page, "cn-beijing")
    field.input.fill('"sk-in-quotes"')
    field.save.click()
    expect(field.status).to_contain_text("no quotes")
    field.input.fill("sk-planted-wrong-key")
    field.save.click()
    expect(field.status).to_contain_text("Set, ends in …-key.")
    field.test.click()
    expect(field.status).to_contain_text("The service refuses the key that is used.")
    expect(field.status).to_contain_text("Keys belong to one region")


def test_saving_nothing_says_so(open_page: OpenPage) -> None:
    page = open_page(expected=r"400 \(Bad Request\)")
    open_keys(page)
    field = Field(page, "cn-beijing")
    expect(field.status).not_to_be_empty()  # until then nothing is known of another test's key
    if field.remove.is_enabled():
        field.remove.click()
        page.get_by_role("button", name="Delete").click()
    field.input.fill('"sk-in-quotes"')
    field.save.click()
    expect(field.status).to_contain_text("no quotes")
    for nothing in ("", "   "):
        field.input.fill(nothing)
        field.save.click()
        expect(field.status).to_have_text(
            "Not set.\nNothing was entered. Paste the key into the field first.", use_inner_text=True
        )
        expect(field.input).to_be_focused()
    expect(field.save).to_be_enabled()


def test_a_key_of_another_region_is_asked_about_and_moved(
    open_page: OpenPage, own_simulator: Simulator, shot: Callable[[Page, str], Path]
) -> None:
    """Two clicks: only the first lets it go to the other regions."""

    def asked() -> set[str]:
        return {seen.path.split("/")[1] for seen in own_simulator.requests}

    own_simulator.reset()
    page = open_page()
    open_keys(page)
    field, other = Field(page, "ap-southeast-1"), Field(page, "cn-beijing")
    for each in (field, other):
        if each.remove.is_enabled():
            each.remove.click()
            page.get_by_role("button", name="Delete").click()
            expect(each.remove).to_be_disabled()
    expect(field.next).to_be_hidden()
    field.input.fill(FOREIGN)
    field.save.click()
    expect(field.status).to_contain_text("Saved")
    field.test.click()
    expect(field.next).to_have_text("Ask the other regions")
    assert "cn-beijing, us-east-1" in (field.next.get_attribute("title") or "")
    assert asked() == {"ap-southeast-1"}
    shot(page, "keys-refused")
    field.next.click()
    expect(field.status).to_contain_text("The key belongs to Beijing (cn-beijing).")
    assert asked() == {"ap-southeast-1", "cn-beijing", "us-east-1"}
    shot(page, "keys-elsewhere")
    expect(field.next).to_have_text("Move it to cn-beijing")
    field.next.click()
    expect(field.status).to_contain_text("Moved to cn-beijing.")
    expect(field.remove).to_be_disabled()
    expect(other.status).to_have_text(f"Set, ends in …{FOREIGN[-4:]}.")
    expect(other.test).to_be_enabled()
    expect(field.next).to_be_hidden()
    assert FOREIGN not in page.content()


def test_the_environment_wins(open_page: OpenPage) -> None:
    page = open_page()
    open_keys(page)
    field = Field(page, "us-east-1")
    expect(field.status).to_contain_text("Not set.")
    expect(field.status).to_contain_text("The environment variable DASHSCOPE_API_KEY_US_EAST_1 is used.")
    field.input.fill(KEY)
    field.save.click()
    expect(field.status).to_contain_text("The environment variable DASHSCOPE_API_KEY_US_EAST_1 wins over it.")


def test_pasting_into_the_field_does_nothing_to_the_graph(open_page: OpenPage) -> None:
    page = open_page()
    nodes = page.evaluate("window.app.graph.nodes.length")
    open_keys(page)
    field = Field(page, "ap-southeast-1")
    field.input.focus()
    page.evaluate(
        """text => {
        const data = new DataTransfer();
        data.setData("text/plain", text);
        document.activeElement.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true }));
    }""",
        json.dumps({"nodes": [], "links": [], "version": 0.4, "last_node_id": 0, "last_link_id": 0}),
    )
    for key in ("Delete", "Control+a", "r", "q"):  # shortcuts of the graph
        page.keyboard.press(key)
    page.wait_for_timeout(300)
    assert page.evaluate("window.app.graph.nodes.length") == nodes
    expect(field.input).to_have_value("rq")


@pytest.mark.parametrize(
    ("language", "theme", "words"),
    [
        ("en", "dark", ("Model Studio", "API keys", "Virginia (us-east-1)", "Save", "Not set.")),
        ("zh", "light", ("百炼 (Model Studio)", "API 密钥", "弗吉尼亚（us-east-1）", "保存", "未设置。")),
        ("zh-TW", "dark", ("百鍊 (Model Studio)", "API 金鑰", "維吉尼亞（us-east-1）", "儲存", "尚未設定。")),
    ],
)
def test_in_its_languages(
    open_page: OpenPage, shot: Callable[[Page, str], Path], language: str, theme: str, words: tuple[str, ...]
) -> None:
    page = open_page(language, **{"Comfy.ColorPalette": theme})
    open_keys(page, words[0])
    for word in words[1:]:
        expect(page.get_by_role("dialog").get_by_text(word, exact=True).first).to_be_visible()
    shot(page, f"keys-{language}")


@pytest.mark.parametrize("vue", [False, True], ids=["classic", "vue"])
def test_a_node_without_a_key_leads_to_where_it_is_entered(
    open_page: OpenPage, comfy: ComfyUI, own_simulator: Simulator, vue: bool
) -> None:
    page = open_page(vue=vue)
    page.evaluate(
        """() => {
          app.graph.clear();
          const node = LiteGraph.createNode("ModelStudioWanText2Image");
          app.graph.add(node);
          const values = { prompt: "boats", region: "ap-southeast-1", model: "wan2.2-t2i-flash" };
          for (const [name, value] of Object.entries(values))
            node.widgets.find((widget) => widget.name === name).value = value;
          const save = LiteGraph.createNode("PreviewImage");
          app.graph.add(save);
          node.connect(0, save, 0);
          app.canvas.ds.offset = [200, 150];
        }"""
    )
    price = page.locator(".model-studio-price")
    expect(price.locator(".model-studio-error")).to_have_text("There is no API key for region ap-southeast-1.")
    price.get_by_role("button", name="Enter a key").click()
    field = Field(page, "ap-southeast-1")
    field.input.fill(KEY)
    field.save.click()
    expect(field.status).to_contain_text("Saved")
    page.keyboard.press("Escape")
    expect(price).to_have_text(re.compile(r"^USD\s0\.\d+ · about 35 s"))
    page.evaluate("() => app.queuePrompt(0, 1)")
    expect(page.locator(".model-studio-outcome")).to_contain_text("1 picture")
    page.evaluate("() => fetch('/model_studio/keys/ap-southeast-1', { method: 'DELETE' })")
