"""A create request, checked as the real API checks it."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

import msgspec

from chat.devservices.offline_model.strict import lack_of

Metadata = dict[Annotated[str, msgspec.Meta(max_length=64)], Annotated[str, msgspec.Meta(max_length=512)]]
_UNUSED = """conversation frequency_penalty max_tool_calls parallel_tool_calls presence_penalty prompt
prompt_cache_options prompt_cache_retention safety_identifier service_tier stream_options temperature top_logprobs
top_p truncation user"""
_NAME = r"^[a-zA-Z0-9_-]{1,64}$"
_REASONING_MODEL = re.compile(r"gpt-[5-9]|o\d")


class ToolSpec(msgspec.Struct):
    type: str
    name: Annotated[str, msgspec.Meta(pattern=_NAME)] = "unnamed"
    parameters: dict[str, Any] | None = None
    strict: bool | None = None
    description: str | None = None


class TextFormat(msgspec.Struct):
    type: str = "text"
    name: str | None = None
    schema: dict[str, Any] | None = None
    strict: bool | None = None


class TextOptions(msgspec.Struct):
    format: TextFormat = msgspec.field(default_factory=TextFormat)


class Reasoning(msgspec.Struct):
    effort: Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"] | None = None
    summary: Literal["auto", "concise", "detailed"] | None = None


class CreateRequest(msgspec.Struct, kw_only=True):
    """The fields of a create that the offline model uses."""

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
    reasoning: Reasoning | None = None
    previous_response_id: str | None = None
    prompt_cache_key: Annotated[str, msgspec.Meta(max_length=64)] | None = None
    include: list[str] | None = None

    @property
    def output_schema(self) -> dict[str, Any] | None:
        """The schema that the answer has to satisfy, if it is a structured call."""
        return self.text.format.schema if self.text and self.text.format.type == "json_schema" else None


class InvalidRequestError(ValueError):
    """The request is refused with 400; `param` names the field."""

    def __init__(self, message: str, param: str | None = None, code: str = "invalid_value") -> None:
        super().__init__(message)
        self.param = param
        self.code = code


def input_items(request: CreateRequest) -> list[dict[str, Any]]:
    """The input as a list of items."""
    if isinstance(request.input, list):
        return request.input
    return [{"type": "message", "role": "user", "content": request.input}]


def parsed_request(body: bytes) -> CreateRequest:
    """Decode and check a create. Raises InvalidRequestError."""
    try:
        request = msgspec.json.decode(body, type=CreateRequest)
    except msgspec.ValidationError as error:
        raise InvalidRequestError(f"Invalid value: {error}", _field(str(error))) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidRequestError(f"We could not parse the JSON body of your request: {error}") from None
    if request.background and request.store is False:
        raise InvalidRequestError("Background mode requires store to be true.", "background")
    for tool in request.tools or []:
        _check_tool(tool)
    if request.text:
        _check_format(request.text.format)
    if not _REASONING_MODEL.match(request.model):
        refuse_reasoning(request)
    return request


def check_parameters(body: dict[str, Any]) -> None:
    """Raise InvalidRequestError for an unknown parameter, or an empty one."""
    for name in body:
        if name not in _UNUSED.split() and name not in CreateRequest.__struct_fields__:
            raise InvalidRequestError(f"Unknown parameter: '{name}'.", name, "unknown_parameter")
    for name in ("instructions", "tools", "include", "prompt_cache_key"):
        if name in body and body[name] in ("", [], {}):
            raise InvalidRequestError(f"Invalid '{name}': it is empty.", name, "empty_value")


def refuse_reasoning(request: CreateRequest) -> None:
    """Raise InvalidRequestError if the request sets anything about reasoning."""
    for name, value in msgspec.to_builtins(request.reasoning or {}).items():
        if value is not None:
            param = f"reasoning.{name}"
            message = f"Unsupported parameter: '{param}' is not supported with this model."
            raise InvalidRequestError(message, param, "unsupported_parameter")


def _check_tool(tool: ToolSpec) -> None:
    """Raise InvalidRequestError for a strict function whose schema isn't strict, as the real API does."""
    if tool.type == "function" and tool.strict and (lack := lack_of(tool.parameters or {})):
        message = f"Invalid schema for function '{tool.name}': {lack}"
        raise InvalidRequestError(message, "tools", "invalid_function_parameters")


def _check_format(text_format: TextFormat) -> None:
    if text_format.type != "json_schema":
        return
    for name in ("name", "schema"):
        if getattr(text_format, name) is None:
            param = f"text.format.{name}"
            raise InvalidRequestError(f"Missing required parameter: '{param}'.", param, "missing_required_parameter")
    if not re.fullmatch(_NAME, text_format.name or ""):
        message = f"Invalid 'text.format.name': {text_format.name!r} does not match the pattern '{_NAME}'."
        raise InvalidRequestError(message, "text.format.name")
    if text_format.strict and (lack := lack_of(text_format.schema or {})):
        message = f"Invalid schema for response_format '{text_format.name}': {lack}"
        raise InvalidRequestError(message, "text.format.schema", "invalid_json_schema")


def _field(message: str) -> str:
    return message.partition("`$.")[2].partition("`")[0]
