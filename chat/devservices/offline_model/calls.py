"""The tools that a message's words ask for, and their arguments."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from chat.devservices.offline_model.conversation import Call, Conversation
from chat.devservices.offline_model.script import Script
from chat.devservices.offline_model.structured import instance_of, is_nullable

MAX_QUERY_WORDS = 10
MAX_QUERY_CHARACTERS = 200
MAX_LOOKED_AT = 2000  # characters: some patterns take quadratic time
_EXACTLY = re.compile(r"say\s", re.IGNORECASE)
_SECRET = re.compile(r"\bsecret number\b", re.IGNORECASE)
_TIME = re.compile(r"\bwhat(?:'s| is)? (?:the )?time\b|\btime is it\b", re.IGNORECASE)
_ZONE = re.compile(r"\b[A-Z][A-Za-z]+(?:/[A-Za-z_+-]+[A-Za-z0-9])+")
_CLAUSE_END = re.compile(
    r"[?!;\n]+|\.(?=\s|$)"
    r"|(?:,\s*(?:(?:and|then)\s+)?|\s+(?:and|then)\s+)(?=(?:what|how|calculate|compute|search|find|look|tell)\b)",
    re.IGNORECASE,
)
_SIGNS = r"-+*/%^\u00d7\u00b7\u00f7\u2212"
_CALCULATION = re.compile(  # possessive, so that it does not try digits again and again
    r"\b(?:calculate|compute|how much is|what(?:'s| is| are))\s+"
    rf"((?:\d[\d_]*(?:\.\d+)?(?:e[-+]?\d+)?|\.\d+|[{_SIGNS}(),π]|\b(?:sqrt|abs|round|min|max|pi|e)\b|\s)++)"
    r"(?=$|=|please\b|for me\b|and\b)",
    re.IGNORECASE,
)
_OPERATION = re.compile(rf"[{_SIGNS}]|[a-z]\(", re.IGNORECASE)
_THREADS = r"(?:all )?(?:of )?(?:my|our|the) (?:other |old |older |earlier )*(?:threads|chats|conversations|messages)"
_SEARCHES = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"\b(?:search|find|look)(?: in| through)? {_THREADS} (?:for|about|on|with) (.+)",
        rf"\b(?:search(?: for)?|find|look for) (.+?) (?:in|from|among) {_THREADS}",
        r"\bwhat (?:did|have) (?:we|I|you) (?:ever )?(?:say|said|write|written|discuss|discussed)(?: about)? (.+?)"
        rf"(?: (?:in|from) {_THREADS})?$",
    )
)


def calls_of(conversation: Conversation, script: Script) -> tuple[Call, ...]:
    """The calls to make now: those of the script, or what the words ask for and is offered."""
    if script.loop and conversation.offered:
        return (Call(next(iter(conversation.offered)), script.called_arguments),)
    if conversation.outputs:
        return ()
    if script.called_tools:
        return tuple(Call(name, script.called_arguments) for name in script.called_tools)
    wanted = wanted_in(conversation.last)
    offered = conversation.offered
    return tuple(Call(name, _fitted(given, offered[name])) for name, given in wanted if name in offered)


def wanted_in(text: str) -> tuple[tuple[str, dict[str, str]], ...]:
    """The tools that the words ask for, offered or not, with their arguments."""
    return () if _EXACTLY.match(text) else tuple(_wanted(text[:MAX_LOOKED_AT]))


def _wanted(text: str) -> Iterator[tuple[str, dict[str, str]]]:
    if _SECRET.search(text):
        yield "get_secret_number", {}
    if _TIME.search(text):
        zone = _ZONE.search(text)
        yield "current_time", {"timezone": zone[0] if zone else "UTC"}
    for clause in _CLAUSE_END.split(text):
        if found := _CALCULATION.search(clause):
            expression = found[1].strip(" ,\t")
            if _OPERATION.search(expression) and re.search(r"\d|pi|π", expression):
                yield "calculate", {"expression": expression}
        elif query := _searched_in(clause):
            yield "search_my_threads", {"query": query}


def _searched_in(clause: str) -> str:
    found = next(filter(None, (pattern.search(clause) for pattern in _SEARCHES)), None)
    said = found[1].removesuffix(" please").strip(" \t\"'“”,:.") if found else ""
    return " ".join(said.split()[:MAX_QUERY_WORDS])[:MAX_QUERY_CHARACTERS]


def _fitted(given: dict[str, str], parameters: dict[str, Any]) -> str:
    """The arguments as JSON, with something for every other parameter that a strict schema has: null if it may be."""
    made = instance_of({**parameters, "type": "object"}, "")
    properties = parameters.get("properties", {})
    filled = {name: None if is_nullable(part) else made[name] for name, part in properties.items()}
    return json.dumps({**filled, **given}, ensure_ascii=False)
