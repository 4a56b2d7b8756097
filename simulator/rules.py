"""What the service refuses, and with which words. Pure functions; the order in which they are called is service.py's.

A message without a source in its comment was recorded or documented; the few that were never seen say so.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from simulator import extras
from simulator.models import ASYNC_PROMPT, MODELS, SYNC, WITHOUT_SUBMITS, Model, Sizes

SEED_MAX = 2**31 - 1

# code: (HTTP status, message). API documentation: error messages.
CODES: dict[str, tuple[int, str]] = {
    "InvalidApiKey": (401, "Invalid API-key provided."),
    "InvalidParameter": (400, "Required body invalid, please check the request body format."),
    "Arrearage": (400, "Access denied, please make sure your account is in good standing."),
    "DataInspectionFailed": (400, "Input data may contain inappropriate content."),
    "IPInfringementSuspect": (400, "Input data is suspected of being involved in IP infringement."),
    "UnsupportedOperation": (400, "Failed to cancel the task, please confirm if the task is in PENDING status."),
    "AccessDenied": (403, "current user api does not support asynchronous calls"),
    "AccessDenied.Unpurchased": (
        403,
        "Access to model denied. Please make sure you are eligible for using the model.",
    ),
    "Model.AccessDenied": (403, "Model access denied."),
    "AllocationQuota.FreeTierOnly": (
        403,
        "Free quota exhausted. To continue accessing the model on a paid basis, please add funds "
        'or disable the "use free tier only" mode',
    ),
    "ModelNotFound": (404, "Model can not be found."),
    "NotFound": (404, "Not found."),
    "Throttling": (429, "Requests throttling triggered."),
    "Throttling.RateQuota": (429, "Requests rate limit exceeded, please try again later."),
    "Throttling.BurstRate": (429, "Request rate increased too quickly. Please slow down and try again."),
    "Throttling.AllocationQuota": (429, "Allocated quota exceeded, please increase your quota limit."),
    "InternalError": (
        500,
        "An internal error has occurred, please try again later or contact service support.",
    ),
    "InternalError.Algo": (500, "inference internal error."),
    "InternalError.Timeout": (500, "An internal timeout error has occurred during execution."),
    "InternalError.Upload": (500, "Failed to upload the result."),
    "RequestTimeOut": (500, "Request timed out, please try again later."),
    "RewriteFailed": (500, "Failed to rewrite content for prompt."),
    "SystemError": (500, "An system error has occurred, please try again later."),
    "ModelServiceFailed": (500, "Failed to request model service."),
    "ModelServingError": (503, "Too many requests. Your requests are being throttled due to system capacity limits."),
    # Observed by users, November 2026.
    "ServiceUnavailable": (
        503,
        "Too many requests. Your requests are being throttled due to system capacity limits. Please try again later.",
    ),
    "ModelUnavailable": (503, "Model is unavailable, please try again later."),
}


class ServiceFault(Exception):
    """A refusal: HTTP status, code and message. Without a message or status the code's usual ones are taken."""

    def __init__(self, code: str, message: str | None = None, http: int | None = None) -> None:
        usual = CODES.get(code, (400, code))
        self.http = http or usual[0]
        self.code = code
        self.message = usual[1] if message is None else message
        super().__init__(f"{self.http} {self.code}: {self.message}")


@dataclass(frozen=True)
class Order:
    """A request that passed the rules: what is to be drawn. `seed` None: the service draws one."""

    model: Model
    prompt: str
    negative_prompt: str
    width: int
    height: int
    n: int
    seed: int | None
    prompt_extend: bool
    watermark: bool
    is_set: bool = False  # `n` is then the most, and the model decides how many


def parse_body(body: bytes) -> dict[str, Any]:
    try:
        parsed = json.loads(body)
        json.dumps(parsed, ensure_ascii=False).encode()  # half a surrogate pair is not valid text
    except (ValueError, RecursionError):
        raise ServiceFault("InvalidParameter") from None
    if not isinstance(parsed, dict):
        raise ServiceFault("InvalidParameter")
    return parsed


def find_model(body: dict[str, Any], region: str) -> Model:
    """Unknown ids were refused with 400 in three probes and with 404 in one; ids of another region likewise."""
    model = MODELS.get(str(body.get("model")))
    if model is None or region not in model.regions:
        raise ServiceFault("InvalidParameter", "Model not exist.")
    return model


def fit_endpoint(model: Model, endpoint: str, is_async: bool, region: str) -> None:
    if endpoint not in model.endpoints or (endpoint != SYNC and region in WITHOUT_SUBMITS):
        raise ServiceFault("InvalidParameter", "url error, please check url!")
    if is_async and endpoint == SYNC:
        raise ServiceFault("AccessDenied")
    if not is_async and endpoint != SYNC:
        raise ServiceFault("AccessDenied", "current user api does not support synchronous calls")


