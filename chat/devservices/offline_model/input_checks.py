"""What strict servers refuse in the input of a create, each check in the words of a server that makes it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from chat.devservices.offline_model.create import InvalidRequestError

Item = dict[str, Any]

MAX_CALL_ID = 64
TYPES = ("message", "function_call", "function_call_output", "reasoning", "item_reference")
INPUT_PARTS = ("input_text", "input_image", "input_file")
OUTPUT_PARTS = ("output_text", "refusal")
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")


def check_types(items: list[Item]) -> None:
    """Azure; llama.cpp can't tell an answer without a type from a call either."""
    for place, item in enumerate(items):
        if item.get("type") not in TYPES:
            supported = ", ".join(f"'{name}'" for name in TYPES)
            message = f"Invalid value: '{item.get('type') or ''}'. Supported values are: {supported}."
            raise InvalidRequestError(message, f"input[{place}]")


def check_parts(items: list[Item]) -> None:
    """OpenAI: what a part is called depends on its role."""
    for place, item in _messages(items):
        allowed = OUTPUT_PARTS if item.get("role") == "assistant" else INPUT_PARTS
        for index, part in enumerate(_parts(item)):
            kind = part.get("type") if isinstance(part, dict) else part
            if kind not in allowed:
                names = " and ".join(f"'{name}'" for name in allowed)
                message = f"Invalid value: '{kind}'. Supported values are: {names}."
                raise InvalidRequestError(message, f"input[{place}].content[{index}]")


def check_answers(items: list[Item]) -> None:
    """VLLM, OpenRouter and gateways with a schema: an answer comes back as a whole output item."""
    for place, item in _messages(items):
        if item.get("role") != "assistant":
            continue
        if isinstance(item.get("content"), str):  # vLLM read each character as a part
            raise InvalidRequestError("Input should be a valid list", f"input[{place}].content", "validation_error")
        for name in ("id", "status"):
            if not item.get(name):
                raise InvalidRequestError(f"Required property '{name}' is missing", f"input[{place}].{name}")
        for index, part in enumerate(_parts(item)):
            if part.get("type") == "output_text" and "annotations" not in part:
                param = f"input[{place}].content[{index}].annotations"
                raise InvalidRequestError("Required property 'annotations' is missing", param, "invalid_payload")


def check_words(items: list[Item]) -> None:
    """Anthropic behind a gateway, and the templates of Mistral: no message is blank."""
    for place, item in _messages(items):
        texts = [part.get("text", "an image") for part in _parts(item)] or [item.get("content") or ""]
        if not any(str(text).strip() for text in texts):
            raise InvalidRequestError("text content blocks must contain non-whitespace text", f"input[{place}].content")


def check_arguments(items: list[Item]) -> None:
    """VLLM and llama.cpp parse them for the model's template."""
    for place, item in enumerate(items):
        if item.get("type") != "function_call":
            continue
        try:
            arguments = json.loads(item.get("arguments") or "")
        except (ValueError, RecursionError, TypeError) as error:
            raise InvalidRequestError(str(error), f"input[{place}].arguments") from None
        if not isinstance(arguments, dict):
            raise InvalidRequestError("Can only get item pairs from a mapping.", f"input[{place}].arguments")


def check_names(items: list[Item]) -> None:
    """OpenAI."""
    for place, item in enumerate(items):
        if item.get("type") == "function_call" and not _NAME.fullmatch(str(item.get("name"))):
            param = f"input[{place}].name"
            message = f"Invalid '{param}': string does not match pattern. Expected a string that matches the pattern "
            raise InvalidRequestError(f"{message}'^[a-zA-Z0-9_-]+$'.", param)


def check_ids(items: list[Item]) -> None:
    """OpenAI: ids have a length and a prefix, and come once."""
    seen: set[tuple[str, str]] = set()
    for place, item in enumerate(items):
        call_id, identifier, kind = item.get("call_id"), item.get("id"), str(item.get("type"))
        if call_id is not None and not 1 <= len(str(call_id)) <= MAX_CALL_ID:
            param = f"input[{place}].call_id"
            message = (
                f"Invalid '{param}': string too long. Expected a string with maximum length {MAX_CALL_ID}, but got a "
                f"string with length {len(str(call_id))} instead."
            )
            raise InvalidRequestError(message, param, "string_above_max_length")
        if kind == "message" and identifier is not None and not str(identifier).startswith("msg"):
            message = f"Invalid 'input[{place}].id': '{identifier}'. Expected an ID that begins with 'msg'."
            raise InvalidRequestError(message, f"input[{place}].id")
        for name in (str(name) for name in (call_id, identifier) if name is not None):
            if (kind, name) in seen:
                message = f"Duplicate item found with id {name}. Remove duplicate items from your input and try again."
                raise InvalidRequestError(message, "input")
            seen.add((kind, name))


def check_outputs(items: list[Item]) -> None:
    """OpenAI takes text or parts; some servers no empty text."""
    for place, item in enumerate(items):
        if item.get("type") == "function_call_output" and not (
            isinstance(item.get("output"), str | list) and item["output"]
        ):
            message = f"Invalid type for 'input[{place}].output': expected one of a string or array of objects."
            raise InvalidRequestError(message, f"input[{place}].output", "invalid_type")


def check_turns(items: list[Item]) -> None:
    """The templates of Gemma and Mistral: the user and the model take turns, and the user begins."""
    speaker = ""
    for item in items:
        kind = {"function_call": "call", "function_call_output": "tool"}.get(str(item.get("type")))
        said = kind or item.get("role")
        if said not in ("user", "assistant", "call", "tool"):
            continue
        twice = said == speaker and said in ("user", "assistant")
        if twice or (not speaker and said != "user"):
            raise InvalidRequestError("Conversation roles must alternate user/assistant/user/assistant/...", "input")
        speaker = said


Check = Callable[[list[Item]], None]
ALL: tuple[Check, ...] = (
    check_types, check_parts, check_answers, check_words, check_arguments, check_names, check_ids, check_outputs,
    check_turns,
)  # fmt: skip


def _messages(items: list[Item]) -> Iterator[tuple[int, Item]]:
    return ((place, item) for place, item in enumerate(items) if "role" in item)


def _parts(item: Item) -> list[Any]:
    content = item.get("content")
    return content if isinstance(content, list) else []
