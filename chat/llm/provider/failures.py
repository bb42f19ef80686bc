"""Everything that can go wrong at the provider, as one `Failed` with a fixed sentence for users."""

from __future__ import annotations

import email.utils
import math
import time
from collections.abc import Mapping
from http import HTTPStatus

import httpx2
import openai
from msgspec.structs import replace

from chat.llm.events import FAILURES, Code, Failed, Usage
from chat.llm.provider import diagnosis, error_bodies
from chat.llm.provider.diagnosis import Diagnosis
from chat.text import storable

MAX_DETAIL_CHARACTERS = 4000  # of a detail, until it is redacted and cut further
OURS = (httpx2.PoolTimeout, httpx2.WriteTimeout, httpx2.LocalProtocolError)  # say nothing about the provider
OUTAGES = (Code.PROVIDER_ERROR, Code.OVERLOADED, Code.AMBIGUOUS)  # with a status of 500 and above
NEVER_SENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.WriteTimeout, httpx2.ProxyError)


class Refused(Exception):
    """The server answered with an HTTP status that is an error or a redirect. `body` is the start of its body."""

    def __init__(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.status, self.headers, self.body = status, headers, body
        super().__init__(f"HTTP {status}")


def failed(
    code: Code,
    detail: str,
    *,
    status: int | None = None,
    retry_after_seconds: float | None = None,
    usage: Usage | None = None,
    request_id: str = "",
    uncertain: bool | None = None,
    found: Diagnosis | None = None,
) -> Failed:
    """The failure with this code; `detail` goes to the log, never to users."""
    meaning = FAILURES[code]
    return Failed(
        code=code,
        message=meaning.message,
        retryable=meaning.retryable,
        uncertain=meaning.uncertain if uncertain is None else uncertain,
        detail=storable(detail[:MAX_DETAIL_CHARACTERS]),  # the body of an HTTP error can be any text
        status=status,
        retry_after_seconds=retry_after_seconds,
        usage=usage,
        request_id=request_id,
        limit=found.limit if found else None,
        prompt_tokens=found.prompt_tokens if found else None,
        part=found.part if found else "",
    )


def from_exception(error: Exception, *, began: bool) -> Failed:
    """The failure for an exception of the SDK or its HTTP client; `began`: an event had come."""
    if isinstance(error, Refused):
        refused = from_response(error.status, error.headers, error.body)
        if not began:
            return refused
        return replace(failed(Code.CUT, refused.detail, status=error.status), outage=refused.outage)
    cause = error.__cause__ if isinstance(error, openai.APIConnectionError) and error.__cause__ else error
    detail = f"{type(cause).__name__}: {cause}"
    if began:
        return failed(Code.CUT, detail)
    code = Code.UNREACHABLE if isinstance(cause, NEVER_SENT) else Code.AMBIGUOUS
    return replace(failed(code, detail), outage=not isinstance(cause, OURS))


def from_response(status: int, headers: Mapping[str, str], body: bytes) -> Failed:
    """The failure for an HTTP response that is no answer: an error or a redirect, or an error with status 200."""
    told = error_bodies.of_bytes(body, headers.get("content-type", ""))
    if told.status and status == HTTPStatus.OK:  # the error of a server behind a gateway
        status = told.status
    if 300 <= status < 400:  # noqa: PLR2004 - a redirect is not followed: the key would be sent along
        address = headers.get("location", "nowhere").partition("?")[0]
        return failed(Code.WRONG_API, f"HTTP {status}: the server redirects to {address}", status=status)
    found = diagnosis.of_response(status, told)
    refused = failed(
        found.code,
        f"HTTP {status}: {told.readable}",
        status=status,
        retry_after_seconds=_retry_after_seconds(headers) or told.retry_after_seconds,
        request_id=headers.get("x-request-id", ""),
        found=found,
    )
    return replace(refused, outage=status >= HTTPStatus.INTERNAL_SERVER_ERROR and found.code in OUTAGES)


def from_body(body: object, *, usage: Usage | None = None) -> Failed:
    """The failure for an error in an event or a response: usually an object with `code` and `message`."""
    told = error_bodies.of_value(body)
    found = diagnosis.of_event(told)
    detail = f"the provider said: {told.readable}"
    return failed(found.code, detail, usage=usage, retry_after_seconds=told.retry_after_seconds, found=found)


def _retry_after_seconds(headers: Mapping[str, str]) -> float | None:
    """The wait from `retry-after-ms`, or from `retry-after` in seconds or as a date, which proxies send."""
    for name, divisor in (("retry-after-ms", 1000), ("retry-after", 1)):
        try:
            seconds = float(headers[name]) / divisor
        except (KeyError, ValueError):
            continue
        if math.isfinite(seconds) and seconds >= 0:
            return seconds
    try:
        date = email.utils.parsedate_to_datetime(headers.get("retry-after", ""))
    except (ValueError, TypeError):
        return None
    return max(date.timestamp() - time.time(), 0)