def read_order(model: Model, endpoint: str, body: dict[str, Any], rules: str) -> Order:
    """`rules`: "observed" or "documented", which of the model's two size rules holds."""
    given = body.get("input")
    given = given if isinstance(given, dict) else {}
    parameters = body.get("parameters")
    parameters = parameters if isinstance(parameters, dict) else {}
    prompt = _prompt(given) if endpoint == ASYNC_PROMPT else _message_text(given)
    # The prompt shape is documented with negative_prompt in `input`, its sample has it in `parameters`: both work.
    negative = given.get("negative_prompt", parameters.get("negative_prompt"))
    size = parameters.get("size", model.size)
    is_set = extras.is_set(model.extras, parameters)
    sizes = model.observed if rules == "observed" else model.documented
    if is_set and model.in_set:
        sizes = model.in_set
    n_max, n_default = (extras.SET_MOST, extras.SET_MOST) if is_set else (model.n_max, model.n)
    if why := extras.refusal(model.extras, parameters):
        raise ServiceFault("InvalidParameter", why)
    width, height = read_size(sizes, size)
    return Order(
        model=model,
        prompt=prompt,
        negative_prompt=negative if isinstance(negative, str) else "",
        width=width,
        height=height,
        n=_count(n_max, parameters.get("n", n_default)),
        seed=_seed(parameters.get("seed")),
        prompt_extend=_flag(parameters, "prompt_extend", model.prompt_extend),
        watermark=_flag(parameters, "watermark", False),
        is_set=is_set,
    )


def inspect(order: Order, words: tuple[str, ...]) -> None:
    """Moderation: prompt and negative prompt are both looked at (specification)."""
    text = f"{order.prompt}\n{order.negative_prompt}".lower()
    if any(word.lower() in text for word in words):
        raise ServiceFault("DataInspectionFailed")


def read_size(sizes: Sizes, size: object) -> tuple[int, int]:
    """Width and height of `"W*H"` or of a keyword such as `"2K"`, when `sizes` has them."""
    named = sizes.keywords.get(size, size) if isinstance(size, str) else str(size)
    match = re.fullmatch(r"([0-9]{1,6})\*([0-9]{1,6})", named)
    if match is None:
        raise ServiceFault("InvalidParameter", _format_message(sizes, named))
    width, height = int(match[1]), int(match[2])
    if sizes.listed:
        fits = named in sizes.listed
    elif sizes.side:
        fits = all(sizes.side[0] <= side <= sizes.side[1] for side in (width, height))
    else:
        fits = sizes.area is None or sizes.area[0] <= width * height <= sizes.area[1]
    if not fits:
        message = sizes.message.format(size=named, width=width, height=height, area=width * height)
        raise ServiceFault("InvalidParameter", message)
    if sizes.ratio and max(width, height) > sizes.ratio * min(width, height):
        # The rule is documented, its message was never recorded.
        raise ServiceFault("InvalidParameter", f"Aspect ratio must be between 1:{sizes.ratio} and {sizes.ratio}:1.")
    return width, height


def _format_message(sizes: Sizes, size: str) -> str:
    if re.fullmatch(r"[0-9]K", size) and sizes.keywords:
        largest = list(sizes.keywords)[-1]
        return f"Size {size} is not supported for t2i scenario. Maximum supported size is {largest}"
    if sizes.listed:
        return sizes.message
    # Only the second sentence was recorded.
    return f"Invalid size: {size}. Expected format: '<width>*<height>'"


def _prompt(given: dict[str, Any]) -> str:
    prompt = given.get("prompt")
    if not isinstance(prompt, str) or not prompt:
        raise ServiceFault("InvalidParameter", "Field required: input.prompt")
    return prompt


def _message_text(given: dict[str, Any]) -> str:
    messages = given.get("messages")
    if not isinstance(messages, list):
        raise ServiceFault("InvalidParameter", "Field required: input.messages")
    if not messages:
        raise ServiceFault("InvalidParameter", "No messages found in input")
    if len(messages) > 1:
        raise ServiceFault("InvalidParameter", "messages length only support 1")
    message = messages[0] if isinstance(messages[0], dict) else {}
    content = message.get("content")
    if message.get("role") != "user" or not isinstance(content, list) or not content:
        # Recorded from a text model.
        raise ServiceFault(
            "InvalidParameter", "Role must be user or assistant and Content length must be greater than 0"
        )
    texts = [item.get("text") for item in content if isinstance(item, dict)]
    if len(texts) != 1 or not isinstance(texts[0], str) or not texts[0]:
        # Exactly one text (API documentation); the message was never recorded.
        raise ServiceFault("InvalidParameter", "The content of the message must be exactly one text.")
    return texts[0]


def _count(most: int, n: object) -> int:
    if isinstance(n, int) and not isinstance(n, bool) and 1 <= n <= most:
        return n
    if most == 1:
        raise ServiceFault("InvalidParameter", "num_images_per_prompt must be 1")
    raise ServiceFault("InvalidParameter", f"Range of n should be [1, {most}]")


def _seed(seed: object) -> int | None:
    if seed is None:
        return None
    if isinstance(seed, int) and not isinstance(seed, bool) and 0 <= seed <= SEED_MAX:
        return seed
    # Made like the message for n; never recorded.
    raise ServiceFault("InvalidParameter", f"Range of seed should be [0, {SEED_MAX}]")


def _flag(parameters: dict[str, Any], name: str, default: bool) -> bool:
    value = parameters.get(name)
    if value is None:
        return default
    if not isinstance(value, bool):
        # Never recorded.
        raise ServiceFault("InvalidParameter", f"{name} must be a boolean")
    return value
