"""Everything that can go wrong at the provider, as one `Failed` with a fixed sentence for users."""

from __future__ import annotations

import math
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import httpx2
import openai

from chat.llm.events import FAILURES, Code, Failed, Usage
from chat.text import storable

MAX_DETAIL_CHARACTERS = 1000

STATUSES: dict[int, Code] = {
    401: Code.UNAUTHORIZED,
    403: Code.UNAUTHORIZED,
    404: Code.MODEL_NOT_FOUND,
    408: Code.PROVIDER_ERROR,
    409: Code.PROVIDER_ERROR,
    413: Code.CONTEXT_TOO_LONG,
    429: Code.RATE_LIMITED,
    500: Code.PROVIDER_ERROR,
    503: Code.OVERLOADED,
    529: Code.OVERLOADED,
}
# `code` or `type` of an error: openai 3.54, types/responses/response_error.py, the guide "Error codes" of
# OpenAI, and codes of compatible servers observed on 2026-11-22.
PROVIDER_CODES: dict[str, Code] = {
    "rate_limit_exceeded": Code.RATE_LIMITED,
    "insufficient_quota": Code.QUOTA_EXCEEDED,
    "billing_hard_limit_reached": Code.QUOTA_EXCEEDED,
    "server_is_overloaded": Code.OVERLOADED,
    "overloaded": Code.OVERLOADED,
    "slow_down": Code.OVERLOADED,
    "context_length_exceeded": Code.CONTEXT_TOO_LONG,
    "string_above_max_length": Code.CONTEXT_TOO_LONG,
    "invalid_api_key": Code.UNAUTHORIZED,
    "model_not_found": Code.MODEL_NOT_FOUND,
    "content_filter": Code.CONTENT_FILTER,
    "content_policy_violation": Code.CONTENT_FILTER,
    "invalid_prompt": Code.BAD_REQUEST,
    "invalid_request_error": Code.BAD_REQUEST,
    "server_error": Code.PROVIDER_ERROR,
}
CONTEXT_WORDS = ("context length", "context window", "maximum context")  # compatible servers send no code for this
NEVER_SENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.WriteTimeout, httpx2.ProxyError)


def failed(
    code: Code,
    detail: str,
    *,
    status: int | None = None,
    retry_after_seconds: float | None = None,
    usage: Usage | None = None,
    request_id: str = "",
) -> Failed:
    """The failure with this code; `detail` goes to the log, never to users."""
    meaning = FAILURES[code]
    return Failed(
        code=code,
        message=meaning.message,
        retryable=meaning.retryable,
        uncertain=meaning.uncertain,
        detail=storable(detail[:MAX_DETAIL_CHARACTERS]),  # the body of an HTTP error can be any text
        status=status,
        retry_after_seconds=retry_after_seconds,
        usage=usage,
        request_id=request_id,
    )


def from_exception(error: Exception, *, began: bool) -> Failed:
    """The failure for an exception of the SDK or its HTTP client; `began`: an event had come."""
    if isinstance(error, openai.APIStatusError):
        return failed(Code.CUT, _detail_of(error), status=error.status_code) if began else _from_status(error)
    cause = error.__cause__ if isinstance(error, openai.APIConnectionError) and error.__cause__ else error
    detail = f"{type(cause).__name__}: {cause}"
    if began:
        return failed(Code.CUT, detail)
    return failed(Code.UNREACHABLE if isinstance(cause, NEVER_SENT) else Code.AMBIGUOUS, detail)


def from_body(body: object, *, usage: Usage | None = None) -> Failed:
    """The failure for an error in an event or a response: usually an object with `code` and `message`."""
    error = body if isinstance(body, Mapping) else {}
    return failed(_provider_code(error) or Code.PROVIDER_ERROR, f"the provider said: {body}", usage=usage)


def _from_status(error: openai.APIStatusError) -> Failed:
    status = error.status_code
    return failed(
        _code_of(status, error.body),
        _detail_of(error),
        status=status,
        retry_after_seconds=_retry_after_seconds(error.response.headers),
        request_id=error.request_id or "",
    )


def _detail_of(error: openai.APIStatusError) -> str:
    return f"HTTP {error.status_code}: {error.body if error.body else error.message}"


def _code_of(status: int, body: object) -> Code:
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:  # the body may be a gateway's, so the status decides
        return STATUSES.get(status, Code.AMBIGUOUS)
    code = _provider_code(body) if isinstance(body, Mapping) else None
    return STATUSES.get(status, Code.BAD_REQUEST) if code in (None, Code.BAD_REQUEST) else code


def _provider_code(error: Mapping[str, Any]) -> Code | None:
    codes = [PROVIDER_CODES.get(str(error.get("code"))), PROVIDER_CODES.get(str(error.get("type")))]
    message = str(error.get("message")).lower()
    if any(words in message for words in CONTEXT_WORDS):
        codes.insert(1, Code.CONTEXT_TOO_LONG)  # the type is often just invalid_request_error
    known = [code for code in codes if code]
    return next((code for code in known if code is not Code.BAD_REQUEST), known[0] if known else None)


def _retry_after_seconds(headers: Mapping[str, str]) -> float | None:
    """The wait from `retry-after-ms` or `retry-after` in seconds; model APIs do not send its date form."""
    for name, divisor in (("retry-after-ms", 1000), ("retry-after", 1)):
        try:
            seconds = float(headers[name]) / divisor
        except (KeyError, ValueError):
            continue
        if math.isfinite(seconds) and seconds >= 0:
            return seconds
    return None
