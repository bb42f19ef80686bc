"""Faults on demand: the words that script what goes wrong. docs/offline-model.md has the table."""

from __future__ import annotations

import re
from typing import Any, Literal
from urllib.parse import unquote

import msgspec

_IN_ANSWERS = re.compile(r"\[offline: ([^\]]*)\]")
_IN_STRUCTURED = re.compile(r"\[offline-structured: ([^\]]*)\]")
_ANY = re.compile(r"\[offline(?:-structured)?: [^\]]*\]")


class Script(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One script; numbers are counts of deltas, seconds, or an HTTP status."""

    status: int = 0
    code: str = ""
    problem: str = ""
    refuse: str = ""
    context: int = 0
    max_output: int = 0
    retry_after: float | None = None
    html: int = 0
    chat: bool = False
    times: int | None = None
    delay: float = 0
    delay_first: float = 0
    pace: float | None = None
    cut: int | None = None
    eof: int | None = None
    silence: int | None = None
    pause: str = ""
    keepalive: float = 0
    badjson: int | None = None
    midutf8: int | None = None
    error: int | None = None
    failed: bool = False
    incomplete: bool = False
    filter: bool = False
    surrogates: bool = False
    nul: bool = False
    refusal: bool = False
    tool: str = ""
    tools: str = ""
    arguments: str = ""
    loop: bool = False
    also: bool = False
    empty: bool = False
    notjson: bool = False
    invalid: bool = False
    messages: int = 1
    text_in: Literal["deltas", "done", "item", "end"] = "deltas"
    noend: bool = False
    capped: bool = False
    reasoning: int = 0
    raw: int = 0
    rawtext: int = 0
    think: int = 0
    reason_for: float = 0
    nosummary: bool = False
    reasoning_required: bool = False
    unknown: int = 0
    odd: str = ""
    linger: float = 0
    cached: int = 0
    cache_write: int = 0
    nousage: bool = False
    repeat: bool = False
    skip: bool = False
    expire: bool = False

    @property
    def thoughts(self) -> int:
        """The number of reasoning deltas, in whatever form they come."""
        return self.reasoning or self.raw or self.rawtext or self.think

    @property
    def refused_fields(self) -> list[str]:
        """What the request must not contain, as in `ModelRequest.leave_out`."""
        return [word for word in (*self.refuse.split(","), "reasoning.summary" if self.nosummary else "") if word]

    def stream_fault(self) -> tuple[str, int] | None:
        """What happens to the stream, and after how many deltas."""
        for name in ("cut", "eof", "silence", "badjson", "midutf8"):
            if (at := getattr(self, name)) is not None:
                return name, at
        return ("pause", int(self.pause.partition(":")[0])) if self.pause else None

    def strikes(self, time: int) -> bool:
        """Whether the scripted fault applies to the resume or retrieve with this number."""
        return self.times is None or time <= self.times

    @property
    def incomplete_reason(self) -> str | None:
        if self.filter:
            return "content_filter"
        return "max_output_tokens" if self.incomplete else None

    @property
    def called_tools(self) -> list[str]:
        """The tools to call, offered or not."""
        return [name for name in (self.tool, *self.tools.split(",")) if name]

    @property
    def called_arguments(self) -> str:
        """The JSON of their arguments, or whatever was written instead."""
        return unquote(self.arguments) or "{}"

    @property
    def pause_seconds(self) -> float:
        return float(self.pause.partition(":")[2] or 1)


NONE = Script()


def script_of(message: str, metadata: dict[str, str], *, structured: bool, always: str = "") -> Script:
    """The script in the metadata, or else in the message, after the words of `always`.

    Raises ValueError for unknown words.
    """
    found = (_IN_STRUCTURED if structured else _IN_ANSWERS).search(message)
    words = metadata.get("offline_script") or (found[1] if found else "")
    pairs: dict[str, Any] = {}
    for word in (*always.split(), *words.split()):
        name, _, value = word.partition("=")
        pairs[name] = value or "true"
    try:
        script = msgspec.convert(pairs, Script, strict=False)
        _ = script.stream_fault(), script.pause_seconds
    except (msgspec.ValidationError, ValueError) as error:
        raise ValueError(f"the offline script {words!r}: {error}") from None
    return script


def without_scripts(message: str) -> str:
    """The message without its scripts."""
    return " ".join(map(str.strip, _ANY.split(message))).strip() if "[offline" in message else message.strip()
