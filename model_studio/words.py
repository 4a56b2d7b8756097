"""What users read: English sentences that can be put into another language."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from functools import reduce
from typing import Any


class Text(str):
    """An English sentence that knows how it was made: `Text("{model} cannot draw {size}.", model=…, size=…)`.

    It is that sentence as a str. What the service says, names and numbers are values: they are in every language the
    same, unless they are Texts themselves.
    """

    template: str
    values: dict[str, Any]

    def __new__(cls, template: str, /, **values: Any) -> Text:
        text = super().__new__(cls, template.format(**values))
        text.template, text.values = template, values
        return text

    def into(self, translations: Mapping[str, str]) -> str:
        """The sentence by `translations` (English template -> translated), English where they have none."""
        values = {name: translate(value, translations) for name, value in self.values.items()}
        return translations.get(self.template, self.template).format(**values)

    def __getnewargs_ex__(self) -> tuple[tuple[str], dict[str, Any]]:
        """For copies, which would else take the sentence for a template."""
        return (self.template,), self.values


def join(template: str, texts: Iterable[str]) -> str:
    """Texts in a row, as `join("{before}, {after}", …)`: languages differ in what is between them too."""
    return reduce(lambda before, after: Text(template, before=before, after=after), texts)


def translate(value: Any, translations: Mapping[str, str]) -> Any:
    """The same value, every Text in it in another language."""
    if isinstance(value, Text):
        return value.into(translations)
    if isinstance(value, dict):
        return {name: translate(item, translations) for name, item in value.items()}
    if isinstance(value, list):
        return [translate(item, translations) for item in value]
    return value


def money(amount: float | Decimal, currency: str) -> str:
    """CNY 0.50, but USD 0.015: up to four digits after the point, two at least."""
    whole, digits = f"{amount:.4f}".split(".")
    return f"{currency} {whole}.{digits.rstrip('0').ljust(2, '0')}"
