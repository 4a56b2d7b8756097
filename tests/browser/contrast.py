"""How well texts stand out from what is behind them: by WCAG, from 1 to 21; 4.5 is the least for texts of this size."""

from __future__ import annotations

from playwright.sync_api import Page

LEAST = 4.5
# Of each element with a text of its own: text, class, contrast.
CONTRAST = """([selector, behind]) => [...document.querySelectorAll(selector)].filter((element) =>
  [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim()) &&
  element.checkVisibility({ visibilityProperty: true })
).map((element) => {
  const context = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const light = (...colours) => {
    for (const colour of colours) { context.fillStyle = colour; context.fillRect(0, 0, 1, 1); }
    const parts = [...context.getImageData(0, 0, 1, 1).data].slice(0, 3).map((part) => part / 255);
    const [r, g, b] = parts.map((part) => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const back = [behind];
  for (let outer = element; outer; outer = outer.parentElement)
    back.splice(1, 0, getComputedStyle(outer).backgroundColor);
  const [one, other] = [light(...back, getComputedStyle(element).color), light(...back)].sort((a, b) => b - a);
  return [element.textContent, element.className, (one + 0.05) / (other + 0.05)];
})"""


def contrasts(page: Page, selector: str, behind: str = "black") -> list[tuple[str, str, float]]:
    """`behind`: the colour of a canvas below."""
    return [(text, kind, value) for text, kind, value in page.evaluate(CONTRAST, [selector, behind])]


def too_faint(page: Page, selector: str, behind: str = "black") -> list[tuple[str, str, float]]:
    return [line for line in contrasts(page, selector, behind) if line[2] < LEAST]
