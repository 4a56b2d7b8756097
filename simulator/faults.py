"""The switchboard of faults: what can go wrong, as a table, and which of it is switched on.

A fault strikes at a *place*: create, poll, cancel, list (API calls) or picture (a download). Its *stage* says when:
"line" at the HTTP exchange (line.py), "task" at what becomes of a task or is told of it (service.py),
"picture" at the bytes of a download (damage.py).
"""

from __future__ import annotations

import difflib
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

CALLS = ("create", "poll", "cancel", "list")
PLACES = (*CALLS, "picture")


@dataclass(frozen=True)
class Kind:
    """One kind of fault. `places[0]` is where it strikes unless told; `parameters` are its names and defaults."""

    stage: str
    effect: str
    says: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    places: tuple[str, ...] = PLACES


def _refuse(says: str, code: str, **more: Any) -> Kind:
    return Kind("line", "refuse", says, {"code": code, "message": None, "http": None} | more, CALLS)


def _page(says: str, http: int, processed: bool) -> Kind:
    return Kind("line", "page", says, {"http": http, "processed": processed})


def _reply(says: str, http: int, body: Any, processed: bool) -> Kind:
    return Kind("line", "reply", says, {"http": http, "body": body, "processed": processed})


def _hold(says: str, state: str) -> Kind:
    return Kind("task", "hold", says, {"state": state}, ("create", "poll"))


def _fail(says: str, code: str, message: str | None = None) -> Kind:
    return Kind("task", "fail", says, {"code": code, "message": message}, ("create",))


def _alter(says: str, **parameters: Any) -> Kind:
    return Kind("task", "alter", says, parameters, ("create",))


def _picture(says: str, effect: str, **parameters: Any) -> Kind:
    return Kind("picture", effect, says, parameters, ("picture",))


_NO = "I cannot draw this. Please describe something else."
_STORAGE = "https://dashscope-result-sh.oss-cn-shanghai.aliyuncs.com"


def _made(ending: str) -> str:
    return f"{_STORAGE}/1d/2a/made.{ending}?Expires=1781778573&OSSAccessKeyId=LTAIx&Signature=c2lnbmF0dXJl"


KINDS: Mapping[str, Kind] = {
    # Refusals: flat error JSON, nothing is done.
    "throttle": _refuse(
        "429; other codes: Throttling, Throttling.BurstRate, ...; `retry_after`: seconds in a header that the real "
        "service was never seen to send",
        "Throttling.RateQuota",
        retry_after=None,
    ),
    "http_500_json": _refuse("500 with any code", "InternalError"),
    "arrears": _refuse("400, overdue bill", "Arrearage"),
    "free_tier_used_up": _refuse("403, free quota is used up", "AllocationQuota.FreeTierOnly"),
    "not_activated": _refuse("403, the service was not activated", "AccessDenied.Unpurchased"),
    "full_503": _refuse("503, the service is full", "ServiceUnavailable"),
    "no_tasks": _refuse("403, the account may not use the model by tasks", "AccessDenied"),
    "model_not_found_404": _refuse("404 for the model", "ModelNotFound"),
    # The line and the gateway. `processed`: the request was done (and billed) all the same.
    "http_502": _page("502 with an HTML page", 502, False),
    "firewall": _page("405 with a firewall's HTML page; `http`: or another status", 405, False),
    "http_504": _page("504 with an HTML page", 504, True),
    "close_before_answer": Kind("line", "cut", "processed, then the connection is reset", {"processed": True}),
    "reset_on_connect": Kind("line", "cut", "reset before anything is done", {"processed": False}),
    "break_in_body": Kind("line", "break", "half of the body, then the connection is reset"),
    "truncated_json": Kind("line", "half", "half of the body as if it were all"),
    "slow_answer": Kind("line", "slow", "processed, but answered late", {"seconds": 5.0}),
    "slow_drip": Kind("line", "drip", "the body comes in small pieces", {"seconds": 5.0}),
    "not_json": _reply("200 with text", 200, "upstream connect error or disconnect/reset before headers", True),
    "wrong_shape": _reply("200 with JSON of another shape", 200, {"output": ["unexpected"], "usage": None}, True),
    "ok_with_code": _reply(
        "200 with an error's body",
        200,
        {"code": "InternalError", "message": "An internal error has occurred, please try again later."},
        False,
    ),
    # What becomes of it. On a synchronous call a failure is the answer, with the status of its code.
    "task_failed": _fail("FAILED, any code", "InternalError.Algo"),
    "moderation_input": _fail("the prompt is refused", "DataInspectionFailed"),
    "moderation_output": _fail(
        "the picture is refused", "DataInspectionFailed", "Output data may contain inappropriate content."
    ),
    "stuck_pending": _hold("PENDING for ever", "PENDING"),
    "stuck_running": _hold("RUNNING for ever", "RUNNING"),
    "canceled": _hold("CANCELED", "CANCELED"),
    "unknown": _hold("UNKNOWN", "UNKNOWN"),
    "suspended": _hold("SUSPENDED", "SUSPENDED"),
    "strange_state": _hold("an unknown state", "REVIEWING"),
    "partial_success": _alter("the last `failed` pictures fail", failed=1),
    "succeeded_without_pictures": _alter("SUCCEEDED, and no picture", none=True),
    "refused_in_words": _alter(
        "a text in place of the picture, as a router's schema has it of qwen-image-3.0",
        instead={"choices": [{"finish_reason": "stop", "message": {"role": "assistant", "content": [{"text": _NO}]}}]},
    ),
    # Tasks of other models, whose shapes are those of the API references and the SDK (1.26).
    "made_video": _alter("the task made a video", instead={"orig_prompt": "a boat", "video_url": _made("mp4")}),
    "made_speech": _alter(
        "the task made speech", instead={"finish_reason": "stop", "audio": {"data": "", "url": _made("wav")}}
    ),
    "made_transcript": _alter(
        "the task recognized speech",
        instead={
            "results": [{"file_url": _made("wav"), "transcription_url": _made("json"), "subtask_status": "SUCCEEDED"}]
        },
    ),
    "more_pictures": _alter("more pictures than asked for", extra=1),
    "other_usage": _alter(
        "bills otherwise than was drawn: fields of `usage`", usage={"image_count": 1, "output_image_count": 1}
    ),
    "other_size": _alter("picture `index` has another size", index=0, size="640*480"),
    "list_lag": Kind(
        "task",
        "lag",
        "the list lacks the tasks of the last `seconds`; an assumption: it is not known whether the real list lags",
        {"seconds": 5.0},
        ("list",),
    ),
    # Downloads.
    "picture_truncated": _picture("the first half, complete as HTTP", "truncate"),
    "picture_corrupt": _picture("flipped bits amid the data", "corrupt"),
    "picture_html": _picture("200 with an HTML page", "html"),
    "picture_jpeg": _picture("a JPEG under a .png name", "jpeg"),
    "picture_webp": _picture("a WebP under a .png name", "webp"),
    "picture_avif": _picture("an AVIF under a .png name", "avif"),
    "picture_gif": _picture("a GIF under a .png name", "gif"),
    "picture_trailed": _picture("a JPEG with `size` bytes behind its end", "trail", size=4096),
    "picture_16bit": _picture("a PNG of 16 bits a channel", "deep"),
    "picture_alpha": _picture("a PNG with transparency", "mode", mode="RGBA"),
    "picture_palette": _picture("a PNG with a palette", "mode", mode="P"),
    "picture_grey": _picture("a grey PNG", "mode", mode="L"),
    "picture_cmyk": _picture("a CMYK JPEG", "mode", mode="CMYK"),
    "picture_header_bomb": _picture("a tiny PNG that says it is huge", "bomb", width=60000, height=60000),
    "picture_huge_body": _picture("a body without an end in sight", "huge", megabytes=512),
    "picture_expired": _picture("403, the link has expired", "expired"),
    "picture_missing": _picture("404 NoSuchKey", "missing"),
    "picture_redirect": _picture("302 to another host", "redirect", location="http://elsewhere.invalid/picture.png"),
    "picture_500": _picture("500 of the storage", "storage", http=500, code="InternalError"),
    "picture_429": _picture("429 of the storage", "storage", http=429, code="QpsLimitExceeded"),
}


