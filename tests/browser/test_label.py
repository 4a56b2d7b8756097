"""The line on a node that says what its run will cost, and the inputs that are greyed out."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from rig.layout import ROOT
from simulator import Simulator
from tests.browser.contrast import contrasts, too_faint

EXAMPLES = sorted((ROOT / "example_workflows").glob("*.json"))
ADD = """([type, values]) => {
  const node = LiteGraph.createNode(type);
  app.graph.add(node);
  for (const [name, value] of Object.entries(values)) node.widgets.find((widget) => widget.name === name).value = value;
  app.canvas.ds.scale = 1;
  app.canvas.ds.offset = [200 - node.pos[0], 150 - node.pos[1]];
  app.canvas.setDirty(true, true);
  return node.id;
}"""
SET = """([id, name, value]) => {
  const widget = app.graph.getNodeById(id).widgets.find((widget) => widget.name === name);
  widget.value = value;
  widget.callback?.(value);
}"""
DISABLED = (
    """(id) => app.graph.getNodeById(id).widgets.filter((widget) => widget.disabled).map((widget) => widget.name)"""
)
LINK = "([from, to, input]) => app.graph.getNodeById(from).connect(0, app.graph.getNodeById(to), input)"
PREVIEW = """() => {
  const node = LiteGraph.createNode("PreviewImage");
  node.pos = [480, 0];
  node.size = [480, 420];
  app.graph.add(node);
  return node.id;
}"""
WATCH = """() => {
  const outcome = document.querySelector(".model-studio-outcome");
  window.seen = [];
  new MutationObserver(() => window.seen.push(outcome.textContent)).observe(outcome, { childList: true });
}"""
LOAD = "(workflow) => app.loadGraphData(workflow)"
SAVE = "() => JSON.parse(JSON.stringify(app.graph.serialize()))"  # as a file: without what is undefined
VALUES = "(id) => app.graph.getNodeById(id).serialize().widgets_values"


def add(page: Page, kind: str, **values: Any) -> int:
    """A node as the search puts it there, with values as a saved workflow sets them, and a prompt."""
    values = ({"prompt": "boats"} if kind.endswith("Text2Image") else {}) | values
    number: int = page.evaluate(ADD, [f"ModelStudio{kind}", values])
    return number


def set_value(page: Page, node: int, name: str, value: Any) -> None:
    """What a widget does when the user changes it."""
    page.evaluate(SET, [node, name, value])


def values_of_ours(workflow: dict[str, Any]) -> dict[int, Any]:
    ours = (node for node in workflow["nodes"] if node["type"].startswith("ModelStudio"))
    return {node["id"]: node["widgets_values"] for node in ours}


def label(page: Page) -> Any:
    return page.locator(".model-studio-price")


@pytest.mark.oldest_too
def test_price_follows_the_widgets(open_page: Callable[..., Page], shot: Callable[[Page, str], Path]) -> None:
    page = open_page()
    node = add(page, "QwenText2Image")
    expect(label(page)).to_have_text("CNY 0.50 · about 50 s · 2048 × 2048")
    set_value(page, node, "n", 3)
    expect(label(page)).to_have_text("CNY 1.50 · about 50 s · 2048 × 2048")
    set_value(page, node, "region", "ap-southeast-1")
    expect(label(page)).to_have_text("USD 0.225 · about 50 s · 2048 × 2048")
    set_value(page, node, "model", "qwen-image-3.0-pro")
    set_value(page, node, "aspect_ratio", "custom")
    expect(label(page)).to_have_text("USD 0.12 · about 40 s · 1328 × 1328")
    shot(page, "price")
    set_value(page, node, "width", 128)
    expect(label(page)).to_contain_text("qwen-image-3.0-pro cannot draw 128*1328. It takes")
    shot(page, "price-problem")


def test_only_what_applies_can_be_changed(open_page: Callable[..., Page], shot: Callable[[Page, str], Path]) -> None:
    page = open_page()
    node = add(page, "QwenText2Image", n=4)
    expect(label(page)).to_contain_text("CNY 2.00")
    assert page.evaluate(DISABLED, node) == ["width", "height"]
    set_value(page, node, "model", "z-image-turbo")
    expect(label(page)).to_contain_text("CNY 0.20")
    assert page.evaluate(VALUES, node)[5] == 1  # n, which this model cannot do otherwise
    assert page.evaluate(DISABLED, node) == ["width", "height", "n", "negative_prompt", "watermark"]
    shot(page, "only-what-applies")
    set_value(page, node, "aspect_ratio", "custom")
    expect(label(page)).to_contain_text("1328 × 1328")
    assert page.evaluate(DISABLED, node) == ["n", "negative_prompt", "watermark"]


SHOWN = """([id, names]) => {
  const node = app.graph.getNodeById(id);
  node.showAdvanced = true;
  return names.filter((name) => node.isWidgetVisible(node.widgets.find((widget) => widget.name === name)));
}"""
OF_QWEN = ["resolution", "prompt_extend_mode", "thinking"]


@pytest.mark.oldest_too
def test_what_only_newer_models_take_is_shown_where_one_is_chosen(
    open_page: Callable[..., Page], shot: Callable[[Page, str], Path]
) -> None:
    page = open_page()
    node = add(page, "QwenText2Image")
    expect(label(page)).to_contain_text("CNY 0.50")
    assert page.evaluate(SHOWN, [node, OF_QWEN]) == []
    set_value(page, node, "model", "qwen-image-3.0-pro")
    expect(label(page)).to_contain_text("about 40 s")
    assert page.evaluate(SHOWN, [node, OF_QWEN]) == OF_QWEN
    set_value(page, node, "resolution", "1K")
    expect(label(page)).to_have_text("CNY 0.25 · about 40 s · 1328 × 1328")
    shot(page, "newer-inputs")
    set_value(page, node, "prompt_extend", False)
    page.wait_for_function(
        "([id]) => app.graph.getNodeById(id).widgets.some((w) => w.name === 'thinking' && w.hidden)", arg=[node]
    )
    assert page.evaluate(SHOWN, [node, OF_QWEN]) == ["resolution"]
    set_value(page, node, "model", "qwen-image-2.0-pro")  # which reads no resolution; what is hidden stays as it is
    expect(label(page)).to_have_text("CNY 0.50 · about 50 s · 2048 × 2048")
    assert page.evaluate(VALUES, node)[-3:] == ["1K", "direct", True]


def test_a_set_costs_at_most(open_page: Callable[..., Page]) -> None:
    page = open_page()
    node = add(page, "WanImageSet", prompt="1. a boat 2. a bird")
    expect(label(page)).to_have_text("at most CNY 0.80 · about 22 s · 2048 × 2048")
    set_value(page, node, "max_images", 12)
    expect(label(page)).to_have_text("at most CNY 2.40 · about 22 s · 2048 × 2048")
    number = page.evaluate("() => app.graph.add(LiteGraph.createNode('PrimitiveInt')).id")
    page.evaluate(LINK, [number, node, "max_images"])
    expect(label(page)).to_have_text("at least CNY 0.20 · about 22 s · 2048 × 2048")


def test_links_multiply_the_price(open_page: Callable[..., Page]) -> None:
    page = open_page()
    node = add(page, "QwenText2Image", model="qwen-image-2.0", n=3)
    prompts = add(page, "PromptList", prompts="a boat\r\n \u3000\na bird\ra\u2028bee")
    page.evaluate(LINK, [prompts, node, "prompt"])
    expect(label(page)).to_have_text("CNY 1.80 · 3 prompts · about 4 s · 2048 × 2048")
    set_value(page, prompts, "prompts", "a boat\na bird")
    expect(label(page)).to_have_text("CNY 1.20 · 2 prompts · about 4 s · 2048 × 2048")
    number = page.evaluate("() => app.graph.add(LiteGraph.createNode('PrimitiveInt')).id")
    page.evaluate(LINK, [number, node, "n"])
    expect(label(page)).to_have_text("at least CNY 0.40 · 2 prompts · about 4 s · 2048 × 2048")


@pytest.mark.oldest_too
def test_a_list_is_counted_as_it_is_split(open_page: Callable[..., Page], shot: Callable[[Page, str], Path]) -> None:
    page = open_page()
    page.evaluate("() => app.graph.clear()")
    node = add(page, "QwenText2Image", model="qwen-image-2.0")
    text = "a {red|blue} boat\nat dawn\n\n# birds\na bird\n---\na bee"
    prompts = add(page, "PromptList", prompts=text)
    page.evaluate(LINK, [prompts, node, "prompt"])
    expect(label(page)).to_contain_text("CNY 1.20 · 6 prompts")
    set_value(page, prompts, "split", "blocks")
    expect(label(page)).to_contain_text("CNY 0.60 · 3 prompts")
    set_value(page, prompts, "prompts", text + "\n\n# bees")
    expect(label(page)).to_contain_text("CNY 0.80 · 4 prompts")
    set_value(page, prompts, "wildcards", True)
    expect(label(page)).to_contain_text("CNY 0.60 · 3 prompts")
    set_value(page, prompts, "prompts", text + " {")
    expect(label(page)).to_contain_text("Braces do not fit together in the prompt 'a bee {'.")
    shot(page, "prompt-list")
    number = page.evaluate("() => app.graph.add(LiteGraph.createNode('PrimitiveInt')).id")
    page.evaluate(LINK, [number, prompts, "seed"])
    expect(label(page)).to_contain_text("at least CNY 0.20")


@pytest.mark.oldest_too
def test_a_list_of_before_sends_the_same_prompts_and_its_seed_stays(open_page: Callable[..., Page]) -> None:
    """A seed that changes after each run would run, and without the store buy, all that is linked again."""
    page = open_page()
    page.evaluate("() => app.graph.clear()")
    prompts = add(page, "PromptList", prompts="# a {boat|bird}\n---")
    page.evaluate(LINK, [prompts, add(page, "QwenText2Image", model="qwen-image-2.0"), "prompt"])
    workflow = page.evaluate(SAVE)
    (saved,) = (node for node in workflow["nodes"] if node["type"] == "ModelStudioPromptList")
    saved["widgets_values"] = saved["widgets_values"][:1]
    saved["inputs"], saved["outputs"] = saved["inputs"][:1], saved["outputs"][:1]
    page.evaluate(LOAD, workflow)
    expect(label(page)).to_contain_text("CNY 0.40 · 2 prompts")
    assert page.evaluate(VALUES, prompts) == ["# a {boat|bird}\n---", "lines", False, 0]


def test_copies_and_nodes_in_subgraphs_have_their_own_price(open_page: Callable[..., Page]) -> None:
    page = open_page()
    page.evaluate("() => app.graph.clear()")
    node = add(page, "QwenText2Image", model="qwen-image-2.0", n=6, region="ap-southeast-1")
    expect(label(page)).to_contain_text("USD 0.21")
    page.evaluate("(id) => void app.graph.add(app.graph.getNodeById(id).clone())", node)
    expect(label(page)).to_have_count(2)
    expect(label(page).last).to_contain_text("USD 0.21")


def test_a_list_inside_a_subgraph_makes_it_the_least(open_page: Callable[..., Page]) -> None:
    page = open_page()
    page.evaluate("() => app.graph.clear()")
    node = add(page, "QwenText2Image", model="qwen-image-2.0")
    prompts = add(page, "PromptList", prompts="a boat\na bird")
    page.evaluate(LINK, [prompts, node, "prompt"])
    expect(label(page)).to_contain_text("CNY 0.40 · 2 prompts")
    page.evaluate("(id) => void app.graph.convertToSubgraph(new Set([app.graph.getNodeById(id)]))", prompts)
    expect(label(page)).to_contain_text("at least CNY 0.20")
    page.evaluate(LOAD, page.evaluate(SAVE))
    expect(label(page)).to_contain_text("at least CNY 0.20")


def test_links_further_up_count_too(open_page: Callable[..., Page]) -> None:
    page = open_page()
    page.evaluate("() => app.graph.clear()")
    node = add(page, "QwenText2Image", model="qwen-image-2.0")
    text = page.evaluate("() => app.graph.add(LiteGraph.createNode('StringConcatenate')).id")
    page.evaluate(LINK, [text, node, "prompt"])
    expect(label(page)).to_contain_text("CNY 0.20 · about")
    prompts = add(page, "PromptList", prompts="a boat\na bird")
    page.evaluate(LINK, [prompts, text, "string_a"])
    expect(label(page)).to_contain_text("at least CNY 0.20 · about")


def test_a_linked_model_is_no_error(open_page: Callable[..., Page]) -> None:
    page = open_page()
    node = add(page, "QwenText2Image")
    text = page.evaluate("() => app.graph.add(LiteGraph.createNode('PrimitiveNode')).id")
    page.evaluate(LINK, [text, node, "model"])
    expect(label(page)).to_have_text("price depends on a linked input")


@pytest.mark.parametrize(
    "language, text",
    [("zh", "CNY 0.20 · 约 27 秒 · 1280 × 1280"), ("zh-TW", "CNY 0.20 · 約 27 秒 · 1280 × 1280")],
    ids=["zh", "zh-TW"],
)
def test_price_is_told_in_the_user_s_language(open_page: Callable[..., Page], language: str, text: str) -> None:
    page = open_page(language)
    add(page, "WanText2Image")
    expect(label(page)).to_have_text(text)


def test_new_rendering_shows_it_too(open_page: Callable[..., Page], shot: Callable[[Page, str], Path]) -> None:
    page = open_page(vue=True)
    add(page, "QwenText2Image", model="z-image-turbo")
    expect(label(page)).to_have_text("CNY 0.20 · about 2 s · 1024 × 1024")
    page.get_by_role("switch").first.click()  # prompt_extend
    expect(label(page)).to_have_text("CNY 0.10 · about 2 s · 1024 × 1024")
    shot(page, "price-vue")


def test_saved_workflows_are_not_changed(open_page: Callable[..., Page]) -> None:
    page = open_page()
    add(page, "QwenText2Image", model="qwen-image-max", n=4)
    page.evaluate(LOAD, page.evaluate(SAVE))
    expect(label(page)).to_contain_text("Set n to 1.")
    page.wait_for_timeout(700)  # a correction would come with the next look at the nodes
    ((node, values),) = values_of_ours(page.evaluate(SAVE)).items()
    assert values[5] == 4
    assert "n" not in page.evaluate(DISABLED, node)  # it can be mended
    for file in EXAMPLES:
        workflow = json.loads(file.read_text("utf-8"))
        page.evaluate(LOAD, workflow)
        expect(label(page).filter(has_text="0.").first).to_be_attached()
        assert values_of_ours(page.evaluate(SAVE)) == values_of_ours(workflow)
        assert "price" not in json.dumps(page.evaluate("async () => (await app.graphToPrompt()).output"))


@pytest.mark.oldest_too
@pytest.mark.parametrize("vue", [False, True], ids=["classic", "vue"])
def test_what_came_of_a_run_stays_on_the_node(
    open_page: Callable[..., Page], sim: Simulator, shot: Callable[[Page, str], Path], vue: bool
) -> None:
    page = open_page(vue=vue)
    page.evaluate("() => app.graph.clear()")
    node = add(page, "WanText2Image", prompt="boats", model="wan2.2-t2i-flash", aspect_ratio="4:3")
    page.evaluate("(id) => { app.graph.getNodeById(id).widgets[7].value = 'fixed' }", node)
    save = page.evaluate(PREVIEW)
    page.evaluate(LINK, [node, save, "images"])
    expect(label(page)).to_have_text("CNY 0.14 · about 35 s · 1440 × 1080")
    page.evaluate("() => app.queuePrompt(0, 1)")
    outcome = page.locator(".model-studio-outcome")
    expect(outcome).to_have_text(re.compile(r"^1 picture 1440\*1080, [\d.]+ s, CNY 0.14 at list price$"))
    shot(page, f"outcome-{'vue' if vue else 'classic'}")
    page.evaluate("() => app.queuePrompt(0, 1)")
    expect(outcome).to_have_text("unchanged: nothing was run or billed")
    sim.faults.add("stuck_running", on="poll")
    set_value(page, node, "prompt", "other boats")
    page.evaluate(WATCH)
    page.evaluate("() => app.queuePrompt(0, 1)")
    expect(outcome).to_have_text(re.compile(r"^running \d+ s of about 35 s$"))
    first, *then = page.evaluate("() => window.seen")
    assert first == ""  # before the node's turn
    assert any(text.startswith("submitted") for text in then)
    assert not any("unchanged" in text or "queued" in text for text in then)  # it may run already
    page.evaluate("() => fetch('/api/interrupt', {method: 'POST'})")
    expect(outcome).to_have_text(re.compile("^canceled: it goes on and is billed .1 picture, CNY 0.14 at list price"))
    assert len(sim.billed) == 2


def test_an_error_too(open_page: Callable[..., Page], sim: Simulator) -> None:
    page = open_page(expected="unpaid")
    page.evaluate("() => app.graph.clear()")
    node = add(page, "WanText2Image", prompt="boats", model="wan2.2-t2i-flash")
    save = page.evaluate(PREVIEW)
    page.evaluate(LINK, [node, save, "images"])
    sim.faults.add("arrears")
    page.evaluate("() => app.queuePrompt(0, 1)")
    expect(page.locator(".model-studio-outcome")).to_contain_text("The account has an unpaid bill")


BADGES = """() => app.graph.nodes.map((node) =>
  node.badges.map((badge) => (typeof badge === "function" ? badge() : badge).text))"""
PROMOTE = """(name) => {
  const { subgraph } = app.graph.nodes.find((node) => node.subgraph);
  const [inner] = subgraph.nodes;
  const slot = inner.inputs.findIndex((input) => input.name === name);
  subgraph.addInput(name, "*").connect(inner.inputs[slot], inner);
}"""
MODE = "([id, mode]) => { app.graph.getNodeById(id).mode = mode }"
LINES = ".model-studio-label, .model-studio-label *"  # in the classic rendering the canvas draws what is behind them


def badges(page: Page) -> list[str]:
    return [text for node in page.evaluate(BADGES) for text in node if "CNY" in text]


def test_what_will_be_refused_is_told_before_anybody_presses_run(open_page: Callable[..., Page]) -> None:
    page = open_page()
    page.evaluate("() => app.graph.clear()")
    node = add(page, "QwenText2Image", prompt="", model="qwen-image-2.0")
    error = page.locator(".model-studio-price .model-studio-error")
    expect(error).to_have_text("The prompt is empty. Describe the picture you want.")
    expect(label(page)).to_contain_text("CNY 0.20")
    prompts = add(page, "PromptList", prompts="\n")
    page.evaluate(LINK, [prompts, node, "prompt"])
    expect(error).to_have_text("The list holds no prompt. Write one prompt per line.")
    set_value(page, prompts, "prompts", "a boat")
    expect(error).to_have_count(0)
    add(page, "TaskPoller")
    expect(error).to_contain_text("There is not a task id.")


def test_a_node_that_does_not_run_shows_no_price(open_page: Callable[..., Page]) -> None:
    page = open_page()
    page.evaluate("() => app.graph.clear()")
    node = add(page, "QwenText2Image")
    expect(label(page)).to_contain_text("CNY 0.50")
    for mode in (2, 4):  # muted, bypassed
        page.evaluate(MODE, [node, mode])
        expect(label(page)).to_have_text("")
        page.evaluate(MODE, [node, 0])
        expect(label(page)).to_contain_text("CNY 0.50")


@pytest.mark.parametrize("vue", [False, True], ids=["classic", "vue"])
def test_a_subgraph_shows_the_price_of_what_is_in_it(
    open_page: Callable[..., Page], shot: Callable[[Page, str], Path], vue: bool
) -> None:
    page = open_page(vue=vue)
    page.evaluate("() => app.graph.clear()")
    node = add(page, "QwenText2Image", model="qwen-image-2.0")
    expect(label(page)).to_contain_text("CNY 0.20")
    page.evaluate("(id) => void app.graph.convertToSubgraph(new Set([app.graph.getNodeById(id)]))", node)
    page.wait_for_function(f"() => String(({BADGES})()).includes('CNY')")
    assert badges(page) == ["CNY\u00a00.20"]
    shot(page, f"subgraph-{'vue' if vue else 'classic'}")
    page.evaluate(PROMOTE, "prompt")
    page.evaluate(PROMOTE, "n")
    page.evaluate("() => { app.graph.nodes[0].widgets.find(({ name }) => name === 'n').value = 3 }")
    page.wait_for_function(f"() => String(({BADGES})()).includes('0.60')")
    assert badges(page) == ["CNY\u00a00.60"]  # neither is linked further out
    page.evaluate("() => { app.graph.nodes[0].mode = 4 }")
    page.wait_for_function(f"() => !String(({BADGES})()).includes('CNY')")


def test_subgraphs_in_subgraphs_are_counted_as_often_as_they_run(open_page: Callable[..., Page]) -> None:
    """Also where a stranger's workflow nests them so deeply that a look at each place of a node would take minutes."""
    page = open_page()
    page.evaluate("() => app.graph.clear()")
    add(page, "QwenText2Image", model="qwen-image-2.0")
    expect(label(page)).to_contain_text("CNY 0.20")
    page.evaluate(
        """() => {
          const { graph } = app;
          for (let depth = 0; depth < 7; depth++) {
            const { node } = graph.convertToSubgraph(new Set(graph.nodes));
            for (let copy = 1; copy < 4; copy++) graph.add(LiteGraph.createNode(node.type));
          }
        }"""
    )
    page.wait_for_function(f"() => String(({BADGES})()).includes('CNY')")
    # At least, as the page lets the prompt be linked outside, to a list for instance.
    assert badges(page) == [f"at least CNY\u00a0{0.20 * 4**6:.2f}"] * 4
    page.evaluate("() => { app.graph.nodes[0].mode = 4 }")
    page.wait_for_function(f"() => String(({BADGES})()).split('CNY').length === 4")


