"""The offline model's answers: a function of the conversation; they say that they come from rules."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from string import Template
from typing import Any

import msgspec

from chat.devservices.offline_model import markdown, results, texts
from chat.devservices.offline_model.calls import calls_of, wanted_in
from chat.devservices.offline_model.conversation import Call, Conversation
from chat.devservices.offline_model.script import Script
from chat.devservices.offline_model.structured import instance_of

MAX_COUNT = 10_000
LONG_CHARACTERS = 6_000
_SAY = re.compile(r"say\s+(.+)", re.IGNORECASE | re.DOTALL)
_COUNT = re.compile(r"\bcount to (\d{1,9})\b", re.IGNORECASE)
_GREETING = re.compile(
    r"(?:hello|hi|hey|help|good (?:morning|day|evening)|what can you do)\b[^\n]{0,20}", re.IGNORECASE
)


class Reply(msgspec.Struct, frozen=True):
    """A reply: calls, then text. `pieces` are set where the split matters."""

    text: str = ""
    calls: tuple[Call, ...] = ()
    pieces: tuple[str, ...] = ()


def reply_to(conversation: Conversation, script: Script, output_schema: dict[str, Any] | None) -> Reply:
    """The reply to a conversation."""
    if script.surrogates and output_schema is None:
        return Reply(pieces=texts.SURROGATES)
    if script.nul and output_schema is None:
        return Reply(pieces=texts.NUL)
    if output_schema is not None:
        return Reply(_structured(conversation, script, output_schema))
    calls = calls_of(conversation, script)
    if not calls:
        return Reply(_answer(conversation))
    return Reply(_said(conversation) or texts.MEANWHILE if script.also else "", calls=calls)


def _structured(conversation: Conversation, script: Script, schema: dict[str, Any]) -> str:
    """The text of a structured call: an instance of the schema in JSON, or what the script makes of it."""
    if script.refusal:
        return texts.REFUSAL
    if script.notjson:
        return texts.NOT_JSON
    words = conversation.last
    if script.surrogates or script.nul:
        words = texts.HALF_EMOJI if script.surrogates else "".join(texts.NUL)
    value = {"unasked": words} if script.invalid else instance_of(schema, words)
    return json.dumps(value, ensure_ascii=False)


def _answer(conversation: Conversation) -> str:
    if conversation.outputs:
        told = results.presented(conversation.outputs)
        return f"{told}\n\n{texts.HONEST} I asked my tools. {_seen(conversation)}"
    if said := _said(conversation):
        return said
    if _GREETING.fullmatch(conversation.last):
        return Template(texts.GREETING).substitute(tools=_tools(conversation), seen=_seen(conversation))
    return Template(texts.DEFAULT).substitute(quote=markdown.quotation(conversation.last), seen=_seen(conversation))


def _said(conversation: Conversation) -> str:
    """The answer to words that ask for something particular."""
    text = conversation.last
    if say := _SAY.match(text):
        return say[1]
    if count := _COUNT.search(text):
        return ", ".join(str(number) for number in range(1, min(int(count[1]), MAX_COUNT) + 1))
    if any(name not in conversation.offered for name, _ in wanted_in(text)):
        return _no_tool(conversation)
    return next((answer(conversation) for pattern, answer in ANSWERS if pattern.search(text)), "")


def _tools(conversation: Conversation) -> str:
    """Questions for each tool that is offered."""
    questions = [f"- *{question}*" for name, question in texts.QUESTIONS if name in conversation.offered]
    return "\n".join(["My tools can be tried, too:\n", *questions, "\n"]) if questions else ""


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
    (re.compile(r"\blong\b", re.IGNORECASE), _long),
    (re.compile(r"\btable\b", re.IGNORECASE), _table),
    (re.compile(r"\bcode\b", re.IGNORECASE), _code),
)


def _seen(conversation: Conversation) -> str:
    count = len(conversation.user_messages)
    return f"I have seen {count} message{'' if count == 1 else 's'} from you in this conversation."
