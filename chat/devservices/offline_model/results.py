"""How the offline model presents tool results, in markdown."""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Any

from chat.devservices.offline_model import markdown
from chat.devservices.offline_model.conversation import Output

_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e[-+]?\d+)?", re.IGNORECASE)


def presented(outputs: tuple[Output, ...]) -> str:
    """A paragraph or a list for each output."""
    return "\n\n".join(_presented(output) for output in outputs)


def _presented(output: Output) -> str:
    value = _decoded(output.text)
    text = ""
    match output.call.name:
        case "get_secret_number" if output.text.isdigit():
            text = f"The secret number is **{output.text}**."
        case "current_time" if isinstance(value, dict):
            text = _time(value)
        case "calculate":
            text = _calculation(_argument(output, "expression"), value, output.text)
        case "search_my_threads" if isinstance(value, str):
            text = markdown.escaped(value)
    found = _found(value)
    if not text and found is not None:
        text = _links(found, _argument(output, "query"))
    return text or f"`{output.call.name}` says: {markdown.code(output.text)}"


def _decoded(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _argument(output: Output, name: str) -> str:
    arguments = _decoded(output.call.arguments)
    return str(arguments.get(name, "")) if isinstance(arguments, dict) else ""


def _time(value: dict[str, Any]) -> str:
    try:
        time = datetime.fromisoformat(str(value.get("time")))
    except ValueError:
        return ""
    return f"In {markdown.escaped(str(value.get('timezone')))} it is **{time:%A}, {time:%Y-%m-%d}, {time:%H:%M}**."


def _calculation(expression: str, value: Any, text: str) -> str:
    if not expression:
        return ""
    if isinstance(value, dict):
        value = value.get("result", text)
    if isinstance(value, int | float) or _NUMBER.fullmatch(str(value)):
        return markdown.code(f"{expression} = {value}")
    return f"{markdown.code(expression)} could not be calculated: {markdown.escaped(text)}"


def _found(value: Any) -> list[dict[str, Any]] | None:
    """The objects of a list with titles, also one inside an object; none if it is something else."""
    lists = [value] if isinstance(value, list) else list(value.values()) if isinstance(value, dict) else []
    for part in lists:
        if isinstance(part, list) and all(isinstance(item, dict) and "title" in item for item in part):
            return part
    return None


def _links(found: list[dict[str, Any]], query: str) -> str:
    about = f" for “{markdown.escaped(query)}”" if query else ""
    if not found:
        return f"I found nothing{about}."
    places = "one place" if len(found) == 1 else f"{len(found)} places"
    return "\n".join([f"I found {places}{about}:\n", *map(_place, found)])


def _place(item: dict[str, Any]) -> str:
    link = markdown.link(str(item["title"]), str(item.get("url") or ""))
    day = markdown.escaped(str(item.get("date") or "")[: len("2026-11-22")])
    snippet = markdown.escaped(" ".join(str(item.get("snippet") or "").split()))
    return f"- {link}{', ' if day else ''}{day}{': ' if snippet else ''}{snippet}"