@pytest.mark.parametrize("vue", [False, True], ids=["classic", "vue"])
@pytest.mark.parametrize("palette", ["dark", "light"])
def test_every_text_can_be_read(
    open_page: Callable[..., Page], sim: Simulator, shot: Callable[[Page, str], Path], vue: bool, palette: str
) -> None:
    page = open_page(vue=vue, expected="unpaid", **{"Comfy.ColorPalette": palette})
    page.evaluate("() => app.graph.clear()")
    node = add(page, "WanText2Image", model="wan2.2-t2i-flash")
    sim.faults.add("arrears")
    page.evaluate(LINK, [node, page.evaluate(PREVIEW), "images"])
    page.evaluate("() => app.queuePrompt(0, 1)")
    expect(page.locator(".model-studio-outcome .model-studio-error").first).to_be_visible()
    page.evaluate(
        """() => document.querySelector(".model-studio-outcome").append(
          Object.assign(document.createElement("div"), { className: "model-studio-warning", textContent: "a note" }))"""
    )
    shot(page, f"contrast-{palette}-{'vue' if vue else 'classic'}")
    of_node = page.evaluate("() => LiteGraph.NODE_DEFAULT_BGCOLOR")
    assert len(contrasts(page, LINES, of_node)) >= 4
    assert too_faint(page, LINES, of_node) == []


