"""Whatever the service answers, the outcome is pictures or one of our errors, and nothing is sent blindly."""

from __future__ import annotations

import asyncio
import io
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from model_studio.errors import ModelStudioError
from model_studio.service.exchange import Answer, Call
from model_studio.studio import Studio
from model_studio.waiting import Waiting
from tests.model_studio.asking import ask
from tests.model_studio.conftest import DrivenClock

LINK = "https://dashscope-result-sh.oss-cn-shanghai.aliyuncs.com/a.png?Expires=1&Signature=secret"
WORDS = ["PENDING", "RUNNING", "SUCCEEDED", "FAILED", "CANCELED", "UNKNOWN", "t-1", LINK, "Throttling", "InternalError"]
NAMES = ["output", "choices", "results", "message", "content", "image", "url", "task_id", "task_status", "code"]
NAMES += ["request_id", "error", "data", "total_page", "gmt_create", "model_name", "text", "actual_prompt"]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from(WORDS),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=3), inner, max_size=5)
    ),
    max_leaves=12,
)
# Close to the truth, so that what comes after the first answer is tried as well.
TASK = st.fixed_dictionaries(
    {"output": st.fixed_dictionaries({"task_id": st.just("t-1"), "task_status": st.sampled_from(WORDS) | JSON})}
)
DRAWN = st.fixed_dictionaries(
    {
        "output": st.fixed_dictionaries(
            {"task_status": st.just("SUCCEEDED")},
            optional={
                "choices": st.just([{"message": {"content": [{"image": LINK}]}}]) | JSON,
                "results": st.just([{"url": LINK}, {"code": "DataInspectionFailed"}]) | JSON,
            },
        )
    }
)
STATUS = st.sampled_from([200, 200, 200, 400, 401, 403, 404, 429, 500, 502, 302])


def png() -> bytes:
    out = io.BytesIO()
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(out, "PNG")
    return out.getvalue()


PICTURES = st.just(png()) | st.just(png()[:40]) | st.binary(max_size=20) | st.just(b"<html>")
ANSWERS = st.tuples(STATUS, JSON | TASK | DRAWN)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    model=st.sampled_from(["wan2.6-t2i", "wan2.2-t2i-flash", "qwen-image-2.0"]),
    create=ANSWERS,
    later=st.lists(ANSWERS, min_size=1, max_size=4),
    listed=ANSWERS,
    picture=st.tuples(STATUS, PICTURES),
)
def test_pictures_or_an_error_of_ours(model: str, create: Any, later: Any, listed: Any, picture: Any) -> None:
    sent: list[Call] = []
    polls = iter(later)

    def exchange(call: Call) -> Answer:
        if call.method == "POST" and "/services/" in call.url:
            sent.append(call)
            return answer(*create)
        if call.url.startswith(LINK):
            return Answer(picture[0], {}, picture[1])
        return answer(*(listed if "/tasks/?" in call.url else next(polls, later[-1])))

    environ = {"DASHSCOPE_API_KEY": "sk-planted-123456", "MODEL_STUDIO_PACE": "off"}
    with tempfile.TemporaryDirectory() as folder:
        studio = Studio(Path(folder), exchange, environ)
        for _ in range(2):
            try:
                result = asyncio.run(studio._generate(ask(model), Waiting(30, clock=DrivenClock())))
            except ModelStudioError as error:
                told = str(error)
            else:
                assert result.pictures and all(picture.pixels.shape == (8, 8, 3) for picture in result.pictures)
                told = json.dumps(result.info)
            assert "sk-planted" not in told and "Signature" not in told
    certain = create[0] == 429 or (isinstance(create[1], dict) and "Throttling" in str(create[1]))
    certain = certain or "InternalError" in str(create[1])
    assert certain or len(sent) <= 2  # one for each run


def answer(status: int, body: Any) -> Answer:
    return Answer(status, {}, json.dumps(body).encode())
