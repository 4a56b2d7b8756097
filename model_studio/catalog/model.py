"""What a catalog entry holds: everything that differs between models."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from ..words import Text
from .sizes import Size, SizeRule, sizes

BEIJING = "cn-beijing"
SINGAPORE = "ap-southeast-1"
VIRGINIA = "us-east-1"
# A subscription of the vendor's, paid in credits, and the vendor's other shop: hosts and keys of their own.
TOKEN_PLAN_BEIJING = "token-plan-cn-beijing"
TOKEN_PLAN_SINGAPORE = "token-plan-ap-southeast-1"
QWENCLOUD = "qwencloud"
TOKEN_PLANS = (TOKEN_PLAN_BEIJING, TOKEN_PLAN_SINGAPORE)
SYNC_ONLY = (*TOKEN_PLANS, QWENCLOUD)  # no creating of tasks is documented, or was seen, at these hosts

# Where a fact comes from. The specification wins over all others.
SPEC = Text("specification: text-to-image guide")
QWEN_DOCS = Text("documentation: Qwen-Image API reference")
WAN_DOCS = Text("documentation: Wan text-to-image V2 API reference")
WAN27_DOCS = Text("documentation: Wan image generation and editing API reference")
Z_DOCS = Text("documentation: z-image API reference")
PRICE_DOCS = Text("documentation: Model pricing, April 2026; USD converted from its international column")
PLAN_DOCS = Text("documentation: Integrate the image generation model (Token Plan)")
RATE_DOCS = Text("documentation: Rate limits")
SERVERS = Text("observed: answers of live servers, August to October 2026")
SECOND_HAND = Text("uncertain: second-hand reports")

ASPECT_RATIOS = ("1:1", "16:9", "9:16", "4:3", "3:4")


@dataclass(frozen=True)
class Endpoint:
    """A path that creates pictures, the JSON shape it reads, and whether it answers with a task."""

    path: str
    shape: Literal["messages", "prompt"]
    is_async: bool


SYNC_MESSAGES = Endpoint("/services/aigc/multimodal-generation/generation", "messages", is_async=False)
ASYNC_MESSAGES = Endpoint("/services/aigc/image-generation/generation", "messages", is_async=True)
ASYNC_PROMPT = Endpoint("/services/aigc/text2image/image-synthesis", "prompt", is_async=True)


@dataclass(frozen=True)
class PromptLimit:
    """Longest prompt; the service cuts the rest off silently."""

    length: int
    unit: Literal["characters", "tokens"]


@dataclass(frozen=True)
class Price:
    """List price of one picture, valid where its conditions hold; failed pictures are free (documentation).

    `amounts` maps a region to (amount, currency); `tier`: how the service names it in its bill, where it does.
    """

    amounts: Mapping[str, tuple[float, str]]
    max_pixels: int | None = None
    tier: str = ""
    prompt_extend: bool | None = None

    def applies(self, size: Size, prompt_extend: bool) -> bool:
        return (self.max_pixels is None or size.pixels <= self.max_pixels) and (
            self.prompt_extend is None or prompt_extend == self.prompt_extend
        )


@dataclass(frozen=True)
class RateLimit:
    """Published limit per account: `submits` in `per_seconds`, tasks at work at the same time (None: no limit)."""

    submits: int
    per_seconds: float
    concurrent: int | None = None


@dataclass(frozen=True)
class Model:
    """One text-to-image model. `sources` names where each group of facts comes from."""

    name: str
    ids: Mapping[str, str]  # region -> id on the wire
    sync: Endpoint | None
    task: Endpoint | None
    size_rules: tuple[SizeRule, ...]  # what live servers enforce comes last
    ratio_sizes: Mapping[str, Size]  # one for each of ASPECT_RATIOS
    max_n: int
    takes: frozenset[str]  # of negative_prompt, prompt_extend, watermark, and of what `wire` names
    prompt_limit: PromptLimit
    prices: tuple[Price, ...]  # the first that applies counts
    rate_limit: RateLimit
    typical_seconds: float
    sources: Mapping[str, str]
    rate_limits: Mapping[str, RateLimit] = field(default_factory=dict)  # where a region differs
    is_set: bool = False  # it draws a set of pictures: `max_n` is the most, and the model decides how many
    tiers: Mapping[str, Mapping[str, Size]] = field(default_factory=dict)  # 1K, 2K, 4K -> as ratio_sizes
    wire: Mapping[str, str] = field(default_factory=dict)  # input -> parameter, where only some models take it
    is_legacy: bool = False  # the vendor describes it on a page of legacy models
    once_took: frozenset[str] = frozenset()  # what versions before 0.2 sent too: their requests are known by it

    def price(self, region: str, size: Size, prompt_extend: bool) -> tuple[float, str] | None:
        """List price of one picture as (amount, currency), or None where none is known."""
        extend = prompt_extend and "prompt_extend" in self.takes
        price = next((price for price in self.prices if price.applies(size, extend)), None)
        return price.amounts.get(region) if price else None

    def task_in(self, region: str | None) -> Endpoint | None:
        """Where tasks are created; None where there are none. `region` None: not known yet."""
        return None if region in SYNC_ONLY else self.task

    def price_of_tier(self, region: str, tier: str) -> tuple[float, str] | None:
        """The same for what the service says it billed."""
        return next((price.amounts.get(region) for price in self.prices if tier and price.tier == tier), None)


def same_id(name: str, *regions: str) -> dict[str, str]:
    """Ids of a model that has one name everywhere."""
    return dict.fromkeys(regions, name)


def cny_usd(cny: float, usd: float | None) -> dict[str, tuple[float, str]]:
    """Amounts by region: CNY in Beijing, USD elsewhere (None: not sold there)."""
    amounts = {BEIJING: (cny, "CNY")}
    if usd is not None:
        amounts |= {SINGAPORE: (usd, "USD"), VIRGINIA: (usd, "USD")}
    return amounts


def by_ratio(square: str, wide: str, tall: str, landscape: str, portrait: str) -> dict[str, Size]:
    """A model's sizes in the order 1:1, 16:9, 9:16, 4:3, 3:4."""
    return dict(zip(ASPECT_RATIOS, sizes(square, wide, tall, landscape, portrait), strict=True))
