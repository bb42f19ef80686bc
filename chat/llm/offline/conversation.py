"""A create request: checked as the real API checks it, and read as a conversation."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from chat.llm.offline.script import without_scripts

Metadata = dict[Annotated[str, msgspec.Meta(max_length=64)], Annotated[str, msgspec.Meta(max_length=512)]]


class ToolSpec(msgspec.Struct):
    type: str
    name: Annotated[str, msgspec.Meta(pattern=r"^[a-zA-Z0-9_-]{1,64}$")] = "unnamed"
    parameters: dict[str, Any] | None = None
    strict: bool | None = None
    description: str | None = None


class TextFormat(msgspec.Struct):
    type: str = "text"
    name: str = ""
    schema: dict[str, Any] | None = None


class TextOptions(msgspec.Struct):
    format: TextFormat = msgspec.field(default_factory=TextFormat)


class CreateRequest(msgspec.Struct, kw_only=True):
    """The fields of a create that the offline model heeds."""

    model: Annotated[str, msgspec.Meta(min_length=1)]
    input: str | list[dict[str, Any]]
    instructions: str | None = None
    stream: bool | None = None
    background: bool | None = None
    store: bool | None = None
    tools: list[ToolSpec] | None = None
    tool_choice: Any = "auto"
    max_output_tokens: Annotated[int, msgspec.Meta(ge=16)] | None = None
    metadata: Annotated[Metadata, msgspec.Meta(max_length=16)] | None = None
    text: TextOptions | None = None
    previous_response_id: str | None = None

    @property
    def output_schema(self) -> dict[str, Any] | None:
        """The schema that the answer has to satisfy, if it is a structured call."""
        return self.text.format.schema if self.text and self.text.format.type == "json_schema" else None


class Conversation(msgspec.Struct, frozen=True):
    """What the repertoire looks at."""

    user_messages: tuple[str, ...]  # without their scripts
    raw_last: str  # the last one, with them
    outputs: tuple[tuple[str, str], ...]  # tool and its output, since the last user message
    offered: tuple[str, ...]  # names of tools

    @property
    def last(self) -> str:
        return self.user_messages[-1] if self.user_messages else ""


class InvalidRequestError(ValueError):
    """The request is refused with 400; `param` names the field."""

    def __init__(self, message: str, param: str = "") -> None:
        super().__init__(message)
        self.param = param


def parsed_request(body: bytes) -> CreateRequest:
    """Decode and check a create. Raises InvalidRequestError."""
    try:
        request = msgspec.json.decode(body, type=CreateRequest)
    except msgspec.ValidationError as error:
        raise InvalidRequestError(f"Invalid value: {error}", _field(str(error))) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidRequestError(f"We could not parse the JSON body of your request: {error}") from None
    if request.previous_response_id:
        raise InvalidRequestError("The offline model keeps no conversations.", "previous_response_id")
    if request.background and request.store is False:
        raise InvalidRequestError("Background mode requires store to be true.", "background")
    for tool in request.tools or []:
        _check_tool(tool)
    return request


def conversation_of(request: CreateRequest) -> Conversation:
    """Read the input. Raises InvalidRequestError for items that the real API refuses."""
    items = request.input if isinstance(request.input, list) else [{"role": "user", "content": request.input}]
    users: list[str] = []
    calls: dict[str, str] = {}  # those without an output so far
    outputs: list[tuple[str, str]] = []
    for item in items:
        match item.get("type", "message"):
            case "message":
                text = _text_of(item)
                if item["role"] == "user":
                    users.append(text)
                    outputs = []
            case "function_call":
                calls[str(item.get("call_id"))] = str(item.get("name"))
            case "function_call_output":
                outputs.append(_output_of(item, calls))
            case other if other not in ("reasoning", "item_reference"):
                raise InvalidRequestError(f"Invalid value: {other!r} is not a type of an item.", "input")
    if calls:
        raise InvalidRequestError(f"No tool output found for function call {min(calls)}.", "input")
    return Conversation(
        user_messages=tuple(without_scripts(text) for text in users),
        raw_last=users[-1] if users else "",
        outputs=tuple(outputs),
        offered=() if request.tool_choice == "none" else tuple(tool.name for tool in request.tools or []),
    )


def _output_of(item: dict[str, Any], calls: dict[str, str]) -> tuple[str, str]:
    call_id = str(item.get("call_id"))
    if call_id not in calls:
        raise InvalidRequestError(f"No tool call found for function call output with call_id {call_id}.", "input")
    return calls.pop(call_id), str(item.get("output"))


def _text_of(item: dict[str, Any]) -> str:
    if item.get("role") not in ("user", "assistant", "system", "developer"):
        raise InvalidRequestError(f"Invalid value: {item.get('role')!r} is not a role.", "input")
    content = item.get("content")
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        raise InvalidRequestError("Invalid type for content: a string or a list of parts is needed.", "input")
    return "".join(str(part.get("text", "")) for part in content if isinstance(part, dict))


def _check_tool(tool: ToolSpec) -> None:
    """The real API refuses a strict function whose schema leaves something open."""
    if tool.type != "function" or not tool.strict:
        return
    schema = tool.parameters or {}
    properties = schema.get("properties", {})
    if schema.get("additionalProperties") is not False or set(schema.get("required", [])) != set(properties):
        raise InvalidRequestError(
            f"Invalid schema for function '{tool.name}': strict needs additionalProperties false and all required.",
            "tools",
        )


def _field(message: str) -> str:
    return message.partition("`$.")[2].partition("`")[0]
