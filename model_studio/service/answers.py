"""The service's JSON as typed values. Whatever comes is read without raising; what is missing is None or empty."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, replace
from typing import Any, Literal

from ..words import Text

_OTHER_WORK = {
    "video_url": Text("a video"),
    "video": Text("a video"),
    "audio_url": Text("speech"),
    "audio": Text("speech"),
    "transcription_url": Text("a transcript"),
}
# A link, or a part of one, percent-encoded too; OSS writes Signature= and x-oss-signature= into its query.
_WORD = re.compile(r"\S+")
_OF_LINKS = ("://", "%3a%2f%2f", "signature")
_QUERY = re.compile(r"\?|%3f", re.IGNORECASE)
_LONGEST = 100_000  # characters; no prompt that the service reads is as long
_LONGEST_WORDS = 2_000
_LONGEST_ID = 128
MOST = 24  # links, texts or failures of one answer: twice the most pictures that a set holds (wan2.7-image, 12)


@dataclass(frozen=True)
class Drawn:
    """What an answer says was drawn: links in the service's order, the prompts it really used, what failed.

    `asked_prompts`: the prompts as they were sent, where it repeats them (prompt shape). `said`: texts that came in
    place of pictures, as when a model refuses in words. `more`: links beyond MOST, which are not read. `counted`,
    `tier`: how many pictures it bills, and at which of its prices; 0 and empty where it does not tell.
    """

    links: tuple[str, ...] = ()
    used_prompts: tuple[str, ...] = ()
    failures: tuple[str, ...] = ()
    asked_prompts: tuple[str, ...] = ()
    said: tuple[str, ...] = ()
    more: int = 0
    counted: int = 0
    tier: str = ""


@dataclass(frozen=True)
class TaskAnswer:
    """One answer about a task, or about its submission. `state` is the service's word, empty where it says none.

    `other_work`: what it made if that is not a picture.
    """

    task_id: str
    state: str
    request_id: str
    code: str
    message: str
    drawn: Drawn
    times: dict[str, str]  # submit_time, scheduled_time, end_time as the service writes them (UTC+8)
    other_work: Text | Literal[""] = ""
    size: str = ""  # of the pictures, `W*H`; empty where it does not tell


def read_task(body: dict[str, Any]) -> TaskAnswer:
    output, usage = _dict(body.get("output")), _dict(body.get("usage"))
    times = {name: identifier(output.get(name)) for name in ("submit_time", "scheduled_time", "end_time")}
    return TaskAnswer(
        task_id=text(output.get("task_id")),
        state=one_line(output.get("task_status")),
        request_id=identifier(body.get("request_id")),
        code=one_line(output.get("code")),
        message=one_line(output.get("message")),
        drawn=replace(read_drawn(output), counted=_counted(usage), tier=identifier(usage.get("output_image_type"))),
        size=_size(usage),
        times={name: time for name, time in times.items() if time},
        other_work=_other_work(output),
    )


def _size(usage: dict[str, Any]) -> str:
    """In one text, or as width and height, by the model (API references)."""
    if size := identifier(usage.get("size")):
        return size
    width, height = usage.get("width"), usage.get("height")
    return f"{width}*{height}" if isinstance(width, int) and isinstance(height, int) else ""


def _counted(usage: dict[str, Any]) -> int:
    """`image_count`, of qwen-image-3.0 `output_image_count` (API references); 0 for what no request can have made."""
    count = usage.get("image_count", usage.get("output_image_count"))
    return count if type(count) is int and 0 < count <= MOST else 0


def read_drawn(output: Any) -> Drawn:
    """Pictures in either shape: `choices` (messages) or `results` (prompt); both occur in tasks.

    Qwen puts n pictures into one choice, Wan one into each of n (API references); both are flattened in order.
    `type: image` is on Wan only and never required. A `text` beside a picture is the prompt that z-image used; alone it
    stands for one (observed of qwen-image-3.0).
    """
    output = _dict(output)
    links: list[str] = []
    prompts: list[str] = []
    failures: list[str] = []
    asked: list[str] = []
    said: list[str] = []
    for content in _contents(output):
        has_picture = any(text(item.get("image")) for item in content)
        for item in content:
            _add(links, item.get("image"))
            _add(prompts if has_picture else said, item.get("text"))
    for result in dicts(output.get("results")):
        _add(links, result.get("url"))
        _add(asked, result.get("orig_prompt"))
        _add(prompts, result.get("actual_prompt"))
        if not result.get("url") and (result.get("code") or result.get("message")):
            failures.append(f"{one_line(result.get('code'))}: {one_line(result.get('message'))}".strip(": "))
    return Drawn(
        links=tuple(links[:MOST]),
        used_prompts=tuple(map(_without_queries, prompts[:MOST])),
        failures=tuple(failures[:MOST]),
        asked_prompts=tuple(asked[:MOST]),
        said=tuple(map(one_line, said[:MOST])),
        more=max(len(links) - MOST, 0),
    )


def _other_work(output: dict[str, Any]) -> Text | Literal[""]:
    """By the fields in which other models put their links: video, speech and its recognition (API references, SDK)."""
    places = [output, *(_dict(output.get(name)) for name in ("result", "results")), *dicts(output.get("results"))]
    places += [item for content in _contents(output) for item in content]
    return next((work for name, work in _OTHER_WORK.items() if any(place.get(name) for place in places)), "")


def _contents(output: dict[str, Any]) -> list[list[dict[str, Any]]]:
    """The items of each choice."""
    return [dicts(_dict(choice.get("message")).get("content")) for choice in dicts(output.get("choices"))]


def _add(texts: list[str], value: Any) -> None:
    if text(value):
        texts.append(text(value))


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def dicts(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def one_line(value: Any) -> str:
    """A text that is shown to users and written to logs: one line, of characters that only show themselves.

    Should it hold a signed link, it comes without what opens the picture to anyone.
    """
    told = _without_queries(text(value)[: 2 * _LONGEST_WORDS])
    shown = "".join(" " if _moves(character) else character for character in told)
    return " ".join(shown.split())[:_LONGEST_WORDS]


def identifier(value: Any) -> str:
    """An id for the service's support, or a time, which may come from anything on the way."""
    return one_line(value)[:_LONGEST_ID]


def _without_queries(told: str) -> str:
    def bare(word: re.Match[str]) -> str:
        is_link = any(part in word[0].lower() for part in _OF_LINKS)
        return f"{_QUERY.split(word[0], 1)[0]}?…" if is_link and _QUERY.search(word[0]) else word[0]

    return _WORD.sub(bare, told)


def _moves(character: str) -> bool:
    """Whether it ends the line, colours a terminal, or turns the direction of what follows."""
    return not character.isprintable() and unicodedata.category(character) in ("Cc", "Cf", "Zl", "Zp")


def text(value: Any) -> str:
    """A string that can be shown: JSON may hold halves of characters, which no output can encode."""
    return value[:_LONGEST].encode("utf-8", "replace").decode() if isinstance(value, str) else ""
