"""Answers that are not an event stream: a complete response as JSON is an answer; anything else is a failure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from chat.llm.events import Code, Event, Failed
from chat.llm.provider import failures
from chat.llm.provider.reader import ResponseReader
from chat.llm.provider.shapes import WrongApiError

MAX_BYTES = 8 * 2**20  # like one event of a stream
_SPACE = b"\xef\xbb\xbf \t\r\n"
_FINAL = ("completed", "incomplete", "failed")


def is_stream(start: bytes) -> bool:
    """Whether a body that starts like this can be an event stream. Content types cannot be trusted."""
    return start.lstrip(_SPACE)[:1] not in (b"{", b"[", b"<", b"\xff", b"\xfe", b"\x00")


def read(body: bytes, headers: Mapping[str, str], reader: ResponseReader) -> list[Event]:
    """The events of a whole body; the last one is terminal."""
    value = _json(body)
    if isinstance(value, dict) and isinstance(value.get("output"), list):
        status = value.get("status") if value.get("status") in _FINAL else _FINAL[0]
        event = json.dumps({"type": f"response.{status}", "response": value})
        return reader.feed(f"data: {event}\n\n".encode())
    return [_failure(value, headers, body)]


def _failure(value: Any, headers: Mapping[str, str], body: bytes) -> Failed:
    if isinstance(value, dict) and "choices" in value:
        return failures.failed(Code.WRONG_API, str(WrongApiError()), uncertain=True)
    errors = [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, dict)]
    if any(one.get("error") or one.get("detail") or "error" in (one.get("object"), one.get("type")) for one in errors):
        return failures.from_response(HTTPStatus.OK, headers, body)
    start = " ".join(body[:500].decode("utf-8", "replace").split())
    return failures.failed(Code.WRONG_API, f"HTTP 200: not an event stream: {start}", status=HTTPStatus.OK)


def _json(body: bytes) -> Any:
    try:
        return json.loads(body.lstrip(_SPACE))
    except (ValueError, RecursionError):
        return None
