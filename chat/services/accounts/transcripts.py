"""A thread as Markdown, to be read by people and by other programs."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from typing import Any

NAME_MAX_CHARACTERS = 40  # of four bytes each, with what stands around them, fit the 255 bytes of file systems
SPEAKERS = {"user": "You", "assistant": "Assistant"}


def file_name(number: int, thread: dict[str, Any]) -> str:
    """Such as `chats/0012 2026-11-22 Eggs.md`: unique by its number, and safe on every system.

    Of the title only letters, digits and what belongs to them stay: no slash, no dot, nothing that turns the text.
    """
    kept = "".join(letter if unicodedata.category(letter)[0] in "LNM" else " " for letter in thread["title"])
    title = " ".join(kept.split())[:NAME_MAX_CHARACTERS].strip()
    return f"chats/{number:04} {thread['created_at']:%Y-%m-%d} {title or 'Chat'}.md"


def heading(thread: dict[str, Any]) -> str:
    """What the file begins with."""
    return f"# {thread['title'] or 'New chat'}\n\nBegun {thread['created_at']:%Y-%m-%d %H:%M} UTC.\n"


def paragraphs(message: dict[str, Any]) -> Iterator[str]:
    """A message as it was written, with the tools that were called for it."""
    yield f"\n## {SPEAKERS.get(message['role'], message['role'])}, {message['created_at']:%Y-%m-%d %H:%M} UTC\n\n"
    for call in message["tool_calls"]:
        yield f"Tool `{call['name']}`:\n\n{_block(call['arguments'])}\n{_block(call['output'])}\n"
    yield f"{message['content']}\n"
    if message["status"] not in ("final", "streaming"):
        yield f"\n*{message['error'] or 'Stopped before the end.'}*\n"


def _block(text: str) -> str:
    """In a fence that is longer than any in the text."""
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}\n{text}\n{fence}\n"
