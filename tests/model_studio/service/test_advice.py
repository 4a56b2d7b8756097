"""Every code of the service's error page has its own words. The table below is that page, as seen in 2026."""

from __future__ import annotations

import pytest

from model_studio import errors
from model_studio.service.advice import TABLE, service_error

CODES = [
    (400, "InvalidParameter", "Its message", errors.ParameterRefused, False),
    (400, "BadRequest.EmptyInput", "", errors.ParameterRefused, False),
    (400, "BadRequest.EmptyParameters", "", errors.ParameterRefused, False),
    (400, "BadRequest.EmptyModel", "", errors.ParameterRefused, False),
    (400, "BadRequest.IllegalInput", "", errors.ParameterRefused, False),
    (
        400,
        "Arrearage",
        "Access denied, please make sure your account is in good standing.",
        errors.BillingProblem,
        False,
    ),
    (400, "DataInspectionFailed", "Input data may contain inappropriate content.", errors.ContentRefused, False),
    (400, "data_inspection_failed", "Output data may contain inappropriate content.", errors.ContentRefused, False),
    (400, "InvalidParameter.DataInspection", "", errors.ContentRefused, False),
    (400, "IPInfringementSuspect", "", errors.ContentRefused, False),
    (400, "CustomRoleBlocked", "", errors.ContentRefused, False),
    (400, "FaqRuleBlocked", "", errors.ContentRefused, False),
    (400, "UnsupportedOperation", "Failed to cancel the task", errors.ParameterRefused, False),
    (401, "InvalidApiKey", "Invalid API-key provided.", errors.AuthenticationFailed, False),
    (401, "NOT AUTHORIZED", "", errors.AuthenticationFailed, False),
    (403, "AccessDenied", "current user api does not support asynchronous calls", errors.TasksRefused, False),
    (400, "InternalError.Algo.InvalidParameter", "no", errors.ParameterRefused, False),
    (503, "ServiceUnavailable", "throttled due to system capacity limits", errors.Throttled, True),
    (403, "AccessDenied", "current user api does not support synchronous calls", errors.AccessDenied, False),
    (403, "AccessDenied.Unpurchased", "", errors.AccessDenied, False),
    (403, "Model.AccessDenied", "", errors.AccessDenied, False),
    (403, "Workspace.AccessDenied", "", errors.AccessDenied, False),
    (403, "AllocationQuota.FreeTierOnly", "", errors.BillingProblem, False),
    (404, "ModelNotFound", "Model can not be found.", errors.ModelNotFound, False),
    (404, "WorkSpaceNotFound", "", errors.AccessDenied, False),
    (404, "NotFound", "", errors.ModelNotFound, False),
    (429, "Throttling", "Requests throttling triggered.", errors.Throttled, True),
    (429, "Throttling.RateQuota", "", errors.Throttled, True),
    (429, "limit_requests", "", errors.Throttled, True),
    (429, "Throttling.BurstRate", "", errors.Throttled, True),
    (429, "Throttling.AllocationQuota", "Allocated quota exceeded", errors.Throttled, True),
    (429, "Throttling.AllocationQuota", "Free allocated quota exceeded.", errors.BillingProblem, False),
    (429, "CommodityNotPurchased", "", errors.BillingProblem, False),
    (429, "PrepaidBillOverdue", "", errors.BillingProblem, False),
    (429, "PostpaidBillOverdue", "", errors.BillingProblem, False),
    (500, "InternalError", "", errors.ServiceFault, True),
    (500, "InternalError.Algo", "", errors.ServiceFault, True),
    (500, "InternalError.Timeout", "", errors.ServiceFault, True),
    (500, "InternalError.Upload", "", errors.ServiceFault, True),
    (500, "RequestTimeOut", "", errors.ServiceFault, False),
    (500, "RewriteFailed", "", errors.ServiceFault, True),
    (500, "SystemError", "", errors.ServiceFault, True),
    (500, "ModelServiceFailed", "", errors.ServiceFault, True),
    (503, "ModelServingError", "", errors.ServiceFault, True),
    (503, "ModelUnavailable", "", errors.ServiceFault, True),
]


