"""The JSON bodies of good answers, field by field as documented and recorded. Pure functions.

`origin` is scheme and host as the client called them; picture paths are put behind it.
"""

from __future__ import annotations

import math
from datetime import datetime, timedelta, timezone
from typing import Any

from simulator.models import ASYNC_PROMPT, MODELS, Model
from simulator.rules import Order
from simulator.tasks import Failure, Pictures, Task

BEIJING_TIME = timezone(timedelta(hours=8))
REFUSED_PICTURE = "Output data may contain inappropriate content."
Json = dict[str, Any]


def local_time(seconds: float) -> str:
    """`2026-11-22 17:38:24.817`, always UTC+8 (API documentation)."""
    return datetime.fromtimestamp(seconds, BEIJING_TIME).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]


def sync_body(request_id: str, order: Order, pictures: Pictures, origin: str, style: str) -> Json:
    model = order.model
    output: Json = dict(pictures.instead or {"choices": _choices(model, pictures, origin, style)})
    good = [path for path in pictures.paths if path]
    if model.task_metric:
        failed = len(pictures.paths) - len(good)
        output["task_metric"] = {"FAILED": failed, "SUCCEEDED": len(good), "TOTAL": len(pictures.paths)}
    if model.usage == "size":
        output["finished"] = True
    if model.usage == "qwen-3":
        output["rewrite_status"] = "success"
    return {"output": output, "usage": _told(_usage(model, pictures), pictures), "request_id": request_id}


def submit_body(task: Task) -> Json:
    return {"output": {"task_status": "PENDING", "task_id": task.id}, "request_id": task.request_id}


def unknown_body(request_id: str, task_id: str) -> Json:
    """Recorded: nothing else, and status 200."""
    return {"request_id": request_id, "output": {"task_id": task_id, "task_status": "UNKNOWN"}}


def task_body(request_id: str, task: Task, state: str, origin: str, style: str) -> Json:
    if state == "UNKNOWN":
        return unknown_body(request_id, task.id)
    output: Json = {"task_id": task.id, "task_status": state, "submit_time": local_time(task.submitted)}
    body: Json = {"request_id": request_id, "output": output}
    if state == "CANCELED":  # no recording: the API documentation only has the name of the state
        output["end_time"] = local_time(task.canceled or task.submitted)
        return body
    if state != "PENDING":
        output["scheduled_time"] = local_time(task.started)
    succeeded = failed = 0
    if state in ("SUCCEEDED", "FAILED"):
        output["end_time"] = local_time(task.finished)
        succeeded, failed = _finish(body, task, origin, style)
    if task.endpoint == ASYNC_PROMPT:
        total = max(task.count, succeeded + failed)
        output["task_metrics"] = {"TOTAL": total, "SUCCEEDED": succeeded, "FAILED": failed}
    return body


def _finish(body: Json, task: Task, origin: str, style: str) -> tuple[int, int]:
    """Adds the result of an ended task; returns how many pictures succeeded and failed."""
    output, outcome, model = body["output"], task.outcome, MODELS[task.model]
    if isinstance(outcome, Failure):
        output.update(code=outcome.code, message=outcome.message)
        return 0, task.count
    succeeded = sum(path is not None for path in outcome.paths)
    if outcome.instead:
        output.update(outcome.instead)
        return 0, 0
    if task.endpoint == ASYNC_PROMPT:
        output["results"] = [_result(model, outcome, path, origin) for path in outcome.paths]
        body["usage"] = _told({"image_count": succeeded}, outcome)
    else:
        output.update(finished=True, choices=_choices(model, outcome, origin, style))
        body["usage"] = _told(_usage(model, outcome), outcome)
    return succeeded, len(outcome.paths) - succeeded


def _result(model: Model, pictures: Pictures, path: str | None, origin: str) -> Json:
    if path is None:
        return {"code": "DataInspectionFailed", "message": REFUSED_PICTURE}
    if not model.names_prompts:
        return {"url": origin + path}
    prompts = {"orig_prompt": pictures.prompt}
    if pictures.actual_prompt is not None:
        prompts["actual_prompt"] = pictures.actual_prompt
    return {**prompts, "url": origin + path}


