"""Qwen-Image models, and z-image-turbo which is called the same way. The first is the default."""

from dataclasses import replace

from .model import (
    ASYNC_PROMPT,
    BEIJING,
    PLAN_DOCS,
    PRICE_DOCS,
    QWEN_DOCS,
    QWENCLOUD,
    RATE_DOCS,
    SECOND_HAND,
    SERVERS,
    SINGAPORE,
    SPEC,
    SYNC_MESSAGES,
    TOKEN_PLANS,
    Z_DOCS,
    Model,
    Price,
    PromptLimit,
    RateLimit,
    by_ratio,
    cny_usd,
    same_id,
)
from .sizes import Area, OneOf, Size, sizes

_ALL = frozenset({"negative_prompt", "prompt_extend", "watermark"})
_FIVE = sizes("1664*928", "1472*1104", "1328*1328", "1104*1472", "928*1664")
_FIVE_BY_RATIO = by_ratio("1328*1328", "1664*928", "928*1664", "1472*1104", "1104*1472")
_BIG = by_ratio("2048*2048", "2688*1536", "1536*2688", "2368*1728", "1728*2368")
_SMALLEST, _2K = Size(512, 512), Size(2048, 2048)


_IN_PLANS = f"{PLAN_DOCS}, in Singapore {SECOND_HAND}"


def _snapshot(model: Model, date: str) -> Model:
    """A dated version of a model: another id, otherwise the same facts."""
    name = f"{model.name}-{date}"
    return replace(model, name=name, ids=same_id(name, BEIJING, SINGAPORE))


QWEN_2_PRO = Model(
    name="qwen-image-2.0-pro",
    ids=same_id("qwen-image-2.0-pro", BEIJING, SINGAPORE, *TOKEN_PLANS),
    sync=SYNC_MESSAGES,
    task=None,
    size_rules=(Area(_SMALLEST, _2K, SPEC), Area(_SMALLEST, _2K, SERVERS, max_ratio=8)),
    ratio_sizes=_BIG,
    max_n=6,
    takes=_ALL,
    prompt_limit=PromptLimit(1300, "tokens"),
    prices=(Price(cny_usd(0.50, 0.075)),),
    rate_limit=RateLimit(2, 60),
    typical_seconds=50,
    sources={
        "ids": f"{QWEN_DOCS}; {_IN_PLANS}",
        "endpoints": SPEC,
        "ratio_sizes": SPEC,
        "max_n": QWEN_DOCS,
        "takes": SPEC,
        "prompt_limit": QWEN_DOCS,
        "prices": PRICE_DOCS,
        "rate_limit": RATE_DOCS,
        "typical_seconds": SECOND_HAND,
    },
)

QWEN_2 = replace(
    QWEN_2_PRO,
    name="qwen-image-2.0",
    ids=same_id("qwen-image-2.0", BEIJING, SINGAPORE, *TOKEN_PLANS),
    prices=(Price(cny_usd(0.20, 0.035)),),
    rate_limit=RateLimit(2, 1),
    typical_seconds=3.6,
    sources={**QWEN_2_PRO.sources, "typical_seconds": SERVERS},
)

QWEN_MAX = Model(
    name="qwen-image-max",
    ids=same_id("qwen-image-max", BEIJING, SINGAPORE),
    sync=SYNC_MESSAGES,
    task=None,
    # Live servers let more through and name changing ranges; the specification names five sizes.
    size_rules=(OneOf(_FIVE, SPEC),),
    ratio_sizes=_FIVE_BY_RATIO,
    max_n=1,
    takes=_ALL,
    prompt_limit=PromptLimit(800, "tokens"),
    prices=(Price(cny_usd(0.50, 0.075)),),
    rate_limit=RateLimit(2, 60),
    typical_seconds=16.5,
    is_legacy=True,
    sources={
        "ids": QWEN_DOCS,
        "endpoints": SPEC,
        "ratio_sizes": SPEC,
        "max_n": QWEN_DOCS,
        "takes": SPEC,
        "prompt_limit": QWEN_DOCS,
        "prices": PRICE_DOCS,
        "rate_limit": RATE_DOCS,
        "typical_seconds": SERVERS,
    },
)

QWEN_PLUS = replace(
    QWEN_MAX,
    name="qwen-image-plus",
    ids=same_id("qwen-image-plus", BEIJING, SINGAPORE),
    task=ASYNC_PROMPT,
    prices=(Price(cny_usd(0.20, 0.03)),),
    rate_limit=RateLimit(2, 1, concurrent=2),
    typical_seconds=24,
    sources={**QWEN_MAX.sources, "endpoints": f"{SPEC}; path of the task: {QWEN_DOCS}"},
)

QWEN_IMAGE = replace(
    QWEN_PLUS,
    name="qwen-image",
    ids=same_id("qwen-image", BEIJING, SINGAPORE),
    prices=(Price(cny_usd(0.25, 0.035)),),
    typical_seconds=22,
    sources={**QWEN_PLUS.sources, "typical_seconds": SECOND_HAND},
)

