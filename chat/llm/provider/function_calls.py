"""The calls of one response, told apart: ids can be missing, come twice, or be those of another round."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import msgspec

from chat.llm.events import ToolCall, ToolCallArguments, ToolCallStarted
from chat.llm.provider.shapes import MalformedEventError, objects, string

MAX_CALLS = 1000  # in one response: no model means that many

ToolCallEvent = ToolCallStarted | ToolCallArguments | ToolCall


class _Begun(msgspec.Struct):
    """A call as it was announced."""

    item_id: str
    given_id: str
    call_id: str
    done: bool = False


class Calls:
    """Reads the items of calls. `taken` are the ids of calls that the request tells of."""

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self._taken = set(taken)
        self._begun: list[_Begun] = []

    def added(self, item: dict[str, Any]) -> list[ToolCallEvent]:
        """It begins."""
        if not _is_call(item) or any(_is_same(one, item) for one in self._begun):
            return []
        return [self._begin(item)]

    def growing(self, item_id: str, delta: str) -> list[ToolCallEvent]:
        """A piece of its arguments."""
        begun = next((one for one in self._begun if item_id in (one.item_id, one.given_id) and not one.done), None)
        return [ToolCallArguments(begun.call_id, delta)] if begun and item_id else []

    def done(self, item: dict[str, Any], sequence: int) -> list[ToolCallEvent]:
        """It is complete. One that was cut short at the limit of tokens, in the middle of its arguments, is none."""
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
        """Those that only the end of the response tells of. The ids of items can be others there."""
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
        """That began with this item, or with its call's id."""
        waiting = [one for one in self._begun if not one.done]
        same = (one for one in waiting if _is_same(one, item))
        return next(same, next((one for one in waiting if one.given_id == _given_id(item)), None))


def _is_call(item: dict[str, Any]) -> bool:
    return item.get("type") == "function_call"


def _given_id(item: dict[str, Any]) -> str:
    return string(item.get("call_id"))


def _is_same(begun: _Begun, item: dict[str, Any]) -> bool:
    """The same item, told again."""
    return (begun.item_id, begun.given_id) == (string(item.get("id")), _given_id(item)) != ("", "")
