"""The tabs of the page's workflows."""

from __future__ import annotations

from playwright.sync_api import Page

TABS = "() => app.extensionManager.workflow.openWorkflows.map((workflow) => workflow.path)"


def switch(page: Page, path: str) -> None:
    """To the tab of this workflow, as a click on it does."""
    name = path.removeprefix("workflows/").removesuffix(".json")
    page.locator(".workflow-tabs, [role=tablist]").get_by_text(name, exact=True).click()
    page.wait_for_function("(path) => app.extensionManager.workflow.activeWorkflow.path === path", arg=path)
