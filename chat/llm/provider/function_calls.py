"""Distinguishing the tool calls of one response: ids can be missing, repeated, or already used in another round."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import msgspec

from chat.llm.events import ToolCall, ToolCallArguments, ToolCallStarted
from chat.llm.provider.shapes import MalformedEventError, objects, string

MAX_CALLS = 1000  # in one response: more is a malfunction

ToolCallEvent = ToolCallStarted | ToolCallArguments | ToolCall


class _Begun(msgspec.Struct):
    """A call that was announced by `response.output_item.added`."""

    item_id: str
    given_id: str
    call_id: str
    done: bool = False


class Calls:
    """Reads the `function_call` items of a response; `taken` are the ids of calls in its request.

    `call_id` is unique by openai 3.54, types/responses/response_function_tool_call.py; compatible servers that leave
    it out or repeat it were observed on 2026-11-22.
    """

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self._taken = set(taken)
        self._begun: list[_Begun] = []

    def added(self, item: dict[str, Any]) -> list[ToolCallEvent]:
        """A call was announced."""
        if not _is_call(item) or any(_is_same(one, item) for one in self._begun):
            return []
        return [self._begin(item)]

    def growing(self, item_id: str, delta: str) -> list[ToolCallEvent]:
        """A piece of the arguments of the call with this item id."""
        begun = next((one for one in self._begun if item_id in (one.item_id, one.given_id) and not one.done), None)
        return [ToolCallArguments(begun.call_id, delta)] if begun and item_id else []

    def done(self, item: dict[str, Any], sequence: int) -> list[ToolCallEvent]:
        """A call is complete. A call whose arguments were cut off at the token limit is dropped."""
        if not _is_call(item) or item.get("status") == "incomplete":
            return []
        if item.get("id") and any(one.done and _is_same(one, item) for one in self._begun):
            return []
        events: list[ToolCallEvent] = []
        begun = self._waiting(item)
        if begun is None:  # the server did not announce it
            events.append(self._begin(item))
            begun = self._begun[-1]
        begun.done = True
        name, arguments = string(item.get("name")), string(item.get("arguments"))
        return [*events, ToolCall(begun.call_id, name, arguments, sequence)]

    def missed(self, output: object, sequence: int) -> list[ToolCallEvent]:
        """Calls that only the terminal event has. Item ids can differ from the stream's (observed 2026-11-22)."""
        seen = Counter(one.given_id for one in self._begun if one.done)
        events: list[ToolCallEvent] = []
        for item in filter(_is_call, objects(output)):
            given_id = _given_id(item)
            if seen[given_id]:
                seen[given_id] -= 1
            else:
                events += self.done({**item, "id": None}, sequence)
        return events

    def _begin(self, item: dict[str, Any]) -> ToolCallStarted:
        if len(self._begun) == MAX_CALLS:
            raise MalformedEventError(f"there are more than {MAX_CALLS} calls")
        given_id = call_id = _given_id(item)
        number = 1
        while not call_id or call_id in self._taken:
            number += 1
            call_id = f"{given_id or 'call'}_{number}"
        self._taken.add(call_id)
        self._begun.append(_Begun(string(item.get("id")), given_id, call_id))
        return ToolCallStarted(call_id, string(item.get("name")))

    def _waiting(self, item: dict[str, Any]) -> _Begun | None:
        """The announced call with the same item id, otherwise with the same call id."""
        waiting = [one for one in self._begun if not one.done]
        same = (one for one in waiting if _is_same(one, item))
        return next(same, next((one for one in waiting if one.given_id == _given_id(item)), None))


def _is_call(item: dict[str, Any]) -> bool:
    return item.get("type") == "function_call"


def _given_id(item: dict[str, Any]) -> str:
    return string(item.get("call_id"))


def _is_same(begun: _Begun, item: dict[str, Any]) -> bool:
    """Whether the item is the same one, sent again."""
    return (begun.item_id, begun.given_id) == (string(item.get("id")), _given_id(item)) != ("", "")
