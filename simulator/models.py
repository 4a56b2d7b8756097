"""What the simulated service knows of each text-to-image model, as data.

Sources, named at the facts: "specification" (the vendor's text-to-image guide), "API documentation" (the vendor's
reference pages), "observed" (recorded answers and live probes in public projects, 2024 to October 2026).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from simulator.extras import OF_QWEN_3, OF_WAN_2_7

BEIJING, SINGAPORE, VIRGINIA = "cn-beijing", "ap-southeast-1", "us-east-1"
# Hosts of their own, with keys of their own (documentation of the Token Plan; the last two were seen by users).
PLAN_BEIJING, PLAN_SINGAPORE, QWENCLOUD = "token-plan-cn-beijing", "token-plan-ap-southeast-1", "qwencloud"
PLANS = (PLAN_BEIJING, PLAN_SINGAPORE)
REGIONS = (BEIJING, SINGAPORE, VIRGINIA, *PLANS, QWENCLOUD)
WITHOUT_SUBMITS = (*PLANS, QWENCLOUD)  # pictures come by the synchronous endpoint only
WITHOUT_TASKS = (PLAN_BEIJING, QWENCLOUD)  # /tasks was seen in Singapore alone; that these have none is assumed

# The three creating endpoints, as paths below the base URL.
SYNC = "/services/aigc/multimodal-generation/generation"  # one POST that answers with the pictures
ASYNC_MESSAGES = "/services/aigc/image-generation/generation"  # submit, body with input.messages
ASYNC_PROMPT = "/services/aigc/text2image/image-synthesis"  # submit, body with input.prompt

SIDE_512, SIDE_768, SIDE_1280, SIDE_1440, SIDE_2048 = 512**2, 768**2, 1280**2, 1440**2, 2048**2


@dataclass(frozen=True)
class Sizes:
    """Which `"W*H"` a model takes, and the service's words for the others.

    `message` may name `{size}`, `{width}`, `{height}` and `{area}` of what was asked.
    """

    message: str
    listed: tuple[str, ...] = ()  # only these, when not empty
    area: tuple[int, int] | None = None  # pixels, both ends allowed
    side: tuple[int, int] | None = None  # pixels of width and of height, both ends allowed
    ratio: int | None = None  # the long side is at most so many times the short one
    keywords: Mapping[str, str] = field(default_factory=dict)  # "2K" -> the "W*H" it stands for


@dataclass(frozen=True)
class Rate:
    """`count` submits in `period` seconds (API documentation: rate limits, per main account and model)."""

    count: int
    period: float


@dataclass(frozen=True)
class Model:
    """One model: where it is called, what it takes, how it answers. Durations are in seconds."""

    id: str
    regions: tuple[str, ...]
    endpoints: tuple[str, ...]
    documented: Sizes
    observed: Sizes
    size: str  # when the request names none
    n: int  # when the request names none
    n_max: int
    rate: Rate
    seconds: float  # a typical picture
    usage: str  # which fields `usage` has: see answers.py
    region_rates: Mapping[str, Rate] = field(default_factory=dict)
    concurrent: int | None = None  # asynchronous tasks at once; None: not limited
    prompt_extend: bool = True  # when the request says nothing
    many_choices: bool = False  # n pictures: n choices (Wan), or one choice of n items (Qwen)
    task_metric: bool = False  # synchronous answers carry output.task_metric
    extras: frozenset[str] = frozenset()  # parameters beyond those that all read
    in_set: Sizes | None = None  # sizes of the pictures of a set
    names_prompts: bool = True  # results[] carry orig_prompt and actual_prompt; wanx-v1 never did

    def rate_in(self, region: str) -> Rate:
        return self.region_rates.get(region, self.rate)


FIVE = ("1664*928", "1472*1104", "1328*1328", "1104*1472", "928*1664")  # specification
EIGHT = ("768*768", "576*1024", "1024*576", "1024*1024", "720*1280", "1280*720", "864*1152", "1152*864")  # observed
FOUR = ("1024*1024", "720*1280", "1280*720", "768*1152")  # observed

FIVE_ONLY = Sizes(f"The size does not match the allowed size {','.join(FIVE)}.", listed=FIVE)
FREE_QWEN = Sizes(
    "Image area must be between 262144 and 4194304 pixels. Got area={area} (width={width}, height={height}).",
    area=(SIDE_512, SIDE_2048),
    ratio=8,
)
QWEN_3 = replace(
    FREE_QWEN,
    message="Image area must be between 262144 (512x512) and 4194304 (2048x2048) pixels for t2i requests",
)
QWEN_3_OBSERVED = replace(
    QWEN_3,
    message="Image area must be between 262144 (512x512) and 6553600 (2560x2560) pixels for t2i requests",
    area=(SIDE_512, 2560**2),
)
# qwen-image-max was seen to name a range instead of the five sizes; of the two ranges seen this is the narrower.
MAX_OBSERVED = Sizes("Size {size} is out of range [512*512, 1664*1664]", area=(SIDE_512, 1664**2))
WAN_V2 = Sizes("Either width or height should be between 512 and 1440. ", side=(512, 1440))
WAN_2_0 = Sizes(f"The size does not match the allowed size {list(EIGHT)}.", listed=EIGHT)
WANX_V1 = Sizes(f"The size does not match the allowed size {list(FOUR)}.", listed=FOUR)


def _wan_area(low: int, high: int, ratio: int, **keywords: str) -> Sizes:
    message = f"Total pixels ({{area}}) must be between {low} and {high}."
    return Sizes(message, area=(low, high), ratio=ratio, keywords={k[1:]: v for k, v in keywords.items()})


# The specification's range for wan2.6 leaves out sizes that its reference recommends (1104*1472); servers take them.
WAN_2_6 = _wan_area(SIDE_1280, SIDE_1440, 4)
WAN_2_6_OBSERVED = _wan_area(SIDE_768, SIDE_1440, 4)
WAN_2_7_PRO = _wan_area(SIDE_768, 4096**2, 8, _1K="1024*1024", _2K="2048*2048", _4K="4096*4096")
WAN_2_7 = _wan_area(SIDE_768, SIDE_2048, 8, _1K="1024*1024", _2K="2048*2048")
WAN_2_7_OBSERVED = _wan_area(SIDE_768, 4096**2, 8, _1K="1024*1024", _2K="2048*2048")

TWO_PER_MINUTE, TWO_PER_SECOND, FIVE_PER_SECOND = Rate(2, 60), Rate(2, 1), Rate(5, 1)
BOTH = (BEIJING, SINGAPORE)

QWEN_2_PRO = Model(
    id="qwen-image-2.0-pro",
    regions=(*BOTH, *PLANS),
    endpoints=(SYNC,),
    documented=FREE_QWEN,
    observed=FREE_QWEN,
    size="2048*2048",
    n=1,
    n_max=6,
    rate=TWO_PER_MINUTE,
    seconds=30,
    usage="pixels",
)
QWEN_2 = replace(QWEN_2_PRO, id="qwen-image-2.0", rate=TWO_PER_SECOND, seconds=3.6)
QWEN_MAX = replace(
    QWEN_2_PRO,
    id="qwen-image-max",
    regions=BOTH,
    documented=FIVE_ONLY,
    observed=MAX_OBSERVED,
    size="1664*928",
    n_max=1,
    seconds=16.5,
    task_metric=True,
)
QWEN_PLUS = replace(
    QWEN_MAX,
    id="qwen-image-plus",
    endpoints=(SYNC, ASYNC_PROMPT),
    observed=FIVE_ONLY,
    rate=TWO_PER_SECOND,
    concurrent=2,
    seconds=24,
)
# The specification allows asynchronous calls of Qwen models for plus and qwen-image only; so 3.0 and 2.1 have none.
QWEN_3_PRO = replace(
    QWEN_2_PRO,
    id="qwen-image-3.0-pro",
    documented=QWEN_3,
    observed=QWEN_3_OBSERVED,
    rate=Rate(5, 60),
    seconds=40,
    usage="qwen-3",
    extras=OF_QWEN_3,
)
WAN_2_6_T2I = Model(
    id="wan2.6-t2i",
    regions=(*BOTH, VIRGINIA),
    endpoints=(SYNC, ASYNC_MESSAGES),
    documented=WAN_2_6,
    observed=WAN_2_6_OBSERVED,
    size="1280*1280",
    n=4,
    n_max=4,
    rate=FIVE_PER_SECOND,
    region_rates={BEIJING: Rate(1, 1)},
    concurrent=5,
    seconds=27,
    usage="size",
    many_choices=True,
)
WAN_2_2 = replace(
    WAN_2_6_T2I,
    id="wan2.2-t2i-plus",
    regions=BOTH,
    endpoints=(ASYNC_PROMPT,),
    documented=WAN_V2,
    observed=WAN_V2,
    size="1024*1024",
    rate=TWO_PER_SECOND,
    region_rates={},
    concurrent=2,
    seconds=66,
)
WAN_2_5 = replace(
    WAN_2_2,
    id="wan2.5-t2i-preview",
    observed=WAN_2_6_OBSERVED,
    size="1280*1280",
    rate=FIVE_PER_SECOND,
    concurrent=5,
    seconds=9,
)
WANX_2_1 = replace(WAN_2_2, id="wanx2.1-t2i-plus", regions=(BEIJING,), seconds=11)
WAN_2_7_IMAGE_PRO = replace(
    WAN_2_6_T2I,
    id="wan2.7-image-pro",
    regions=(*BOTH, *PLANS),
    documented=WAN_2_7_PRO,
    observed=WAN_2_7_PRO,
    size="2K",
    region_rates={},
    seconds=20,
    prompt_extend=False,
    extras=OF_WAN_2_7,
    in_set=WAN_2_7,
)

_ALL = (
    QWEN_2_PRO,
    *(
        replace(QWEN_2_PRO, id=f"qwen-image-2.0-pro-{day}", regions=BOTH)
        for day in ("2026-03-03", "2026-04-22", "2026-06-22")
    ),
    QWEN_2,
    replace(QWEN_2, id="qwen-image-2.0-2026-03-03", regions=BOTH),
    QWEN_MAX,
    replace(QWEN_MAX, id="qwen-image-max-2025-12-30"),
    QWEN_PLUS,
    replace(QWEN_PLUS, id="qwen-image-plus-2026-01-09", endpoints=(SYNC,), concurrent=None),
    replace(QWEN_PLUS, id="qwen-image"),
    QWEN_3_PRO,
    replace(QWEN_3_PRO, id="qwen-image-3.0", regions=BOTH),
    replace(QWEN_3_PRO, id="qwen-image-2.1-pro", usage="pixels", regions=(*BOTH, QWENCLOUD)),
    replace(QWEN_2, id="qwen-image-2.1-turbo", regions=(QWENCLOUD,)),
    replace(
        QWEN_2,
        id="z-image-turbo",
        regions=BOTH,
        size="1024*1536",
        n_max=1,
        seconds=1.5,
        usage="z-image",
        prompt_extend=False,
    ),
    WAN_2_7_IMAGE_PRO,
    replace(WAN_2_7_IMAGE_PRO, id="wan2.7-image", documented=WAN_2_7, observed=WAN_2_7_OBSERVED),
    WAN_2_6_T2I,
    WAN_2_5,
    WAN_2_2,
    replace(WAN_2_2, id="wan2.2-t2i-flash", seconds=20),
    WANX_2_1,
    replace(WANX_2_1, id="wanx2.1-t2i-turbo"),
    replace(WANX_2_1, id="wan2.1-t2i-plus", regions=(SINGAPORE,)),
    replace(WANX_2_1, id="wan2.1-t2i-turbo", regions=(SINGAPORE,)),
    replace(WANX_2_1, id="wanx2.0-t2i-turbo", observed=WAN_2_0),
    replace(WANX_2_1, id="wanx-v1", documented=WANX_V1, observed=WANX_V1, seconds=31, names_prompts=False),
)
MODELS: Mapping[str, Model] = {model.id: model for model in _ALL}