def test_it_is_as_high_as_its_text_and_as_wide_as_the_node(open_page: Callable[..., Page]) -> None:
    page = open_page(vue=True)
    page.evaluate("() => app.graph.clear()")
    node = add(page, "QwenText2Image")
    expect(label(page)).to_contain_text("CNY 0.50")
    page.evaluate("(id) => app.graph.getNodeById(id).setSize([400, 900])", node)
    page.wait_for_timeout(500)
    line = page.locator(".model-studio-label")
    assert line.evaluate("(line) => line.clientHeight - line.firstChild.scrollHeight") <= 8
    page.evaluate(  # as the panel on the right of newer pages does
        "(id) => { app.graph.getNodeById(id).widgets.find(({ name }) => name === 'model_studio_price').width = 100 }",
        node,
    )
    assert page.evaluate("(id) => app.graph.getNodeById(id).widgets.at(-1).width", node) is None


@pytest.mark.parametrize(("language", "name"), [("en", "Price and result"), ("zh-TW", "價格與結果")])
def test_it_has_a_name_where_pages_list_inputs(open_page: Callable[..., Page], language: str, name: str) -> None:
    page = open_page(language)
    node = add(page, "QwenText2Image")
    assert page.evaluate("(id) => app.graph.getNodeById(id).widgets.at(-1).label", node) == name