@dataclass
class Fault:
    """One fault that is switched on: after `after` chances it strikes `times` times, or always (None)."""

    name: str
    kind: Kind
    place: str
    model: str | None
    times: int | None
    after: int
    parameters: dict[str, Any]

    def __getitem__(self, parameter: str) -> Any:
        return self.parameters[parameter]


class Faults:
    """Which faults are on. Safe to use from any thread."""

    def __init__(self) -> None:
        self._on: list[Fault] = []
        self._lock = threading.Lock()

    def add(
        self,
        name: str,
        *,
        on: str | None = None,
        model: str | None = None,
        times: int | None = None,
        after: int = 0,
        **parameters: Any,
    ) -> Fault:
        """Switches a fault on: at one place, for one model or all, so many times or always.

        Of several faults of one stage that fit a request, the one added first strikes.
        """
        kind = KINDS.get(name)
        if kind is None:
            near = difflib.get_close_matches(name, KINDS, n=3) or sorted(KINDS)
            raise ValueError(f"no fault is called {name!r}; there is {', '.join(near)}")
        place = on or kind.places[0]
        if place not in kind.places:
            raise ValueError(f"{name} cannot strike at {place!r}, only at {', '.join(kind.places)}")
        unknown = sorted(parameters.keys() - kind.parameters.keys())
        if unknown:
            raise ValueError(f"{name} has no {', '.join(unknown)}; it has {', '.join(kind.parameters) or 'none'}")
        fault = Fault(name, kind, place, model, times, after, {**kind.parameters, **parameters})
        with self._lock:
            self._on.append(fault)
        return fault

    def clear(self) -> None:
        with self._lock:
            self._on.clear()

    def active(self) -> list[Fault]:
        with self._lock:
            return list(self._on)

    def take(self, place: str, stage: str, model: str | None) -> Fault | None:
        """The fault that strikes now, if any; counts it as used."""
        with self._lock:
            for fault in self._on:
                if fault.place != place or fault.kind.stage != stage or fault.model not in (None, model):
                    continue
                if fault.after:
                    fault.after -= 1
                    continue
                if fault.times is not None:
                    fault.times -= 1
                    if fault.times <= 0:
                        self._on.remove(fault)
                return fault
        return None
