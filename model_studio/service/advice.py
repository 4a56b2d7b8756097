"""What each error code of the service means for the user, and what to do about it.

Codes, messages and whether a later try can work are from the error page of the documentation, with messages observed
on live servers where `says` narrows a code down. The first row that fits wins.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from .. import errors
from ..errors import ServiceError
from ..words import Text


@dataclass(frozen=True)
class Row:
    """One code, and templates of Texts that may name the {region}.

    says           only where the service's message contains this
    retryable      refused unpaid, may work later
    may_be_billed  the service ended the call itself, and nobody has seen whether such a drawing is billed; of a FAILED
                   task, which is not billed, it says nothing
    """

    code: str
    kind: type[ServiceError]
    what: str
    advice: str
    retryable: bool = False
    may_be_billed: bool = False
    says: str = ""


_LATER = "The request was not billed; try again in a minute."
_MODERATION_PROMPT = "Change the prompt or the negative prompt: remove names, brands or words that may be refused."
_SIZE = "Choose one of the aspect ratios in the list; each has a size that the model takes."
_QUOTA = "It was not billed. Wait, ask for a higher limit in the Model Studio console, or run fewer requests at a time."
_BILLS = "Pay the open bill or add funds in the Alibaba Cloud console, then queue again."

TABLE: tuple[Row, ...] = (
    # Keys
    Row(
        "InvalidApiKey",
        errors.AuthenticationFailed,
        "No API key reached the service.",
        "Set DASHSCOPE_API_KEY and restart ComfyUI.",
        says="no api-key provided",
    ),
    Row(
        "InvalidApiKey",
        errors.AuthenticationFailed,
        "The API key was not accepted in region {region}.",
        "Keys belong to one region: choose the region your key was made in, or give a key for {region} "
        "(DASHSCOPE_API_KEY_{REGION}); check for a typing error and that the key was not deleted.",
    ),
    Row(
        "NOT AUTHORIZED",
        errors.AuthenticationFailed,
        "The workspace of this key may not be used.",
        "Check DASHSCOPE_WORKSPACE_ID, or use a key of the workspace that has the permission.",
    ),
    # Access
    Row(
        "AccessDenied",
        errors.TasksRefused,
        "The model does not take tasks (async calls) with this account.",
        "Draw with a generator whose call_mode is sync, or choose another model.",
        says="does not support asynchronous",
    ),
    Row(
        "AccessDenied",
        errors.AccessDenied,
        "The model does not take sync calls with this account.",
        "Set call_mode to async, or choose another model.",
        says="does not support synchronous",
    ),
    Row(
        "AccessDenied.Unpurchased",
        errors.AccessDenied,
        "Model Studio is not activated for this account, or the account may not use this model.",
        "Activate Model Studio (and the model) in the Alibaba Cloud console of region {region}.",
    ),
    Row(
        "AccessDenied",
        errors.AccessDenied,
        "The account may not do this.",
        "Check in the Model Studio console that the model is open to your key's workspace.",
    ),
    Row(
        "Model.AccessDenied",
        errors.AccessDenied,
        "The key's workspace has no permission for this model.",
        "Permit the model for the workspace in the Model Studio console, or use a key of the default workspace.",
    ),
    Row(
        "Workspace.AccessDenied",
        errors.AccessDenied,
        "The key may not use this workspace.",
        "Check DASHSCOPE_WORKSPACE_ID, or use a key of that workspace.",
    ),
    Row(
        "WorkSpaceNotFound",
        errors.AccessDenied,
        "The workspace does not exist in region {region}.",
        "Check DASHSCOPE_WORKSPACE_ID; a workspace belongs to one region.",
    ),
    # Money
    Row(
        "Arrearage",
        errors.BillingProblem,
        "The account has an unpaid bill, so the service refused.",
        _BILLS,
    ),
    Row(
        "AllocationQuota.FreeTierOnly",
        errors.BillingProblem,
        "The model's free tier is used up, and the account is set to use the free tier only.",
        'To go on at list price, switch "use free tier only" off for this model in the Model Studio console.',
    ),
    Row(
        "CommodityNotPurchased",
        errors.BillingProblem,
        "The account has not bought this service.",
        "Activate Model Studio in the Alibaba Cloud console of region {region}.",
    ),
    Row("PrepaidBillOverdue", errors.BillingProblem, "The prepaid plan has expired.", _BILLS),
    Row("PostpaidBillOverdue", errors.BillingProblem, "A pay-as-you-go bill is overdue.", _BILLS),
    # Moderation
    Row(
        "DataInspectionFailed",
        errors.ContentRefused,
        "Moderation refused the prompt or the picture.",
        _MODERATION_PROMPT + " Another seed may pass too.",
        says="input or output data",
    ),
    Row(
        "DataInspectionFailed",
        errors.ContentRefused,
        "Moderation refused the picture that was made.",
        "It is not billed. Another seed may pass; otherwise change the prompt.",
        says="output data may",
    ),
    Row(
        "DataInspectionFailed",
        errors.ContentRefused,
        "Moderation refused the prompt.",
        _MODERATION_PROMPT,
    ),
    Row(
        "data_inspection_failed",
        errors.ContentRefused,
        "Moderation refused the prompt or the picture.",
        _MODERATION_PROMPT,
    ),
    Row(
        "InvalidParameter.DataInspection",
        errors.ContentRefused,
        "Moderation could not read what was sent.",
        "Queue the prompt again as plain text, without links.",
    ),
    Row(
        "IPInfringementSuspect",
        errors.ContentRefused,
        "The prompt is suspected of infringing somebody's rights (brand, character, celebrity).",
        "Describe what you want to see without naming the brand or person.",
    ),
    Row(
        "CustomRoleBlocked",
        errors.ContentRefused,
        "A rule of your account blocked the prompt.",
        "Change the prompt, or the account's content rules in the console.",
    ),
    Row(
        "FaqRuleBlocked",
        errors.ContentRefused,
        "A rule of your account blocked the prompt.",
        "Change the prompt, or the account's content rules in the console.",
    ),
    # Parameters
    Row(
        "InvalidParameter",
        errors.ModelNotFound,
        "The model does not exist in region {region}.",
        "Choose another model or another region; some models are sold in one region only.",
        says="model not exist",
    ),
    Row(
        "InvalidParameter",
        errors.ParameterRefused,
        "The service does not offer this model in this call mode.",
        "Choose the other call_mode, or another model.",
        says="url error",
    ),
    Row(
        "InvalidParameter",
        errors.ParameterRefused,
        "The service refused the number of pictures.",
        "Set n to 1 for this model.",
        says="num_images_per_prompt",
    ),
    *(
        Row("InvalidParameter", errors.ParameterRefused, "The service refused the size.", _SIZE, says=says)
        for says in (
            "the size does not match",
            "is out of range [",
            "is not supported for t2i",
            "total pixels",
            "image area",
            "width or height",
            "<width>*<height>",
        )
    ),
    *(
        Row(
            code,
            errors.ParameterRefused,
            "The prompt is too long for the model.",
            "Shorten it and queue again.",
            says="range of input length",
        )
        for code in ("InvalidParameter", "InternalError.Algo.InvalidParameter")
    ),
    Row(
        "InvalidParameter",
        errors.ParameterRefused,
        "The service refused a value of the request.",
        "Its message says which; change it and queue again.",
    ),
    *(
        Row(
            f"BadRequest.{name}",
            errors.ParameterRefused,
            "The service misses a part of the request.",
            "Check that the prompt is not empty; if it is not, please report this with the request id.",
        )
        for name in ("EmptyInput", "EmptyParameters", "EmptyModel", "IllegalInput")
    ),
    Row(
        "UnsupportedOperation",
        errors.ParameterRefused,
        "The task cannot be canceled any more.",
        "Only tasks that are still PENDING can be; its pictures can be fetched with the Task Poller.",
    ),
    Row(
        "ModelNotFound",
        errors.ModelNotFound,
        "The model does not exist in region {region}, or not for this workspace.",
        "Choose another model or another region; some models are sold in one region only.",
    ),
    Row(
        "NotFound",
        errors.ModelNotFound,
        "The service does not know this address.",
        "Check DASHSCOPE_HTTP_BASE_URL (it ends in /api/v1) and the region.",
    ),
    Row(
        "InternalError.Algo.InvalidParameter",
        errors.ParameterRefused,
        "The service refused a value of the request.",
        "Its message says which; change it and queue again.",
    ),
    # Limits
    Row(
        "Throttling.AllocationQuota",
        errors.BillingProblem,
        "The model's free quota is used up.",
        "Switch to paid use in the Model Studio console, or choose another model.",
        says="free allocated quota",
    ),
    Row(
        "Throttling.AllocationQuota",
        errors.Throttled,
        "The account's quota for this model is used up for the moment.",
        _QUOTA,
        retryable=True,
    ),
    Row(
        "Throttling.RateQuota",
        errors.Throttled,
        "Too many requests for this model.",
        "Limits are per account and model, 2 per minute for some. " + _QUOTA,
        retryable=True,
    ),
    Row(
        "limit_requests",
        errors.Throttled,
        "Too many requests for this model.",
        "Limits are per account and model, 2 per minute for some. " + _QUOTA,
        retryable=True,
    ),
    Row(
        "Throttling.BurstRate",
        errors.Throttled,
        "The number of requests rose too quickly.",
        _QUOTA,
        retryable=True,
    ),
    Row("Throttling", errors.Throttled, "The service is limiting requests.", _QUOTA, retryable=True),
    # Observed with HTTP 503: "throttled due to system capacity limits".
    Row("ServiceUnavailable", errors.Throttled, "The service is limiting requests.", _QUOTA, retryable=True),
    # Faults of the service
    Row(
        "InternalError.Algo",
        errors.ServiceFault,
        "The model failed while drawing.",
        _LATER,
        retryable=True,
    ),
    Row(
        "InternalError.Timeout",
        errors.ServiceFault,
        "The task ran for over three hours and was ended.",
        "It is not billed; queue again.",
        retryable=True,
    ),
    Row(
        "InternalError.Upload",
        errors.ServiceFault,
        "The service could not store its picture.",
        _LATER,
        retryable=True,
    ),
    Row("InternalError", errors.ServiceFault, "The service had an internal error.", _LATER, retryable=True),
    Row(
        "RequestTimeOut",
        errors.ServiceFault,
        "The sync call took the service longer than its 300 seconds.",
        "Set call_mode to async where the model allows it, or ask for fewer or smaller pictures.",
        may_be_billed=True,
    ),
    Row(
        "RewriteFailed",
        errors.ServiceFault,
        "The service failed to rewrite the prompt.",
        "Queue again, or switch prompt_extend off.",
        retryable=True,
    ),
    Row("SystemError", errors.ServiceFault, "The service had a system error.", _LATER, retryable=True),
    Row("ModelServiceFailed", errors.ServiceFault, "The model's service failed.", _LATER, retryable=True),
    Row("ModelServingError", errors.ServiceFault, "The model is overloaded.", _LATER, retryable=True),
    Row("ModelUnavailable", errors.ServiceFault, "The model is not available just now.", _LATER, retryable=True),
)

# For codes the table does not know.
_BY_STATUS: dict[int, Row] = {
    401: Row("", errors.AuthenticationFailed, "The service did not accept the key.", "Check the key and the region."),
    403: Row("", errors.AccessDenied, "The service denied access.", "Check the account's rights in the console."),
    404: Row("", errors.ModelNotFound, "The service did not find what was asked for.", "Check model and region."),
    429: Row("", errors.Throttled, "The service is limiting requests.", _QUOTA, retryable=True),
}
_REFUSED = Row("", errors.ParameterRefused, "The service refused the request.", "Its message says why.")
_FAULT = Row("", errors.ServiceFault, "The service failed.", "Try again later.")


def service_error(
    code: str,
    message: str,
    *,
    region: str,
    http_status: int | None = None,
    request_id: str | None = None,
) -> ServiceError:
    """The exception for an error answer of the service, or for a FAILED task (no http_status)."""
    row = _row(code, message, http_status)
    names = {"region": region, "REGION": region.upper().replace("-", "_")}
    what = Text(row.what, **names)
    return row.kind(
        Text('{what} It says: "{message}"', what=what, message=message.strip()) if message.strip() else what,
        Text(row.advice, **names),
        message=message.strip(),
        retryable=row.retryable,
        may_be_billed=row.may_be_billed,
        code=code or None,
        http_status=http_status,
        request_id=request_id or None,
    )


def _row(code: str, message: str, http_status: int | None) -> Row:
    said = message.lower()
    if row := _find(code, said):
        return row
    if row := _find(code.split(".")[0], said):
        # Of an unknown member of a family only a 429 is certainly unpaid.
        return replace(row, retryable=row.retryable and http_status == 429)
    if http_status in _BY_STATUS:
        return _BY_STATUS[http_status]
    return _FAULT if http_status is None or http_status >= 500 else _REFUSED


def _find(code: str, said: str) -> Row | None:
    return next((row for row in TABLE if row.code == code and row.says in said), None)