@pytest.mark.parametrize(("status", "code", "message", "kind", "retryable"), CODES)
def test_each_code(status: int, code: str, message: str, kind: type, retryable: bool) -> None:
    error = service_error(code, message, region="cn-beijing", http_status=status, request_id="r-1")
    assert type(error) is kind
    assert error.retryable is retryable
    assert any(row.code == code for row in TABLE)
    text = str(error)
    assert error.advice and f"(code {code}, HTTP {status}, request id r-1)" in text
    assert message in text
    assert "{" not in error.what + error.advice


@pytest.mark.parametrize(
    ("message", "kind", "word"),
    [
        ("Model not exist.", errors.ModelNotFound, "another region"),
        ("url error, please check url!", errors.ParameterRefused, "call_mode"),
        ("num_images_per_prompt must be 1", errors.ParameterRefused, "n to 1"),
        ("The size does not match the allowed size 1664*928,1472*1104.", errors.ParameterRefused, "aspect ratios"),
        ("Size 9999*9999 is out of range [512*512, 1664*1664]", errors.ParameterRefused, "aspect ratios"),
        ("Image area must be between 262144 and 4194304 pixels.", errors.ParameterRefused, "aspect ratios"),
        ("Total pixels (2359296) must be between 589824 and 2073600.", errors.ParameterRefused, "aspect ratios"),
        ("Either width or height should be between 512 and 1440. ", errors.ParameterRefused, "aspect ratios"),
        ("Expected format: '<width>*<height>'", errors.ParameterRefused, "aspect ratios"),
    ],
)
def test_real_messages_of_invalid_parameter(message: str, kind: type, word: str) -> None:
    error = service_error("InvalidParameter", message, region="cn-beijing", http_status=400)
    assert type(error) is kind and word in error.advice and message.strip() in error.what


def test_moderation_of_prompt_and_picture_differ() -> None:
    code = "DataInspectionFailed"
    prompt = service_error(code, "Input data may contain inappropriate content.", region="cn-beijing")
    picture = service_error(code, "Output data may contain inappropriate content.", region="cn-beijing")
    assert "Change the prompt" in prompt.advice and "seed" in picture.advice


def test_moderation_of_either_blames_neither() -> None:
    error = service_error("DataInspectionFailed", "Input or output data may contain inappropriate content.", region="x")
    assert "prompt or the picture" in error.what and "not billed" not in error.advice


def test_resize_is_no_size() -> None:
    assert "aspect ratios" not in service_error("InvalidParameter", "cannot resize", region="x", http_status=400).advice


def test_wrong_region_is_explained_with_the_variable() -> None:
    error = service_error("InvalidApiKey", "Invalid API-key provided.", region="ap-southeast-1", http_status=401)
    assert "ap-southeast-1" in error.what and "DASHSCOPE_API_KEY_AP_SOUTHEAST_1" in error.advice


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, "Brand.New", errors.ParameterRefused),
        (401, "", errors.AuthenticationFailed),
        (403, "Brand.New", errors.AccessDenied),
        (429, "Brand.New", errors.Throttled),
        (500, "Brand.New", errors.ServiceFault),
        (None, "Brand.New", errors.ServiceFault),
        (429, "Throttling.Brand.New", errors.Throttled),
        (500, "InternalError.Brand.New", errors.ServiceFault),
    ],
)
def test_unknown_codes(status: int | None, code: str, kind: type) -> None:
    assert type(service_error(code, "", region="cn-beijing", http_status=status)) is kind


@pytest.mark.parametrize("code", ["Brand.New", "InternalError.BrandNew"])
def test_unknown_faults_are_not_taken_for_unpaid(code: str) -> None:
    assert not service_error(code, "", region="cn-beijing", http_status=500).retryable


def test_braces_in_a_message_are_data() -> None:
    assert "{0} {region}" in str(service_error("InvalidParameter", "{0} {region}", region="cn-beijing"))
