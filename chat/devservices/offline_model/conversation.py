"""The input of a create, read as a conversation."""

from __future__ import annotations

from typing import Any

import msgspec

from chat.devservices.offline_model.create import CreateRequest, InvalidRequestError
from chat.devservices.offline_model.script import without_scripts


class Call(msgspec.Struct, frozen=True):
    """A tool call."""

    name: str
    arguments: str = "{}"


class Output(msgspec.Struct, frozen=True):
    """A tool call and its output."""

    call: Call
    text: str


class Conversation(msgspec.Struct, frozen=True):
    """The parts of a conversation that the repertoire answers."""

    user_messages: tuple[str, ...]  # without their scripts
    raw_last: str  # the last one, with them
    outputs: tuple[Output, ...]  # since the last user message
    offered: dict[str, dict[str, Any]]  # tools that may be called: the schemas of their parameters, by name

    @property
    def last(self) -> str:
        return self.user_messages[-1] if self.user_messages else ""


def conversation_of(request: CreateRequest) -> Conversation:
    """Read the input. Raises InvalidRequestError for items that the real API refuses."""
    items = request.input if isinstance(request.input, list) else [{"role": "user", "content": request.input}]
    users: list[str] = []
    calls: dict[str, Call] = {}  # those without an output so far
    outputs: list[Output] = []
    for item in items:
        match item.get("type", "message"):
            case "message":
                texts = _texts_of(item)
                if item["role"] == "user":
                    users += texts
                    outputs = []
            case "function_call":
                calls[str(item.get("call_id"))] = Call(str(item.get("name")), str(item.get("arguments")))
            case "function_call_output":
                outputs.append(_output_of(item, calls))
            case other if other not in ("reasoning", "item_reference"):
                raise InvalidRequestError(f"Invalid value: {other!r} is not a type of an item.", "input")
    if calls:
        raise InvalidRequestError(f"No tool output found for function call {min(calls)}.", "input")
    tools = [] if request.tool_choice == "none" else request.tools or []
    return Conversation(
        user_messages=tuple(without_scripts(text) for text in users),
        raw_last=users[-1] if users else "",
        outputs=tuple(outputs),
        offered={tool.name: tool.parameters or {} for tool in tools},
    )


def _output_of(item: dict[str, Any], calls: dict[str, Call]) -> Output:
    call_id = str(item.get("call_id"))
    if call_id not in calls:
        raise InvalidRequestError(f"No tool call found for function call output with call_id {call_id}.", "input")
    return Output(calls.pop(call_id), str(item.get("output")))


def _texts_of(item: dict[str, Any]) -> list[str]:
    """What is said, part by part: some clients send what a user wrote in a row as one message."""
    if item.get("role") not in ("user", "assistant", "system", "developer"):
        raise InvalidRequestError(f"Invalid value: {item.get('role')!r} is not a role.", "input")
    content = item.get("content")
    if isinstance(content, str):
        return [content]
    if not isinstance(content, list):
        raise InvalidRequestError("Invalid type for content: a string or a list of parts is needed.", "input")
    return [str(part["text"]) for part in content if isinstance(part, dict) and "text" in part]
