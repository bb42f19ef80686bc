"""What the offline model says: a function of the conversation, honest about being rules."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from string import Template
from typing import Any

import msgspec

from chat.llm.offline import texts
from chat.llm.offline.conversation import Conversation
from chat.llm.offline.script import Script
from chat.llm.offline.structured import instance_of

MAX_QUOTE_CHARACTERS = 500
MAX_COUNT = 10_000
LONG_CHARACTERS = 6_000
_SAY = re.compile(r"say\s+(.+)", re.IGNORECASE | re.DOTALL)
_COUNT = re.compile(r"\bcount to (\d{1,9})\b", re.IGNORECASE)
_SECRET = re.compile(r"\bsecret number\b", re.IGNORECASE)
_TIME = re.compile(r"\bwhat(?:'s| is)? (?:the )?time\b|\btime is it\b", re.IGNORECASE)
_ZONE = re.compile(r"\b[A-Z][A-Za-z]+(?:/[A-Za-z_+-]+[A-Za-z0-9])+")
_GREETING = re.compile(r"(?:hello|hi|hey|good (?:morning|day|evening))\b[^\n]{0,20}", re.IGNORECASE)
_SPECIAL = re.compile(r"([\\`*_\[\]<>~|#&])")


class Call(msgspec.Struct, frozen=True):
    """A call of a tool."""

    name: str
    arguments: str = "{}"


class Reply(msgspec.Struct, frozen=True):
    """What comes out: text or calls. `pieces` are given where the way it is split matters."""

    text: str = ""
    calls: tuple[Call, ...] = ()
    pieces: tuple[str, ...] = ()


def reply_to(conversation: Conversation, script: Script, output_schema: dict[str, Any] | None) -> Reply:
    """The reply to a conversation."""
    if output_schema is not None:
        return Reply(json.dumps(instance_of(output_schema, conversation.last), ensure_ascii=False))
    if script.surrogates:
        return Reply(pieces=texts.SURROGATES)
    if script.nul:
        return Reply(pieces=texts.NUL)
    if calls := _calls(conversation, script):
        return Reply(calls=calls)
    return Reply(_answer(conversation))


def _calls(conversation: Conversation, script: Script) -> tuple[Call, ...]:
    if script.loop and conversation.offered:
        return (Call(conversation.offered[0]),)
    if conversation.outputs:
        return ()
    if script.tool:
        return (Call(script.tool),)
    calls = []
    if _SECRET.search(conversation.last) and "get_secret_number" in conversation.offered:
        calls.append(Call("get_secret_number"))
    if _TIME.search(conversation.last) and "current_time" in conversation.offered:
        zone = _ZONE.search(conversation.last)
        calls.append(Call("current_time", json.dumps({"timezone": zone[0] if zone else "UTC"})))
    return tuple(calls)


def _answer(conversation: Conversation) -> str:
    if conversation.outputs:
        return _with_outputs(conversation)
    text = conversation.last
    if say := _SAY.match(text):
        return say[1]
    if count := _COUNT.search(text):
        return ", ".join(str(number) for number in range(1, min(int(count[1]), MAX_COUNT) + 1))
    for pattern, answer in ANSWERS:
        if pattern.search(text):
            return answer(conversation)
    if _GREETING.fullmatch(text):
        return Template(texts.GREETING).substitute(seen=_seen(conversation))
    return Template(texts.DEFAULT).substitute(quote=_quote(text), seen=_seen(conversation))


def _with_outputs(conversation: Conversation) -> str:
    lines = [f"- `{name}` says: {_secret_in_bold(name, output)}" for name, output in conversation.outputs]
    return "\n".join([f"{texts.HONEST} I asked my tools:\n", *lines, "", _seen(conversation)])


def _secret_in_bold(name: str, output: str) -> str:
    return f"the secret number is **{output}**" if name == "get_secret_number" and output.isdigit() else f"`{output}`"


def _no_tool(conversation: Conversation) -> str:
    return f"{texts.HONEST} I was offered no tool that could tell me that. {_seen(conversation)}"


def _table(conversation: Conversation) -> str:
    return f"{texts.HONEST}\n\n{texts.TABLE}\n{_seen(conversation)}"


def _code(conversation: Conversation) -> str:
    return f"{texts.HONEST}\n\n{texts.CODE}\n{_seen(conversation)}"


def _long(conversation: Conversation) -> str:
    parts = [f"# A long answer\n\n{texts.HONEST} {_seen(conversation)}\n"]
    number = 0
    while sum(len(part) + 1 for part in parts) < LONG_CHARACTERS:
        number += 1
        parts.append(Template(texts.PARAGRAPH).substitute(number=number))
    return "\n".join(parts)


ANSWERS: tuple[tuple[re.Pattern[str], Callable[[Conversation], str]], ...] = (
    (_SECRET, _no_tool),
    (_TIME, _no_tool),
    (re.compile(r"\blong\b", re.IGNORECASE), _long),
    (re.compile(r"\btable\b", re.IGNORECASE), _table),
    (re.compile(r"\bcode\b", re.IGNORECASE), _code),
)


def _seen(conversation: Conversation) -> str:
    count = len(conversation.user_messages)
    return f"I have seen {count} message{'' if count == 1 else 's'} from you in this conversation."


def _quote(text: str) -> str:
    """The user's words as a quotation that cannot turn into markup."""
    short = text if len(text) <= MAX_QUOTE_CHARACTERS else text[:MAX_QUOTE_CHARACTERS] + "…"
    return "\n".join(f"> {line}".rstrip() for line in _SPECIAL.sub(r"\\\1", short or "(nothing)").splitlines())
