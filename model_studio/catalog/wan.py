"""Wan models. The first is the default."""

from dataclasses import replace

from ..words import Text
from .model import (
    ASYNC_MESSAGES,
    ASYNC_PROMPT,
    BEIJING,
    PLAN_DOCS,
    PRICE_DOCS,
    RATE_DOCS,
    SECOND_HAND,
    SERVERS,
    SINGAPORE,
    SPEC,
    SYNC_MESSAGES,
    TOKEN_PLANS,
    VIRGINIA,
    WAN27_DOCS,
    WAN_DOCS,
    Model,
    Price,
    PromptLimit,
    RateLimit,
    by_ratio,
    cny_usd,
    same_id,
)
from .sizes import Area, OneOf, Sides, Size, sizes

_ALL = frozenset({"negative_prompt", "prompt_extend", "watermark"})
_SMALLEST, _LARGEST = Size(768, 768), Size(1440, 1440)
_V2_SIDES = Sides(512, 1440, _LARGEST, SPEC)
_1K = by_ratio("1024*1024", "1280*720", "720*1280", "1152*864", "864*1152")  # 1:1 documented, the others chosen
_2K = by_ratio("2048*2048", "2688*1536", "1536*2688", "2368*1728", "1728*2368")
_4K = by_ratio("4096*4096", "4096*2304", "2304*4096", "4096*3072", "3072*4096")

WAN_2_6 = Model(
    name="wan2.6-t2i",
    ids=same_id("wan2.6-t2i", BEIJING, SINGAPORE, VIRGINIA),
    sync=SYNC_MESSAGES,
    task=ASYNC_MESSAGES,
    # The specification also gives all Wan V2 models sides of 512 to 1440; servers go by area alone.
    size_rules=(
        Area(Size(1280, 1280), _LARGEST, SPEC),
        Area(_SMALLEST, _LARGEST, WAN_DOCS, max_ratio=4),
        Area(_SMALLEST, _LARGEST, SERVERS),
    ),
    # Inside the specification's area too; the documentation's own 1472*1104 and 960*1696 are not.
    ratio_sizes=by_ratio("1280*1280", "1920*1080", "1080*1920", "1600*1200", "1200*1600"),
    max_n=4,
    takes=_ALL,
    prompt_limit=PromptLimit(2100, "characters"),
    # Virginia is listed at CNY 0.20, which is USD 0.027 at the page's own rate.
    prices=(Price(cny_usd(0.20, 0.03) | {VIRGINIA: (0.027, "USD")}),),
    rate_limit=RateLimit(5, 1, concurrent=5),
    rate_limits={BEIJING: RateLimit(1, 1, concurrent=5)},
    typical_seconds=27,
    sources={
        "ids": f"{SPEC}; regions: {PRICE_DOCS}",
        "endpoints": f"{SPEC}; path of the sync call: {WAN_DOCS}",
        "ratio_sizes": f"{SPEC} (area); 1:1 {WAN_DOCS}; the others chosen at the exact ratio",
        "max_n": WAN_DOCS,
        "takes": SPEC,
        "prompt_limit": WAN_DOCS,
        "prices": PRICE_DOCS,
        "rate_limit": RATE_DOCS,
        "typical_seconds": WAN_DOCS,
    },
)

WAN_2_7_PRO = Model(
    name="wan2.7-image-pro",
    ids=same_id("wan2.7-image-pro", BEIJING, SINGAPORE, *TOKEN_PLANS),
    sync=SYNC_MESSAGES,
    task=ASYNC_MESSAGES,
    size_rules=(
        Area(_SMALLEST, Size(4096, 4096), WAN27_DOCS, max_ratio=8),
        Area(_SMALLEST, Size(4096, 4096), SERVERS),
    ),
    ratio_sizes=_2K,
    tiers={"1K": _1K, "2K": _2K, "4K": _4K},
    max_n=4,
    takes=frozenset({"watermark", "thinking", "color_palette"}),
    wire={"thinking": "thinking_mode", "color_palette": "color_palette"},
    prompt_limit=PromptLimit(5000, "characters"),
    prices=(Price(cny_usd(0.50, 0.075)),),
    rate_limit=RateLimit(5, 1, concurrent=5),
    typical_seconds=22,
    sources={
        "ids": f"{WAN27_DOCS}; {PLAN_DOCS}, in Singapore {SECOND_HAND}",
        "endpoints": WAN27_DOCS,
        "ratio_sizes": WAN27_DOCS,
        "max_n": WAN27_DOCS,
        "takes": WAN27_DOCS,
        "prompt_limit": WAN27_DOCS,
        "prices": PRICE_DOCS,
        "rate_limit": RATE_DOCS,
        "typical_seconds": SERVERS,
    },
)

WAN_2_7 = replace(
    WAN_2_7_PRO,
    name="wan2.7-image",
    ids=same_id("wan2.7-image", BEIJING, SINGAPORE, *TOKEN_PLANS),
    size_rules=(
        Area(_SMALLEST, Size(2048, 2048), WAN27_DOCS, max_ratio=8),
        Area(_SMALLEST, Size(4096, 4096), SERVERS),
    ),
    tiers={"1K": _1K, "2K": _2K},
    prices=(Price(cny_usd(0.20, 0.03)),),
)