# Reference pages describe tasks for 3.0 and 2.1; the specification allows them for plus and qwen-image only.
QWEN_3_PRO = Model(
    name="qwen-image-3.0-pro",
    ids=same_id("qwen-image-3.0-pro", BEIJING, SINGAPORE, *TOKEN_PLANS),
    sync=SYNC_MESSAGES,
    task=None,
    size_rules=(
        Area(_SMALLEST, _2K, QWEN_DOCS, max_ratio=8),
        Area(_SMALLEST, Size(2560, 2560), SERVERS, max_ratio=8),
    ),
    ratio_sizes=_BIG,
    tiers={"1K": _FIVE_BY_RATIO, "2K": _BIG},
    max_n=6,
    takes=_ALL | {"thinking", "prompt_extend_mode"},
    wire={"thinking": "enable_thinking", "prompt_extend_mode": "prompt_extend_mode"},
    prompt_limit=PromptLimit(4500, "tokens"),
    prices=(
        Price(cny_usd(0.25, 0.04), max_pixels=2_250_000, tier="qima_output_1k"),
        Price(cny_usd(0.50, 0.075), tier="qima_output_2k"),
    ),
    rate_limit=RateLimit(5, 60),
    typical_seconds=40,
    sources={
        "ids": f"{QWEN_DOCS}; {_IN_PLANS}",
        "endpoints": f"{QWEN_DOCS}; {SPEC}",
        "ratio_sizes": SERVERS,
        "max_n": QWEN_DOCS,
        "takes": QWEN_DOCS,
        "prompt_limit": QWEN_DOCS,
        "prices": SERVERS,
        "rate_limit": SECOND_HAND,
        "typical_seconds": SERVERS,
    },
)

QWEN_3 = replace(
    QWEN_3_PRO,
    name="qwen-image-3.0",
    ids=same_id("qwen-image-3.0", BEIJING, SINGAPORE),
    tiers={},
    prices=(Price(cny_usd(0.20, 0.03)),),
    typical_seconds=35,
    sources={**QWEN_3_PRO.sources, "prices": SECOND_HAND, "typical_seconds": SECOND_HAND},
)

QWEN_2_1_PRO = replace(
    QWEN_3_PRO,
    name="qwen-image-2.1-pro",
    ids=same_id("qwen-image-2.1-pro", BEIJING, SINGAPORE, QWENCLOUD),
    tiers={},
    takes=QWEN_3_PRO.takes - {"negative_prompt"},
    once_took=frozenset({"negative_prompt"}),
    prices=(Price(cny_usd(0.25, 0.04)),),
    typical_seconds=60,
    sources={
        **QWEN_3_PRO.sources,
        "ids": f"{QWEN_DOCS}; Singapore and QwenCloud {SECOND_HAND}",
        "takes": SECOND_HAND,
        "prices": SECOND_HAND,
        "typical_seconds": SECOND_HAND,
    },
)

# Seen at QwenCloud, and nowhere else by a name or a price.
QWEN_2_1_TURBO = replace(
    QWEN_3_PRO,
    name="qwen-image-2.1-turbo",
    ids=same_id("qwen-image-2.1-turbo", QWENCLOUD),
    size_rules=(Area(_SMALLEST, _2K, SECOND_HAND, max_ratio=8),),
    tiers={},
    takes=_ALL,
    wire={},
    prices=(),
    typical_seconds=20,
    sources=dict.fromkeys(QWEN_3_PRO.sources, SECOND_HAND),
)

Z_IMAGE_TURBO = Model(
    name="z-image-turbo",
    ids=same_id("z-image-turbo", BEIJING, SINGAPORE),
    sync=SYNC_MESSAGES,
    task=None,
    size_rules=(Area(_SMALLEST, _2K, Z_DOCS),),
    ratio_sizes=by_ratio("1024*1024", "2048*1152", "1152*2048", "1152*864", "864*1152"),
    max_n=1,
    takes=frozenset({"prompt_extend"}),
    prompt_limit=PromptLimit(800, "characters"),
    prices=(Price(cny_usd(0.10, 0.015), prompt_extend=False), Price(cny_usd(0.20, 0.03), prompt_extend=True)),
    rate_limit=RateLimit(2, 1),
    typical_seconds=1.6,
    sources={
        "ids": Z_DOCS,
        "endpoints": Z_DOCS,
        "ratio_sizes": Z_DOCS,
        "max_n": Z_DOCS,
        "takes": Z_DOCS,
        "prompt_limit": Z_DOCS,
        "prices": PRICE_DOCS,
        "rate_limit": RATE_DOCS,
        "typical_seconds": SERVERS,
    },
)

QWEN_MODELS: tuple[Model, ...] = (
    QWEN_2_PRO,
    QWEN_2,
    QWEN_MAX,
    QWEN_PLUS,
    QWEN_IMAGE,
    QWEN_3_PRO,
    QWEN_3,
    QWEN_2_1_PRO,
    Z_IMAGE_TURBO,
    _snapshot(QWEN_2_PRO, "2026-06-22"),
    _snapshot(QWEN_2_PRO, "2026-04-22"),
    _snapshot(QWEN_2_PRO, "2026-03-03"),
    _snapshot(QWEN_2, "2026-03-03"),
    _snapshot(QWEN_MAX, "2025-12-30"),
    _snapshot(replace(QWEN_PLUS, task=None), "2026-01-09"),
    QWEN_2_1_TURBO,
)
