"""Oddities of servers in the events of a stream: the values of the `odd` word.

Each was observed on a server, or reported by its users.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from typing import Any

import msgspec

from chat.devservices.offline_model import shapes

Event = dict[str, Any]

_PLACES = ("output_index", "content_index", "summary_index", "item_id")
_ENDS = ("response.completed", "response.incomplete")
_ARGUMENTS = "response.function_call_arguments"


def _without(*names: str) -> Callable[[Event], Event]:
    return lambda event: {name: value for name, value in event.items() if name not in names}


def _with(**fields: Any) -> Callable[[Event], Event]:
    return lambda event: {**event, **{name: value for name, value in fields.items() if name in event}}


def _no(*kinds: str) -> Callable[[Event], Event | None]:
    return lambda event: None if event["type"] in kinds else event


def _in_end(**fields: Any) -> Callable[[Event], Event]:
    return lambda event: (
        {**event, "response": {**event["response"], **fields}} if event["type"] in _ENDS else event
    )  # fmt: skip


def _floating_usage(event: Event) -> Event:
    usage = event.get("response", {}).get("usage") or {}
    numbers = {name: float(value) for name, value in usage.items() if isinstance(value, int)}
    return {**event, "response": {**event["response"], "usage": numbers}} if numbers else event


def _no_item_done(event: Event) -> Event | None:
    is_calls = event["type"] == "response.output_item.done" and event["item"]["type"] == "function_call"
    return None if is_calls else event


def _object_arguments(event: Event) -> Event:
    if event["type"] == "response.output_item.done" and event["item"]["type"] == "function_call":
        return {**event, "item": {**event["item"], "arguments": json.loads(event["item"]["arguments"])}}
    return event


def _null_code(event: Event) -> Event:
    return {**event, "error": {**event["error"], "code": None}} if event["type"] == "error" else event


EVENTS: dict[str, Callable[[Event], Event | None]] = {
    "nonumbers": _without("sequence_number"),
    "zeronumbers": _with(sequence_number=0),
    "nullnumbers": _with(sequence_number=None),
    "noplaces": _without(*_PLACES),
    "nulllogprobs": _with(logprobs=None),
    "nocreated": _no("response.created", "response.in_progress"),
    "noadded": _no("response.output_item.added", "response.content_part.added"),
    "emptyoutput": _in_end(output=[]),
    "nulloutput": _in_end(output=None),
    "nullmodel": _in_end(model=None),
    "nullstatus": _in_end(status=None),
    "floatusage": _floating_usage,
    "noargumentdeltas": _no(f"{_ARGUMENTS}.delta"),
    "noargumentdone": _no(f"{_ARGUMENTS}.done"),
    "noitemdone": _no_item_done,
    "objectarguments": _object_arguments,
    "nullcode": _null_code,
}
# Events that come before the first one that carries text or a call.
INSERTED: dict[str, Event] = {
    "nulldelta": {"type": "response.output_text.delta", "delta": None},
    "nullitem": {"type": "response.output_item.added", "output_index": 0, "item": None},
    "nullresponse": {"type": "response.in_progress", "response": None},
    "vendor": {"type": "vendor:progress", "percent": 50},
}
BYTES: dict[str, Callable[[bytes], bytes]] = {
    "crlf": lambda data: data.replace(b"\n", b"\r\n"),
    "cr": lambda data: data.replace(b"\n", b"\r"),
    "nospace": lambda data: data.replace(b"\ndata: ", b"\ndata:", 1),
    "nonames": lambda data: data[data.index(b"data: ") :],
    "onlynames": lambda data: data.replace(b'"type":', b'"kind":', 1),
    "fields": lambda data: b"id: 1\nretry: 100\n: comment\n" + data,
}
FIRST: dict[str, Callable[[bytes], bytes]] = {"bom": lambda data: b"\xef\xbb\xbf" + data}
LAST: dict[str, Callable[[bytes], bytes]] = {
    "noblank": lambda data: data.rstrip(b"\n"),
    "done": lambda data: data + b"data: [DONE]\n\n",
}
# The answer as a whole is something else: see `whole`.
WHOLE = ("json", "errorjson", "chat", "gzip")
NAMES = frozenset((*EVENTS, *INSERTED, *BYTES, *FIRST, *LAST, *WHOLE))


def strange(name: str, data: bytes, *, number: int, is_last: bool) -> bytes:
    """The frame with this number as a server with that oddity sends it; nothing if it leaves the event out."""
    if name in EVENTS:
        event = EVENTS[name](msgspec.json.decode(data[data.index(b"data: ") + len(b"data: ") :]))
        return b"" if event is None else shapes.frame(event)
    if name in INSERTED and number == 1:
        return data + shapes.frame(INSERTED[name])
    change = BYTES.get(name) or (FIRST.get(name) if number == 0 else None) or (LAST.get(name) if is_last else None)
    return change(data) if change else data


def whole(name: str, response: dict[str, Any], stream: bytes) -> tuple[bytes, dict[str, str]]:
    """The body of an answer that is odd as a whole, and its headers. The client asked for a stream."""
    match name:
        case "json":  # not streamed
            return shapes.encoded(response), {"content-type": "application/json"}
        case "errorjson":  # an error with status 200
            return b'{"error":{"message":"No capacity","code":503}}', {"content-type": "application/json"}
        case "chat":  # Chat Completions, as at a wrong address
            chunk = {"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"content": "Hello"}}]}
            return b"data: %b\n\ndata: [DONE]\n\n" % shapes.encoded(chunk), {}
        case _:
            return gzip.compress(stream), {"content-encoding": "gzip"}
