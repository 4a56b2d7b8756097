"""The sidebar's tab of recent tasks: what was drawn is listed, and its pictures come into the graph for nothing."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from model_studio.ledger import DRAWN, SENDING, UNCERTAIN, Asked, Ledger, Limits, new_entry
from model_studio.service.answers import Drawn
from rig.comfyui import ComfyUI
from simulator import Simulator
from simulator.drawing import Drawing, png
from tests.browser.contrast import contrasts, too_faint
from tests.long_ledger import copy

SMALL = {
    "aspect_ratio": "custom",
    "width": 512,
    "height": 512,
    "n": 2,
    "seed": 7,
    "negative_prompt": "",
    "prompt_extend": False,
    "watermark": False,
    "region": "auto",
    "timeout": 60,
}
MODELS = {
    "sync": ("ModelStudioQwenText2Image", "qwen-image-2.0"),
    "async": ("ModelStudioWanText2Image", "wan2.2-t2i-flash"),
}
HOSTILE = "<img src=x onerror=alert(1)>\"'&amp; 船"
LONG = 5000
ROWS_IN_PAGE = 40  # at most, however long the list is
# A page at a time, as the Page Down key does: all prompts in the order in which they came, the most rows and the most
# elements that were in the page at once.
SCROLL_TO_THE_END = """async () => {
  const panel = document.querySelector(".model-studio-tasks");
  const box = panel.querySelector(".model-studio-list");
  const seen = new Set();
  let [mostRows, mostElements] = [0, 0];
  for (let atRest = 0; atRest < 20; box.scrollTop += box.clientHeight) {
    await new Promise(requestAnimationFrame); // called after the scroll event, which draws
    const rows = [...panel.querySelectorAll(".model-studio-prompt")];
    for (const row of rows) seen.add(row.textContent);
    mostRows = Math.max(mostRows, rows.length);
    mostElements = Math.max(mostElements, panel.querySelectorAll("*").length);
    const isAtEnd = box.scrollTop + box.clientHeight >= box.scrollHeight - 1;
    atRest = isAtEnd && box.ariaBusy === "false" ? atRest + 1 : 0;
  }
  return [[...seen], mostRows, mostElements];
}"""


# What users' fonts and settings do to the panel.
LOOKS = {
    "usual": "* {}",
    "wide font": ".model-studio-tasks * { letter-spacing: 0.25em !important }",
    "large default font": "html { font-size: 24px !important }",
    "minimum font size": ".model-studio-tasks, .model-studio-tasks * { font-size: 20px !important }",
}
# Texts that must be seen whole, each with whether it is: within all that would cut it off, and above nothing else.
SEEN_WHOLE = """() => {
  const places = `.model-studio-state, .model-studio-foot > :not(.model-studio-ruler *),
    .model-studio-tasks h2, .model-studio-spent`;
  const boxes = [...document.querySelectorAll(places)].filter((element) => element.textContent).map((element) => {
    const range = document.createRange();
    range.selectNodeContents(element);
    const text = range.getBoundingClientRect();
    let isWhole = true;
    for (let outer = element; outer; outer = outer.parentElement) {
      if (getComputedStyle(outer).overflow === "visible") continue;
      const box = outer.getBoundingClientRect();
      isWhole &&= text.left >= box.left - 1 && text.right <= box.right + 1;
      isWhole &&= text.top >= box.top - 1 && text.bottom <= box.bottom + 1;
    }
    return [element.textContent, text, isWhole];
  });
  const covers = (a, b) =>
    a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 1 && b.top < a.bottom - 1;
  return boxes.map(([words, text, isWhole]) =>
    [words, isWhole && boxes.every(([, other]) => other === text || !covers(text, other))]);
}"""


@pytest.fixture(scope="module")
def comfy(start_comfyui: Callable[[Mapping[str, str]], ComfyUI], running_simulator: Simulator) -> Iterator[ComfyUI]:
    """With a store and a budget, and nothing in the ledger yet."""
    env = {
        "DASHSCOPE_HTTP_BASE_URL": running_simulator.base_url,
        "DASHSCOPE_API_KEY": running_simulator.key,
        "MODEL_STUDIO_PACE": "off",
        "MODEL_STUDIO_DAILY_BUDGET": "CNY 20",
    }
    with start_comfyui(env) as comfy:
        yield comfy


@pytest.fixture(scope="module")
def ledger(comfy: ComfyUI) -> Ledger:
    return Ledger(comfy.home / "user" / "__model_studio")


def graph(mode: str, prompt: str) -> dict[str, Any]:
    node, model = MODELS[mode]
    inputs = {"prompt": prompt, "model": model, "call_mode": mode, **SMALL}
    save = {"class_type": "PreviewImage", "inputs": {"images": ["1", 0]}}
    return {"1": {"class_type": node, "inputs": inputs}, "2": save}


def draw(comfy: ComfyUI, mode: str, prompt: str) -> None:
    run = comfy.run(graph(mode, prompt))
    assert run.status == "success", run.error or run.refusal


def open_tab(page: Page) -> Locator:
    page.locator(".model-studio-tasks-tab-button, [data-testid=model-studio-tasks-tab-button]").click()
    panel = page.locator(".model-studio-tasks")
    expect(panel.locator(".model-studio-spent")).not_to_be_empty()
    return panel


def rows(panel: Locator) -> Locator:
    return panel.get_by_role("listitem")


def search(panel: Locator, text: str) -> None:
    """Types, and waits until the answer is shown."""
    with panel.page.expect_response(lambda response: "/model_studio/records?search=" in response.url):
        panel.get_by_role("searchbox").fill(text)
    expect(panel.locator("[aria-busy]")).to_have_attribute("aria-busy", "false")


@pytest.mark.oldest_too
def test_an_empty_ledger_and_the_first_task(open_page: Callable[..., Page], comfy: ComfyUI, shot: Any) -> None:
    """In this order: there is but one first time."""
    page = open_page()
    panel = open_tab(page)
    expect(panel.locator(".model-studio-note")).to_contain_text("There are no tasks yet")
    assert panel.locator(".model-studio-spent").inner_text() == "Today: CNY\u00a00.00 of CNY\u00a020.00"
    shot(page, "tasks-empty")
    page.evaluate(
        "async (prompt) => (await import('/scripts/api.js')).api.queuePrompt(0, {output: prompt, workflow: {}})",
        graph("async", "the first boat"),
    )
    expect(rows(panel)).to_have_count(1, timeout=30_000)  # by itself
    expect(rows(panel)).to_contain_text("the first boat")
    expect(panel.locator(".model-studio-note")).to_be_empty()
    assert panel.locator(".model-studio-spent").inner_text() == "Today: CNY\u00a00.28 of CNY\u00a020.00"


VIEWS = pytest.mark.parametrize("vue", [False, True], ids=["classic", "vue"])
# Of each node of the graph on the screen: its type, its place with its title, and whether it is selected.
NODES = """() => window.app.canvas.graph.nodes.map(({ id, type, pos, size, selected }) => ({
  id, type, selected: Boolean(selected), box: [pos[0], pos[1] - 30, pos[0] + size[0], pos[1] + size[1]],
}))"""
IN_SIGHT = """([left, top, right, bottom]) => {
  const { ds, canvas } = window.app.canvas;
  const whole = canvas.getBoundingClientRect();
  const panel = document.querySelector(".model-studio-tasks").getBoundingClientRect();
  const x = (each) => (each + ds.offset[0]) * ds.scale + whole.left;
  const y = (each) => (each + ds.offset[1]) * ds.scale + whole.top;
  return x(left) >= panel.right && x(right) <= whole.right && y(top) >= whole.top && y(bottom) <= whole.bottom;
}"""


def into_the_graph(page: Page, row: Locator, end_of_run: Callable[[Page], str]) -> list[dict[str, Any]]:
    """Presses the button, waits for the run to end, and gives the nodes that there are then."""
    row.get_by_role("button", name="Into the graph").click()
    assert end_of_run(page) == "success"
    page.wait_for_timeout(300)  # for pictures to be seen, by which nodes may grow
    nodes: list[dict[str, Any]] = page.evaluate(NODES)
    return nodes


def sent(sim: Simulator) -> list[str]:
    """All but the questions about tasks of other tests that never ended, which the panel asks when it is opened."""
    created = {str(charge.task_id) for charge in sim.billed}
    return [
        f"{seen.method} {seen.path}"
        for seen in sim.requests
        if seen.method != "GET" or "/tasks/" not in seen.path or seen.path.rsplit("/", 1)[1] in created
    ]


def covers(one: list[float], other: list[float]) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


@pytest.mark.oldest_too
@VIEWS
def test_pictures_come_into_the_graph_for_nothing(
    open_page: Callable[..., Page], comfy: ComfyUI, sim: Simulator, shot: Any, end_of_run: Any, frontend: str, vue: bool
) -> None:
    """One click in a blank workflow shows them, a second one adds nothing, and one Undo takes all away.

    Where Vue nodes are new, in the oldest page, they change their size late, which can be a step of its own.
    """
    prompt = f"a boat in {vue}"
    draw(comfy, "async", prompt)
    asked = sent(sim)
    page = open_page(vue=vue)
    page.locator(".new-blank-workflow-button").click()
    page.wait_for_function("() => window.app.graph.nodes.length === 0")
    panel = open_tab(page)
    search(panel, prompt)
    (row,) = rows(panel).all()
    expect(row).to_contain_text("stored")
    page.wait_for_function("() => document.querySelector('.model-studio-thumbnail img').naturalWidth === 192")
    (record,) = comfy.get(f"/model_studio/records?search={prompt}")["records"]
    for _ in range(2):
        nodes = into_the_graph(page, row, end_of_run)
        shot(page, f"tasks-into-the-graph-{'vue' if vue else 'classic'}")
        assert [(node["type"], node["selected"]) for node in nodes] == [
            ("ModelStudioTaskPoller", True),
            ("PreviewImage", True),
        ]
        poller, preview = nodes
        assert not covers(poller["box"], preview["box"])
        assert page.evaluate(IN_SIGHT, poller["box"]) and page.evaluate(IN_SIGHT, preview["box"])
        values = "() => window.app.graph.nodes[0].widgets.slice(0, 2).map(({ value }) => value)"
        assert page.evaluate(values) == [record["task_id"], record["region"]]
        pictures = f"() => window.app.nodeOutputs[{preview['id']}]?.images.length"
        assert page.evaluate(pictures) == 2
        comfy.post("/history", {"clear": True}).raise_for_status()
    assert sent(sim) == asked
    page.locator("#graph-canvas").focus()
    for _ in range(2 if vue and frontend == "oldest" else 1):
        page.keyboard.press("Control+z")
        page.wait_for_timeout(300)
    page.wait_for_function("() => window.app.graph.nodes.length === 0")


@VIEWS
def test_nothing_else_of_the_graph_runs_or_is_covered(
    open_page: Callable[..., Page],
    open_graph: Any,
    comfy: ComfyUI,
    sim: Simulator,
    shot: Any,
    end_of_run: Any,
    vue: bool,
) -> None:
    """In a graph that buys with each run, and where nothing is free in sight."""
    prompt = f"a boat among others {vue}"
    draw(comfy, "async", prompt)
    comfy.post("/history", {"clear": True}).raise_for_status()
    asked = sent(sim)
    page = open_page(vue=vue)
    open_graph(page, graph("async", "another boat"))
    page.evaluate(
        """() => {
            const { graph, canvas } = window.app;
            for (let x = -1200; x < 2400; x += 400) {
                for (let y = -900; y < 1500; y += 300) {
                    const note = window.LiteGraph.createNode("MarkdownNote") ?? window.LiteGraph.createNode("Note");
                    note.pos = [x, y];
                    note.setSize([370, 240]);
                    graph.add(note);
                }
            }
            canvas.ds.scale = 0.7;
            canvas.ds.offset[0] = canvas.ds.offset[1] = 0;
            const seed = graph.nodes[0].widgets.find(({ name }) => name === "seed");
            const control = graph.nodes[0].widgets.find(({ name }) => name.startsWith("control"));
            control.value = "randomize";
            seed.value = 7;
        }"""
    )
    panel = open_tab(page)
    search(panel, prompt)
    before: list[dict[str, Any]] = page.evaluate(NODES)
    nodes = into_the_graph(page, rows(panel), end_of_run)
    shot(page, f"tasks-into-a-full-graph-{'vue' if vue else 'classic'}")
    poller, preview = new = nodes[len(before) :]
    assert [node["type"] for node in new] == ["ModelStudioTaskPoller", "PreviewImage"]
    assert not covers(poller["box"], preview["box"])
    covered = [other["box"] for other in nodes[2 : len(before)] for node in new if covers(node["box"], other["box"])]
    assert covered == []
    assert page.evaluate(IN_SIGHT, poller["box"]) and page.evaluate(IN_SIGHT, preview["box"])
    (run,) = comfy.get("/history").values()
    assert set(run["prompt"][2]) == {str(node["id"]) for node in new}
    assert sent(sim) == asked
    seed = "() => window.app.graph.nodes[0].widgets.find(({ name }) => name === 'seed').value"
    assert page.evaluate(seed) == 7


def test_a_refusal_of_the_server_is_told(open_page: Callable[..., Page], ledger: Ledger) -> None:
    """Here of an id that no service gives."""
    asked = Asked("account", "cn-beijing", "print", "wan2.2-t2i-flash", "an odd boat", "512*512", 1)
    entry = new_entry(asked, DRAWN, ledger.now(), "bü")
    ledger.update(ledger.found(entry), drawn=Drawn(("https://link",)))
    page = open_page(expected="400")
    panel = open_tab(page)
    search(panel, "an odd boat")
    rows(panel).get_by_role("button", name="Into the graph").click()
    expect(page.get_by_text("The pictures could not be fetched").first).to_be_visible()
    expect(page.get_by_text("is not a task id").first).to_be_visible()


def test_in_a_subgraph_that_is_used_twice_just_two_nodes_run(
    open_page: Callable[..., Page], comfy: ComfyUI, sim: Simulator, end_of_run: Any
) -> None:
    """And none, with the reason, where it does not run."""
    prompt = "a boat within"
    draw(comfy, "async", prompt)
    page = open_page()
    page.locator(".new-blank-workflow-button").click()
    page.wait_for_function("() => window.app.graph.nodes.length === 0")
    page.evaluate(
        """() => {
          const { graph, canvas } = app;
          graph.add(LiteGraph.createNode("PreviewAny"));
          const { node } = graph.convertToSubgraph(new Set(graph.nodes));
          graph.add(LiteGraph.createNode(node.type));
          canvas.setGraph(node.subgraph);
        }"""
    )
    panel = open_tab(page)
    search(panel, prompt)
    asked = sent(sim)
    rows(panel).get_by_role("button", name="Into the graph").dblclick()
    assert end_of_run(page) == "success"
    (run,) = comfy.get("/history").values()
    assert sorted(node["class_type"] for node in run["prompt"][2].values()) == ["ModelStudioTaskPoller", "PreviewImage"]
    comfy.post("/history", {"clear": True}).raise_for_status()
    page.evaluate("() => (app.rootGraph ?? app.graph).nodes.forEach((node) => { node.mode = 2 })")
    rows(panel).get_by_role("button", name="Into the graph").click()
    expect(page.get_by_text("muted or bypassed").first).to_be_visible()
    assert comfy.get("/history") == {} and sent(sim) == asked


@pytest.mark.parametrize("is_secure", [True, False], ids=["localhost", "plain http"])
def test_a_task_id_is_copied(open_page: Callable[..., Page], comfy: ComfyUI, is_secure: bool) -> None:
    draw(comfy, "async", "a boat to copy")
    page = open_page()
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    panel = open_tab(page)
    search(panel, "a boat to copy")
    page.evaluate("() => window.readClipboard = navigator.clipboard.readText.bind(navigator.clipboard)")
    if not is_secure:
        page.evaluate("() => Object.defineProperty(navigator, 'clipboard', {value: undefined})")
    button = rows(panel).get_by_role("button", name="Copy id")
    button.click()
    expect(page.get_by_text("The task id was copied", exact=True)).to_be_visible()
    (record,) = comfy.get("/model_studio/records?search=a boat to copy")["records"]
    assert page.evaluate("() => window.readClipboard()") == record["task_id"]
    expect(button).to_be_focused()


TEXTS = ".model-studio-tasks *"


def test_rows_offer_only_what_works_and_can_be_read(
    open_page: Callable[..., Page], comfy: ComfyUI, ledger: Ledger, shot: Any
) -> None:
    prompt = graph("sync", "a boat without a task")
    prompt["1"]["inputs"]["seed"] = 2147483647  # by now the node may have another one
    assert comfy.run(prompt).status == "success"
    asked = Asked("account", "cn-beijing", "print", "wan2.2-t2i-flash", "a boat in the fog", "512*512", 1)
    ledger.update(ledger.begin(new_entry(asked, SENDING, ledger.now())), state=UNCERTAIN)
    for palette in ("light", "dark"):
        page = open_page(**{"Comfy.ColorPalette": palette})
        panel = open_tab(page)
        expect(rows(panel).first).to_be_visible()
        shot(page, f"tasks-contrast-{palette}")
        assert len(contrasts(page, TEXTS)) > 10
        assert too_faint(page, TEXTS) == []
    search(panel, "a boat without a task")
    expect(rows(panel)).to_contain_text("Run again with seed 2147483647")
    expect(rows(panel).get_by_role("button")).to_have_count(0)
    search(panel, "a boat in the fog")
    expect(rows(panel)).to_contain_text("no answer, may be billed")
    expect(rows(panel).get_by_role("button")).to_have_count(0)


def test_open_tasks_are_asked_about_when_the_list_is_opened_and_refreshed(
    open_page: Callable[..., Page], comfy: ComfyUI, sim: Simulator, shot: Any
) -> None:
    """Rows stand there first. Nothing is asked while somebody types, and nothing is bought."""

    def submit(prompt: str) -> None:
        inputs = {"prompt": prompt, "model": MODELS["async"][1], **SMALL}
        del inputs["timeout"]
        assert comfy.run({"1": {"class_type": "ModelStudioSubmitText2Image", "inputs": inputs}}).status == "success"

    def polls() -> int:
        return sum(seen.method == "GET" and "/tasks/" in seen.path for seen in sim.requests)

    sim.faults.add("stuck_pending", on="poll", times=1)
    submit("an open boat")
    page = open_page()
    panel = open_tab(page)
    expect(rows(panel).first).to_contain_text("queued at the service")
    search(panel, "an open boat")
    expect(rows(panel)).to_contain_text("queued at the service")
    assert polls() == 1
    page.wait_for_timeout(1500)  # the task takes this long
    panel.get_by_role("button", name="Refresh").click()
    expect(rows(panel)).to_contain_text("ready to be fetched")
    assert polls() == 2

    sim.faults.add("moderation_output", on="create", times=1)
    submit("a boat that is refused")
    sim.faults.add("canceled", on="create", times=1)
    submit("a boat that is withdrawn")
    page.wait_for_timeout(1500)
    panel.get_by_role("searchbox").fill("a boat that is")
    panel.get_by_role("button", name="Refresh").click()
    withdrawn, refused = rows(panel).first, rows(panel).nth(1)
    expect(withdrawn.locator(".model-studio-state")).to_have_text("canceled, unpaid")
    expect(refused.locator(".model-studio-state")).to_have_text("failed")
    why = refused.locator(".model-studio-why")
    expect(why).to_contain_text("Moderation refused the picture that was made.")
    told = why.get_attribute("title") or ""
    assert "DataInspectionFailed" in told and told == refused.locator(".model-studio-state").get_attribute("title")
    shot(page, "tasks-states")
    assert len([seen for seen in sim.requests if seen.method == "POST"]) == 3


@pytest.mark.parametrize("language", ["en", "zh-TW"])
def test_words_are_seen_whole_in_any_font(
    open_page: Callable[..., Page], ledger: Ledger, shot: Any, language: str
) -> None:
    prompt, seed = f"wide {language}", 2147483647
    asked = Asked(
        "account", "cn-beijing", "print", "wan2.2-t2i-flash", prompt, "512*512", 1, seed, price=(99.25, "CNY")
    )
    for task_id in (None, f"task {language}"):
        entry = replace(new_entry(asked, DRAWN, 1_700_000_000, task_id), drawn=Drawn(("https://link",)))
        ledger.keep(
            ledger.update(ledger.begin(entry), state=DRAWN), 0, png(Drawing("m", "p", 1, 64, 64)), Limits(2**30)
        )
    page = open_page(language)
    panel = open_tab(page)
    search(panel, prompt)
    expect(rows(panel)).to_have_count(2)
    for look, style in LOOKS.items():
        added = page.add_style_tag(content=style)
        shot(page, f"tasks-{language}-{look}")
        seen = page.evaluate(SEEN_WHOLE)
        assert len(seen) > 6
        assert [words for words, is_whole in seen if not is_whole] == [], look
        added.evaluate("(style) => style.remove()")


def test_a_run_that_ends_before_the_search_does(open_page: Callable[..., Page], comfy: ComfyUI) -> None:
    """What was listed before is not taken for what is found."""
    for prompt in ("an old boat", "a harbour"):
        draw(comfy, "sync", prompt)
    page = open_page()
    panel = open_tab(page)
    expect(rows(panel).nth(1)).to_be_visible()
    page.evaluate(
        """async () => {
            document.querySelector(".model-studio-tasks input").value = "a harbour";
            const { api } = await import("/scripts/api.js");
            api.dispatchEvent(new CustomEvent("execution_success", { detail: {} }));
        }"""
    )
    expect(rows(panel)).to_have_count(1)
    expect(rows(panel)).to_contain_text("a harbour")


def test_a_sum_that_was_lost_is_not_nothing(open_page: Callable[..., Page], comfy: ComfyUI, ledger: Ledger) -> None:
    def set_unknown_day(day: str | None) -> None:
        with ledger.database.transaction() as connection:
            connection.execute("UPDATE secrets SET unknown_day = ?", (day,))

    set_unknown_day(time.strftime("%Y-%m-%d"))
    try:
        panel = open_tab(open_page())
        expect(panel.locator(".model-studio-spent")).to_have_text(
            "Today: not known, because the ledger was damaged today"
        )
    finally:
        set_unknown_day(None)


def test_text_is_text(open_page: Callable[..., Page], comfy: ComfyUI) -> None:
    draw(comfy, "sync", HOSTILE)
    page = open_page()
    page.on("dialog", lambda dialog: pytest.fail(dialog.message))
    panel = open_tab(page)
    search(panel, HOSTILE)
    expect(rows(panel).locator(".model-studio-prompt")).to_have_text(HOSTILE)
    search(panel, "<img src=y onerror=alert(2)>")
    expect(panel.locator(".model-studio-note")).to_contain_text("<img src=y onerror=alert(2)>")


def test_errors_are_told_until_a_refresh_goes_well(open_page: Callable[..., Page], ledger: Ledger) -> None:
    page = open_page(expected="503")
    file, aside = ledger.database.file, ledger.folder / "aside"
    panel = open_tab(page)
    expect(rows(panel).first).to_be_visible()
    file.rename(aside)
    file.mkdir()
    try:
        panel.get_by_role("button", name="Refresh").click()
        expect(panel.locator(".model-studio-note")).to_contain_text("The ledger of earlier tasks cannot be read")
    finally:
        file.rmdir()
        aside.rename(file)
    panel.get_by_role("button", name="Refresh").click()
    expect(panel.locator(".model-studio-note")).to_be_empty()


def test_thousands_of_tasks_are_scrolled_through(
    open_page: Callable[..., Page], comfy: ComfyUI, ledger: Ledger, shot: Any
) -> None:
    asked = Asked("account", "cn-beijing", "print", "wan2.2-t2i-flash", "row ", "512*512", 1, 7, True, (0.14, "CNY"))
    entry = ledger.found(new_entry(asked, DRAWN, 1_700_000_000, "row"))
    copy(ledger, ledger.update(entry, drawn=Drawn(("https://link",))), LONG - 1)
    page = open_page()
    panel = open_tab(page)
    search(panel, "row ")
    seen, most_rows, most_elements = page.evaluate(SCROLL_TO_THE_END)
    assert seen == ["row", *(f"row {number}" for number in range(1, LONG))][::-1]
    assert most_rows < ROWS_IN_PAGE and most_elements < ROWS_IN_PAGE * 20
    shot(page, "tasks-thousands")
    expect(rows(panel).last).to_have_attribute("aria-posinset", str(LONG))


def test_the_keyboard_goes_through_the_list(open_page: Callable[..., Page], comfy: ComfyUI, ledger: Ledger) -> None:
    asked = Asked("account", "cn-beijing", "print", "wan2.2-t2i-flash", "key", "512*512", 1)
    copy(ledger, ledger.found(new_entry(asked, DRAWN, 1_700_000_000, "key")), 150)
    page = open_page()
    panel = open_tab(page)
    search(panel, "key")
    panel.get_by_role("searchbox").focus()
    page.keyboard.press("Tab")
    for place in range(1, 121):  # beyond the first page of the answer
        page.keyboard.press("Tab")
        row = rows(panel).filter(has=page.locator(":focus"))
        expect(row).to_have_attribute("aria-posinset", str(place))


@pytest.mark.parametrize(
    ("language", "palette", "title", "state"),
    [
        ("en", "dark", "Recent tasks", "stored"),
        ("zh", "light", "最近的任务", "已保存"),
        ("zh-TW", "dark", "最近的任務", "已儲存"),
    ],
    ids=["en", "zh", "zh-TW"],
)
def test_in_three_languages(
    open_page: Callable[..., Page], comfy: ComfyUI, shot: Any, language: str, palette: str, title: str, state: str
) -> None:
    for mode in MODELS:
        draw(comfy, mode, "一艘紙船停在平靜的湖上")
    page = open_page(language, **{"Comfy.ColorPalette": palette})
    panel = open_tab(page)
    expect(panel.get_by_role("heading")).to_have_text(title)
    search(panel, "紙船")
    expect(rows(panel).first).to_contain_text(state)
    page.wait_for_function("() => document.querySelector('.model-studio-thumbnail img').naturalWidth === 192")
    words = json.loads((Path(__file__).parents[2] / f"locales/{language}/main.json").read_text("utf-8"))
    known = words["modelStudio"]["tasks"]
    expect(panel.get_by_role("searchbox")).to_have_attribute("placeholder", known["search"])
    assert "tasks." not in panel.inner_text()
    shot(page, f"tasks-{language}-{palette}")