def _as_set(model: Model) -> Model:
    """The model where it draws a set: pictures of up to 2K, of which it decides the number; no thinking, no colours."""
    return replace(
        model,
        is_set=True,
        max_n=12,
        size_rules=(Area(_SMALLEST, Size(2048, 2048), WAN27_DOCS, max_ratio=8),),
        takes=frozenset({"watermark"}),
        wire={},
        tiers={},
    )


_V2_SOURCES = {
    "ids": WAN_DOCS,
    "endpoints": f"{SPEC}; path: {WAN_DOCS}",
    "ratio_sizes": SPEC,
    "max_n": WAN_DOCS,
    "takes": SPEC,
    "prompt_limit": WAN_DOCS,
    "prices": PRICE_DOCS,
    "rate_limit": RATE_DOCS,
    "typical_seconds": SECOND_HAND,
}

WAN_2_5 = Model(
    name="wan2.5-t2i-preview",
    ids=same_id("wan2.5-t2i-preview", BEIJING, SINGAPORE),
    sync=None,
    task=ASYNC_PROMPT,
    # The newest page asks for an area from 1280*1280 as for wan2.6, against the specification's own sizes; ComfyUI's
    # partner node sends 1024*1024. The older page's bound stands between them.
    size_rules=(_V2_SIDES, Area(_SMALLEST, _LARGEST, Text("{source}, older edition", source=WAN_DOCS), max_ratio=4)),
    ratio_sizes=by_ratio("1280*1280", "1440*810", "810*1440", "1440*1080", "1080*1440"),
    max_n=4,
    takes=_ALL,
    prompt_limit=PromptLimit(2000, "characters"),
    prices=(Price(cny_usd(0.20, 0.03)),),
    rate_limit=RateLimit(5, 1, concurrent=5),
    typical_seconds=20,
    sources={**_V2_SOURCES, "ratio_sizes": f"{SPEC}; 1:1 {WAN_DOCS}"},
)

WAN_2_2_PLUS = Model(
    name="wan2.2-t2i-plus",
    ids=same_id("wan2.2-t2i-plus", BEIJING, SINGAPORE),
    sync=None,
    task=ASYNC_PROMPT,
    size_rules=(_V2_SIDES,),
    ratio_sizes=by_ratio("1024*1024", "1440*810", "810*1440", "1440*1080", "1080*1440"),
    max_n=4,
    takes=_ALL,
    prompt_limit=PromptLimit(500, "characters"),
    prices=(Price(cny_usd(0.20, 0.05)),),
    rate_limit=RateLimit(2, 1, concurrent=2),
    typical_seconds=66,
    sources={**_V2_SOURCES, "typical_seconds": SERVERS},
)

WAN_2_2_FLASH = replace(
    WAN_2_2_PLUS,
    name="wan2.2-t2i-flash",
    ids=same_id("wan2.2-t2i-flash", BEIJING, SINGAPORE),
    prices=(Price(cny_usd(0.14, 0.025)),),
    typical_seconds=35,
    sources=_V2_SOURCES,
)

# Beijing spells these two with an x, Singapore without.
WAN_2_1_PLUS = replace(
    WAN_2_2_PLUS,
    name="wan2.1-t2i-plus",
    ids={BEIJING: "wanx2.1-t2i-plus", SINGAPORE: "wan2.1-t2i-plus"},
    typical_seconds=75,
    sources=_V2_SOURCES,
)

WAN_2_1_TURBO = replace(
    WAN_2_2_FLASH,
    name="wan2.1-t2i-turbo",
    ids={BEIJING: "wanx2.1-t2i-turbo", SINGAPORE: "wan2.1-t2i-turbo"},
)

WAN_2_0_TURBO = replace(
    WAN_2_2_PLUS,
    name="wanx2.0-t2i-turbo",
    ids=same_id("wanx2.0-t2i-turbo", BEIJING),
    size_rules=(
        _V2_SIDES,
        OneOf(
            sizes(
                "768*768",
                "576*1024",
                "1024*576",
                "1024*1024",
                "720*1280",
                "1280*720",
                "864*1152",
                "1152*864",
            ),
            SERVERS,
        ),
    ),
    ratio_sizes=by_ratio("1024*1024", "1280*720", "720*1280", "1152*864", "864*1152"),
    prompt_limit=PromptLimit(800, "characters"),
    prices=(Price(cny_usd(0.04, None)),),
    typical_seconds=35,
    sources={**_V2_SOURCES, "ratio_sizes": f"{SERVERS}, inside the rule of the {SPEC}"},
)

WAN_MODELS: tuple[Model, ...] = (
    WAN_2_6,
    WAN_2_5,
    WAN_2_7_PRO,
    WAN_2_7,
    WAN_2_2_PLUS,
    WAN_2_2_FLASH,
    WAN_2_1_PLUS,
    WAN_2_1_TURBO,
    WAN_2_0_TURBO,
)

# The same models by another name of theirs; what differs is said in _as_set.
SET_MODELS: tuple[Model, ...] = (_as_set(WAN_2_7), _as_set(WAN_2_7_PRO))
