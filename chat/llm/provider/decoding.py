"""Decoding the data of an event: what is missing, null or of another type than the API promises counts as absent."""

from __future__ import annotations

import json
import math
from contextlib import suppress
from typing import Any, TypeVar

import msgspec

from chat.llm.events import RefusalDelta, TextDelta
from chat.llm.provider import sse
from chat.llm.provider.shapes import TYPES, ErrorEvent, Ignored, Known, MalformedEventError, WrongApiError, string
from chat.text import storable, storable_json

S = TypeVar("S", bound=msgspec.Struct)

_decode = msgspec.json.Decoder(Known).decode
_TEXT = (TextDelta, RefusalDelta)
_NUL = b"\\u0000"


class EventDecoder:
    """Decodes the events of one response, and makes all of their text storable.

    No other code of the stream has to. A surrogate pair that is split between two pieces of text is joined.
    """

    def __init__(self) -> None:
        self._half = ""

    def decode(self, data: bytes, event: bytes = b"") -> Known:
        """`event` has the data's name, for servers that send no type. Raises MalformedEventError, WrongApiError."""
        if self._half or _NUL in data:
            return self._decode_leniently(data, event)
        try:
            known: Known = _decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return self._decode_leniently(data, event)
        return known

    def flush(self) -> str:
        """The rest at the end of the text: U+FFFD for a half whose other half never came."""
        text, self._half = storable(self._half), ""
        return text

    def _decode_leniently(self, data: bytes, event: bytes) -> Known:
        """Decode unknown types, wrong types, lone surrogates and broken UTF-8, which msgspec refuses."""
        try:
            body = parsed_object(data)
            return self._known(body, string(body.get("type")) or sse.name(event))
        except (ValueError, RecursionError) as error:
            if sse.name(event) == "error":
                return ErrorEvent(message=storable(data.decode("utf-8", "replace")))
            raise MalformedEventError(f"{error}: {data[:200]!r}") from None

    def _known(self, body: dict[str, Any], kind: str) -> Known:
        shape = TYPES.get(kind)
        if str(body.get("object")).startswith("chat.completion") or ("choices" in body and not kind):
            raise WrongApiError
        if shape is ErrorEvent or (shape is None and _is_error(body, kind)):
            return ErrorEvent(error=storable_json(body))
        if shape is None:
            return Ignored()
        if shape in _TEXT:
            body["delta"] = self._joined(body.get("delta"))
        known: Known = converted(storable_json(body), shape)
        return known

    def _joined(self, piece: Any) -> str:
        text = self._half + string(piece)
        self._half = text[-1] if text and "\ud800" <= text[-1] <= "\udbff" else ""
        return text[:-1] if self._half else text


def parsed_object(data: bytes) -> dict[str, Any]:
    """A JSON object as servers write it, also with what JSON does not allow; what cannot be stored as JSON is null.

    Raises ValueError, RecursionError.
    """
    text = data.decode("utf-8", "replace")
    body = json.JSONDecoder(strict=False, parse_constant=_null, parse_float=_finite).decode(text)
    if not isinstance(body, dict):
        raise ValueError("not an object")  # noqa: TRY004 - like JSON that cannot be parsed
    return body


def converted(body: dict[str, Any], shape: type[S]) -> S:
    """The shape with every field that has the right type."""
    given: dict[str, Any] = {}
    for field in msgspec.structs.fields(shape):
        value = body.get(field.encode_name)
        if isinstance(field.type, type) and issubclass(field.type, msgspec.Struct):
            if isinstance(value, dict):
                given[field.name] = converted(value, field.type)
        elif value is not None:
            with suppress(msgspec.ValidationError):
                given[field.name] = msgspec.convert(value, field.type)
    return shape(**given)


def _is_error(body: dict[str, Any], kind: str) -> bool:
    """Whether an event of unknown type is an error; each condition is one or more servers' (observed 2026-11-29)."""
    told = any(body.get(name) for name in ("error", "errors", "detail")) or ("message" in body and "code" in body)
    return body.get("object") == "error" or kind.lower().endswith("error") or (told and not kind)


def _null(_: str) -> None:
    return None


def _finite(digits: str) -> float | None:
    number = float(digits)
    return number if math.isfinite(number) else None
