"""What an error body says: the codes, sentences, parameters and numbers of any JSON, plain text or HTML page."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator, Mapping
from email.message import Message
from html import unescape
from typing import Any

import msgspec

from chat.text import storable

MAX_DEPTH = 8
MAX_VALUES = 500
MAX_TEXT = 8000
CODE_KEYS = {"code", "type", "status", "reason", "error_type", "error_code", "errorcode", "statuscode", "status_code"}
TEXT_KEYS = {"message", "msg", "detail", "details", "error", "errors", "title", "description", "raw", "reasons", "body"}
PARAMETER_KEYS = {"param", "loc", "field", "parameter"}
QUOTED_KEYS = {"input", "flagged_input", "ctx", "url", "messages", "prompt", "headers"}  # they repeat the request
# Codes inside of sentences: `litellm.RateLimitError: …`, and the text of another server's JSON.
CODE_WORDS = re.compile(r"\b(?:[a-z][a-z0-9]*(?:_[a-z0-9]+)+|[A-Z][a-z]+(?:[A-Z][a-z]+)+|[A-Z]+(?:_[A-Z]+)+)\b")
PAGE = re.compile(r"\s*(?:<!doctype|<html|<head|<\?xml|<title|<center|<h1)", re.IGNORECASE)
TITLE = re.compile(r"<title[^>]{0,300}>(.{1,300}?)</title|<h1[^>]{0,300}>(.{1,300}?)</h1", re.IGNORECASE | re.DOTALL)
WAIT = re.compile(r"(?:try again in|retry in|wait|retry after)\s+(?:(\d+)m)?(\d+(?:\.\d+)?)\s*(ms|s|m)?")
UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0}


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that an error body says. `text` is in lower case, `codes` are normalized by `code_word`."""

    text: str = ""
    codes: frozenset[str] = frozenset()
    parameters: tuple[str, ...] = ()
    status: int | None = None  # an HTTP status in the body: gateways repeat the status of the server behind them
    context: int | None = None  # tokens that fit, as a field of its own
    prompt: int | None = None  # tokens that were sent
    retry_after_seconds: float | None = None
    is_page: bool = False  # an HTML page: it is a proxy's, and its words do not count
    readable: str = ""  # for the log


def code_word(code: str) -> str:
    """A code in one spelling: `RateLimitError`, `rate_limit_error` and `rate-limit` become `ratelimit`."""
    return re.sub(r"[^a-z0-9]", "", code.lower()).removesuffix("error").removesuffix("exception")


def of_bytes(body: bytes, content_type: str = "") -> Told:
    """Reads the body of an HTTP response in whichever encoding it has."""
    text = _decoded(body, content_type).strip()
    if PAGE.match(text):
        title = TITLE.search(text)
        words = " ".join(unescape((title[1] or title[2]) if title else text[:200]).split())
        return Told(is_page=True, readable=f"an HTML page: {words}")
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = text
    return msgspec.structs.replace(of_value(value), readable=text)


def of_value(value: object) -> Told:
    """Reads a decoded body, or the error of an event."""
    reading = _Reading()
    reading.take(value)
    text = storable(" | ".join(reading.texts)[:MAX_TEXT])
    codes = {code_word(code) for code in (*reading.codes, *CODE_WORDS.findall(text))}
    lowered = text.lower()
    return Told(
        text=lowered,
        codes=frozenset(codes),
        parameters=tuple(reading.parameters),
        status=reading.status,
        context=reading.numbers.get("n_ctx"),
        prompt=reading.numbers.get("n_prompt_tokens"),
        retry_after_seconds=reading.retry_after_seconds or _wait(lowered),
        readable=_readable(value),
    )


def _readable(value: object) -> str:
    try:
        return str(value)
    except RecursionError:
        return "an error that is nested too deeply to be shown"


class _Reading:
    """One walk through a body. Depth and number of values are bounded, since a server may send anything."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.codes: list[str] = []
        self.parameters: list[str] = []
        self.numbers: dict[str, int] = {}
        self.status: int | None = None
        self.retry_after_seconds: float | None = None
        self._left = MAX_VALUES

    def take(self, value: object, key: str = "error", depth: int = 0) -> None:
        self._left -= 1
        if self._left < 0 or depth > MAX_DEPTH:
            return
        match value:
            case Mapping():
                for name, part in value.items():
                    if str(name).lower() not in QUOTED_KEYS:
                        self.take(part, str(name).lower(), depth + 1)
            case list() | tuple() if key in PARAMETER_KEYS:
                self.parameters.append(".".join(str(step) for step in value if step != "body").lower())
            case list() | tuple():
                for part in value:
                    self.take(part, key, depth + 1)
            case str():
                self._take_text(value, key, depth)
            case int() if not isinstance(value, bool):
                self._take_number(value, key)

    def _take_text(self, text: str, key: str, depth: int) -> None:
        if key in CODE_KEYS:
            self.codes.append(text)
            if text.isdecimal():
                self._take_number(int(text[:9]), key)
        elif key in PARAMETER_KEYS:
            self.parameters.append(text.lower())
        elif key == "retrydelay":
            self.retry_after_seconds = _wait(f"wait {text}")
        elif key in TEXT_KEYS:
            inner = _json_in(text)
            if inner is None:
                self.texts.append(text)
            else:
                self.take(inner, key, depth + 1)
        if key == "code" and " " in text:  # xAI: the code is a sentence
            self.texts.append(text)

    def _take_number(self, number: int, key: str) -> None:
        if key in CODE_KEYS and 400 <= number < 600:  # noqa: PLR2004 - HTTP statuses of errors
            self.status = self.status or number
        elif number > 0:
            self.numbers.setdefault(key, number)


def _json_in(text: str) -> Any:
    """JSON of another server in a string: gateways wrap it."""
    if not text.lstrip().startswith(("{", "[")):
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _wait(text: str) -> float | None:
    found = WAIT.search(text)
    if not found:
        return None
    return float(found[1] or 0) * 60 + float(found[2]) * UNITS[found[3] or "s"]


def _decoded(body: bytes, content_type: str) -> str:
    for encoding in _encodings(body, content_type):
        try:
            return body.decode(encoding).lstrip("\ufeff")
        except (LookupError, UnicodeDecodeError):
            continue
    return body.decode("utf-8", "replace")


def _encodings(body: bytes, content_type: str) -> Iterator[str]:
    if body.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        yield "utf-16"
    header = Message()
    header["content-type"] = content_type
    if named := header.get_content_charset():
        yield named
    if b"\x00" in body[:4]:  # text begins with ASCII: UTF-16 or UTF-32 without a mark
        yield json.detect_encoding(body)
    yield "utf-8"
    yield "latin-1"
