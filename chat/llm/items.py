"""Input items of the Responses API, in the form that the strictest server accepts."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from hashlib import sha256
from typing import Any, NamedTuple

from chat.text import fitting

InputItem = dict[str, Any]  # an item of a request's `input`, in the format of the Responses API

MAX_CALL_ID = 64  # characters: OpenAI and the Open Responses specification refuse longer ones
QUOTED_CHARACTERS = 500  # of the model's own text that a note quotes
NO_OUTPUT = "(no output)"  # some servers refuse an empty output
ENCRYPTED_GROWTH = 3  # tokens of base64 per token of the text inside
NO_RESULT = "The tool was interrupted and has no result."
TEXT_PARTS = ("input_text", "output_text", "text", "refusal")
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_-]")


class _Called(NamedTuple):
    """A tool call as it is sent, and what its model is told about it."""

    call_id: str
    note: str


def message_item(role: str, *texts: str) -> InputItem:
    """One message; each text is a part of it."""
    return _message({"role": role, "content": list(texts)})


def call_item(call_id: str, name: str, arguments: str) -> InputItem:
    """A tool call as the model wrote it."""
    return {"type": "function_call", "call_id": call_id, "name": name, "arguments": arguments}


def output_item(call_id: str, output: str) -> InputItem:
    """The result of a tool call."""
    return {"type": "function_call_output", "call_id": call_id, "output": output}


def tool_items(calls: Iterable[tuple[str, str, str, str]]) -> tuple[InputItem, ...]:
    """Tool calls (id, name, arguments, output) as input items: all calls, then all outputs."""
    told = list(calls)
    called = [call_item(call_id, name, arguments) for call_id, name, arguments, _ in told]
    return sendable([*called, *(output_item(call_id, output) for call_id, _, _, output in told)])


def readable(items: Iterable[InputItem]) -> list[InputItem]:
    """The items without encrypted content, which only their provider can read."""
    return [{name: value for name, value in item.items() if name != "encrypted_content"} for item in items]


def sendable(items: Iterable[InputItem]) -> tuple[InputItem, ...]:
    """The items in a form that every server accepts, whatever they contain.

    Each has its type; messages have a role and parts, and no blank ones are sent; tool calls have arguments that are a
    JSON object, an allowed name, an id of their own and an output; and reasoning stands before what followed it.
    """
    formed = [_message(item) if (item.get("type") or "message") == "message" else item for item in items]
    kept = [item for item in formed if item.get("type") != "message" or not _is_blank(item)]
    return tuple(_with_own_ids(_without_loose_reasoning(_paired(kept or formed[-1:]))))


def text_of(item: InputItem) -> str:
    """What the model reads of an item; of encrypted reasoning, text that has about as many tokens."""
    content = item.get("content") or item.get("output") or item.get("arguments") or ""
    if not content and (encrypted := item.get("encrypted_content")):
        return str(encrypted)[: len(encrypted) // ENCRYPTED_GROWTH]
    if isinstance(content, str):
        return content
    return "\n".join(str(part.get("text") or part.get("refusal") or "") for part in content if isinstance(part, dict))


def _message(item: InputItem) -> InputItem:
    """A message with its type and its parts.

    Those of an assistant have all that an output has: some servers refuse a string there, others parts without
    annotations in a message without an id and a status.
    """
    role, content = item.get("role"), item.get("content")
    parts = [_part(part, role) for part in (content if isinstance(content, list) else [content or ""])]
    whole = {"type": "message", "role": role, "content": [part for part in parts if part.get("text") != ""] or parts}
    if role != "assistant":
        return whole
    phase = {"phase": item["phase"]} if item.get("phase") else {}
    # The provider's own id is not sent: it would ask for the reasoning that came before it.
    digest = sha256("".join(str(part.get("text")) for part in parts).encode(errors="replace")).hexdigest()
    return {**whole, "id": f"msg_{digest[:32]}", "status": "completed", **phase}


def _part(part: Any, role: Any) -> dict[str, Any]:
    if isinstance(part, dict) and part.get("type") not in TEXT_PARTS:
        return part
    text = part if not isinstance(part, dict) else part.get("text") or part.get("refusal") or ""
    if role == "assistant":
        return {"type": "output_text", "text": str(text), "annotations": []}
    return {"type": "input_text", "text": str(text)}


def _is_blank(item: InputItem) -> bool:
    return not any(part.get("type") not in TEXT_PARTS or part["text"].strip() for part in item["content"])


def _paired(items: list[InputItem]) -> list[InputItem]:
    """Every call with its output behind it, and every output with its call before it."""
    sent: list[InputItem] = []
    waiting: dict[str, list[_Called]] = {}  # calls without an output so far, by their given id
    taken: set[str] = set()
    for item in items:
        match item.get("type"):
            case "function_call":
                call, called = _call(item, taken)
                waiting.setdefault(str(item.get("call_id")), []).append(called)
                sent.append(call)
            case "function_call_output":
                if calls := waiting.get(str(item.get("call_id"))):
                    sent.append(_output(calls.pop(0), item.get("output")))
            case _:
                sent.append(item)
    left = {called.call_id: called for calls in waiting.values() for called in calls}
    return list(_completed(sent, left)) if left else sent


def _completed(items: list[InputItem], left: dict[str, _Called]) -> Iterator[InputItem]:
    """The items with outputs for the calls that have none, behind the group of calls that they are in."""
    due: list[_Called] = []
    for item in items:
        if item.get("type") not in ("function_call", "function_call_output"):
            yield from (_output(called, NO_RESULT) for called in due)
            due = []
        yield item
        if item.get("type") == "function_call" and item["call_id"] in left:
            due.append(left[item["call_id"]])
    yield from (_output(called, NO_RESULT) for called in due)


def _call(item: InputItem, taken: set[str]) -> tuple[InputItem, _Called]:
    call_id = _unused(fitting(str(item.get("call_id") or "call"), MAX_CALL_ID), taken)
    written, name = str(item.get("arguments") or ""), str(item.get("name") or "")
    arguments = written if _is_object(written) else "{}"
    allowed = _NOT_IN_NAMES.sub("_", name)[:64] or "unnamed"
    note = ""
    if allowed != name or (arguments != written and written.strip()):
        note = f'You called "{name[:QUOTED_CHARACTERS]}" with the arguments {written[:QUOTED_CHARACTERS]}\n'
    call = {"type": "function_call", "call_id": call_id, "name": allowed, "arguments": arguments}
    return call, _Called(call_id, note)


def _output(called: _Called, given: Any) -> InputItem:
    output: Any = given
    if isinstance(given, list) and given and all(isinstance(part, dict) for part in given):
        output = [{"type": "input_text", "text": called.note}, *given] if called.note else given
    else:
        text = given if isinstance(given, str) else "" if given is None else json.dumps(given, ensure_ascii=False)
        output = f"{called.note}{text if text.strip() else NO_OUTPUT}"
    return {"type": "function_call_output", "call_id": called.call_id, "output": output}


def _unused(wanted: str, taken: set[str]) -> str:
    name, number = wanted, 1
    while name in taken:
        number += 1
        name = f"{wanted[: MAX_CALL_ID - 5]}_{number}"
    taken.add(name)
    return name


def _is_object(text: str) -> bool:
    """Whether it is a JSON object that every parser takes: no NaN, and no half of a surrogate pair."""
    try:
        value = json.loads(text, parse_constant=_refuse)
        json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError):  # UnicodeEncodeError is a ValueError
        return False
    return isinstance(value, dict)


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def _without_loose_reasoning(items: list[InputItem]) -> list[InputItem]:
    """The items without reasoning that nothing of the model follows, which OpenAI refuses."""
    kept: list[InputItem] = []
    for item in reversed(items):
        following = kept[-1] if kept else {}
        is_models = following.get("role") == "assistant" or following.get("type") in ("function_call", "reasoning")
        if item.get("type") != "reasoning" or is_models:
            kept.append(item)
    return kept[::-1]


def _with_own_ids(items: list[InputItem]) -> Iterator[InputItem]:
    """The items with different ids for messages of the same text: OpenAI refuses an id that comes twice."""
    seen: dict[str, int] = {}
    for item in items:
        if item.get("type") == "message" and (identifier := item.get("id")):
            seen[identifier] = number = seen.get(identifier, 0) + 1
            yield {**item, "id": f"{identifier}_{number}"} if number > 1 else item
        else:
            yield item
