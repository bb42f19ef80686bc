"""The output items of one response, and their events in order."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import Any

from chat.devservices.offline_model import shapes
from chat.devservices.offline_model.conversation import Call
from chat.devservices.offline_model.create import CreateRequest
from chat.devservices.offline_model.repertoire import Reply
from chat.devservices.offline_model.script import Script
from chat.devservices.offline_model.usage import fitting, pieces, tokens

MAX_OUTPUT_TOKENS = "max_output_tokens"
_TEXT_DONE = ("response.output_text.done", "response.content_part.done")
_DELTAS = ("response.output_text.delta", "response.refusal.delta")
_UNSEEN = {  # by where the late text comes: the events that are left out
    "deltas": (),
    "done": _DELTAS,
    "item": (*_DELTAS, *_TEXT_DONE),
    "end": (*_DELTAS, *_TEXT_DONE, "response.output_item.done"),
}


class Items:
    """Makes the items of a response from its reply and its script."""

    def __init__(self, suffix: str, request: CreateRequest, reply: Reply, script: Script) -> None:
        self.output: list[dict[str, Any]] = []
        self.incomplete_reason = script.incomplete_reason
        self.thinking = False  # while the events of reasoning are made
        self.reasoning_characters = 0
        self._output_characters = 0
        self._suffix = suffix
        self._request = request
        self._reply = reply
        self._script = script

    @property
    def tokens(self) -> int:
        """What the output has cost so far."""
        if self._script.capped and self.output:
            return self._request.max_output_tokens or 0
        return tokens(self._output_characters) + tokens(self.reasoning_characters)

    def events(self) -> Iterator[dict[str, Any]]:
        script = self._script
        if script.reasoning or script.raw or script.rawtext:
            self.thinking = True
            yield from self._reasoning()
            self.thinking = False
        for call in self._reply.calls:
            yield from self._call(call)
        if self._reply.text or self._reply.pieces:
            parts = self._reply.pieces or pieces(self._reply.text)
            each = -(-len(parts) // script.messages)
            for start in range(0, len(parts), each):
                yield from self._message(parts[start : start + each], first=start == 0)

    def _added(self, item: dict[str, Any]) -> int:
        """Add an item to the output; returns its index."""
        self.output.append(item)
        return len(self.output) - 1

    def _reasoning(self) -> Iterator[dict[str, Any]]:
        script = self._script
        item = shapes.reasoning(self._suffix)
        if script.reasoning and "reasoning.encrypted_content" in (self._request.include or ()):
            item["encrypted_content"] = f"gAAAAAB{secrets.token_urlsafe(48)}"
        index = self._added(item)
        if script.reasoning:
            events = shapes.summary_events(item, index, shapes.thoughts(script.reasoning))
        else:
            kind = shapes.RAW if script.raw else shapes.RAW_TEXT
            events = shapes.raw_reasoning_events(item, index, shapes.thoughts(script.thoughts), kind)
        for event in events:
            self.reasoning_characters += len(event.get("delta", ""))
            yield event

    def _call(self, call: Call) -> Iterator[dict[str, Any]]:
        item = shapes.function_call(f"{self._suffix}_{len(self.output)}", call.name)
        self._output_characters += len(call.name) + len(call.arguments)
        yield from shapes.function_call_events(item, self._added(item), call.arguments)

    def _message(self, parts: tuple[str, ...], *, first: bool) -> Iterator[dict[str, Any]]:
        unseen = _UNSEEN[self._script.text_in]
        return (event for event in self._message_events(parts, first=first) if event["type"] not in unseen)

    def _message_events(self, parts: tuple[str, ...], *, first: bool) -> Iterator[dict[str, Any]]:
        planned = parts[: self._limit(parts)]
        item = shapes.message(self._suffix, self.output, refusal=self._script.refusal)
        index = self._added(item)
        yield from shapes.message_opened(item, index)
        self.thinking = first and bool(self._script.think)
        for thought in shapes.think_pieces(self._script.think) if self.thinking else ():
            self.reasoning_characters += len(thought)
            yield shapes.message_delta(item, index, thought)
        self.thinking = False
        for piece in planned:
            self._output_characters += len(piece)
            yield shapes.message_delta(item, index, piece)
        if self._script.error is None and not self._script.failed:
            yield from shapes.message_closed(item, index, complete=self.incomplete_reason is None)

    def _limit(self, parts: tuple[str, ...]) -> int:
        """The number of deltas."""
        script = self._script
        if script.error is not None:
            return script.error
        if script.failed or script.capped or self.incomplete_reason:
            return max(1, len(parts) // 2)
        most = self._request.max_output_tokens
        count = fitting(parts, None if most is None else most - self.tokens)
        if count < len(parts):
            self.incomplete_reason = MAX_OUTPUT_TOKENS
        return count