def _choices(model: Model, pictures: Pictures, origin: str, style: str) -> list[Json]:
    """No failed entry is documented for this shape: failed pictures are left out."""
    items: list[Json] = [{"image": origin + path} for path in pictures.paths if path]
    if model.usage == "size":
        items = [{**item, "type": "image"} for item in items]
    apart = model.many_choices if style == "model" else style == "apart"
    contents = [[item] for item in items] if apart else [items] * bool(items)
    if model.usage != "z-image":
        return [_choice({"role": "assistant", "content": content}) for content in contents]
    # z-image adds the prompt that was used, and what it thought when it rewrote the prompt.
    used, thought = pictures.actual_prompt or pictures.prompt, "Simulated." if pictures.actual_prompt else ""
    return [
        _choice({"role": "assistant", "content": [*content, {"text": used}], "reasoning_content": thought})
        for content in contents
    ]


def _choice(message: Json) -> Json:
    return {"finish_reason": "stop", "message": message}


def _told(usage: Json, pictures: Pictures) -> Json:
    """The usage as a fault has it told: fields that it has, with other values."""
    return usage | {name: value for name, value in (pictures.usage or {}).items() if name in usage}


def _usage(model: Model, pictures: Pictures) -> Json:
    width, height = (int(side) for side in pictures.size.split("*"))
    count = sum(path is not None for path in pictures.paths)
    if model.usage == "size":
        return {"image_count": count, "size": pictures.size, "input_tokens": 0, "output_tokens": 0, "total_tokens": 0}
    if model.usage == "qwen-3":
        # Up to 2,250,000 pixels are billed as 1K (observed).
        tier = "1k" if width * height <= 2_250_000 else "2k"
        return {
            "output_width": width,
            "output_height": height,
            "output_image_count": count,
            "output_image_type": f"qima_output_{tier}",
            "input_image_count": 0,
            "input_image_type": f"qima_input_{tier}",
        }
    pixels: Json = {"height": height, "image_count": count, "width": width}
    if model.usage == "z-image":
        pixels.update(input_tokens=0, output_tokens=0, total_tokens=0)
        if pictures.actual_prompt:
            pixels["output_tokens_details"] = {"reasoning_tokens": 0}
    return pixels


def list_body(request_id: str, tasks: list[Task], now: float, page_no: int, page_size: int) -> Json:
    """The flat list; `tasks` are all that fit, newest first. Times are milliseconds since 1970 (recorded)."""
    page = tasks[(page_no - 1) * page_size : page_no * page_size]
    return {
        "total": len(tasks),
        "data": [_row(task, now) for task in page],
        "total_page": math.ceil(len(tasks) / page_size),
        "page_no": page_no,
        "page_size": page_size,
        "request_id": request_id,
    }


def _row(task: Task, now: float) -> Json:
    state = task.state(now)
    row: Json = {
        "api_key_id": "10001",
        "caller_parent_id": "10001",
        "caller_uid": "10001",
        "gmt_create": int(task.submitted * 1000),
        "model_name": task.model,
        "region": task.region,
        "request_id": task.request_id,
        "status": state,
        "task_id": task.id,
        "user_api_unique_key": f"apikey:v1:{task.endpoint.removeprefix('/services/').replace('/', ':')}:{task.model}",
    }
    if state in ("RUNNING", "SUCCEEDED", "FAILED"):
        row["start_time"] = int(task.started * 1000)
    if state in ("SUCCEEDED", "FAILED"):
        row["end_time"] = int(task.finished * 1000)
    return row


def models_body(request_id: str, names: list[str], query: dict[str, str]) -> Json:
    """A page of the list of models; its rows have the fields that the SDK reads."""
    page_no, page_size = (max(1, int(query.get(name, usual))) for name, usual in (("page_no", 1), ("page_size", 10)))
    wanted = [name for name in names if query.get("model") in (None, name)]
    page = wanted[(page_no - 1) * page_size : page_no * page_size]
    rows = [{"model": name, "source": "dashscope", "provider": "qwen", "opensource": False} for name in page]
    output = {"models": rows, "total": len(wanted), "page_no": page_no, "page_size": page_size}
    return {"request_id": request_id, "output": output}
