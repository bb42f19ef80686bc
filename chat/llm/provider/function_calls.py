"""Distinguishing the tool calls of one response: ids can be missing, repeated, or already used in another round."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from io import StringIO
from typing import Any

import msgspec

from chat.llm.events import ToolCall, ToolCallArguments, ToolCallStarted
from chat.llm.provider.shapes import ArgumentsDelta, ArgumentsDone, MalformedEventError, objects, string
from chat.text import fitting

MAX_CALL_ID = 64  # characters: OpenAI and the Open Responses specification refuse longer ones
MAX_CALLS = 128  # in one response: more is a malfunction, and 1000 blocked the event loop for 7 s
MAX_CHARACTERS = 8 * 2**20  # of all arguments

ToolCallEvent = ToolCallStarted | ToolCallArguments | ToolCall


class _Begun(msgspec.Struct):
    """A call that was announced, or is complete."""

    item_id: str
    given_id: str
    call_id: str
    index: int | None  # in the output
    name: str
    announced: str  # the arguments, if they came with the announcement
    pieces: StringIO
    arguments: str = ""  # when they are complete
    started: bool = False  # the caller was told
    settled: bool = False  # its arguments are known to be complete
    done: bool = False  # the call was yielded or dropped
    sent: tuple[str, str] = ("", "")  # the name and arguments that were yielded

    @property
    def arguments_known(self) -> str:
        return self.arguments or self.pieces.getvalue() or self.announced


class Calls:
    """Reads the `function_call` items of a response; `taken` are the ids of calls in its request.

    `call_id` is unique by openai 3.54, types/responses/response_function_tool_call.py; compatible servers that leave
    it out or repeat it were observed on 2026-11-22.
    """

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self._taken = set(taken)
        self._begun: list[_Begun] = []
        self._size = 0

    @property
    def any(self) -> bool:
        return bool(self._begun)

    @property
    def settled(self) -> bool:
        """Whether every call that has begun is complete."""
        return all(one.done or one.settled for one in self._begun)

    def added(self, item: dict[str, Any], index: int | None) -> list[ToolCallEvent]:
        """A call was announced."""
        if not _is_call(item) or any(_is_same(one, item, index) for one in self._begun):
            return []
        return self._start(self._begin(item, index))

    def growing(self, event: ArgumentsDelta) -> list[ToolCallEvent]:
        """A piece of a call's arguments."""
        begun = self._announced(event.item_id, event.output_index)
        if not begun or not event.delta:
            return []
        self._take_space(event.delta)
        begun.pieces.write(event.delta)
        return [ToolCallArguments(begun.call_id, event.delta)] if begun.started else []

    def arguments_done(self, event: ArgumentsDone) -> list[ToolCallEvent]:
        """A call's arguments are complete. Its item can follow, or not."""
        begun = self._announced(event.item_id, event.output_index)
        if not begun and event.name and not self._is_known(event):
            begun = self._begin({"id": event.item_id, "name": event.name}, event.output_index)
        if not begun:
            return []
        begun.name = begun.name or event.name
        begun.arguments = _arguments(event.arguments) or begun.arguments
        begun.settled = True
        self._take_space(begun.arguments)
        return self._start(begun)

    def done(self, item: dict[str, Any], index: int | None, sequence: int) -> list[ToolCallEvent]:
        """A call is complete. A call whose arguments were cut off at the token limit is dropped."""
        if not _is_call(item):
            return []
        if item.get("id") and any(one.done and _is_same(one, item, index) for one in self._begun):
            return []
        begun = self._waiting(item, index) or self._begin(item, index)  # some servers do not announce them
        if item.get("status") == "incomplete":
            begun.done = True
            return []
        begun.name = string(item.get("name")) or begun.name
        begun.arguments = _arguments(item.get("arguments")) or begun.arguments
        self._take_space(begun.arguments)
        return self._finish(begun, sequence)

    def finish(self, output: object, sequence: int, *, cut: bool) -> list[ToolCallEvent]:
        """The response is over: calls that only the terminal event has, and calls whose end never arrived."""
        events: list[ToolCallEvent] = []
        for item in self._missed(output):
            events += self.done({**item, "id": None}, None, sequence)
        for begun in self._begun:
            if not begun.done and begun.name and (begun.settled or not cut) and not self._is_out(begun):
                events += self._finish(begun, sequence)
        return events

    def _is_out(self, begun: _Begun) -> bool:
        """Whether the call seems to have ended under other ids."""
        arguments = begun.arguments_known
        return any(one.sent[0] == begun.name and arguments in ("", one.sent[1]) for one in self._begun if one.done)

    def _missed(self, output: object) -> list[dict[str, Any]]:
        """The calls of the output that did not come before. Ids can differ from the stream's (observed 2026-11-22)."""
        items = list(filter(_is_call, objects(output)))
        seen = Counter(one.given_id for one in self._begun if one.done)
        unknown = [item for item in items if not _take(seen, _given_id(item))]
        same = Counter(one.sent for one in self._begun if one.done and _take(seen, one.given_id))
        return [
            item for item in unknown if not _take(same, (string(item.get("name")), _arguments(item.get("arguments"))))
        ]

    def _begin(self, item: dict[str, Any], index: int | None) -> _Begun:
        if len(self._begun) == MAX_CALLS:
            raise MalformedEventError(f"there are more than {MAX_CALLS} calls")
        given_id = _given_id(item)
        call_id = fitting(given_id, MAX_CALL_ID)
        number = 1
        while not call_id or call_id in self._taken:
            number += 1
            call_id = fitting(f"{given_id or 'call'}_{number}", MAX_CALL_ID)
        self._taken.add(call_id)
        name, arguments = string(item.get("name")), _arguments(item.get("arguments"))
        begun = _Begun(string(item.get("id")), given_id, call_id, index, name, arguments, StringIO())
        self._begun.append(begun)
        return begun

    def _start(self, begun: _Begun) -> list[ToolCallEvent]:
        """Announce the call, as soon as it has a name."""
        if begun.started or not begun.name:
            return []
        begun.started = True
        pieces = begun.pieces.getvalue()
        return [
            ToolCallStarted(begun.call_id, begun.name),
            *([ToolCallArguments(begun.call_id, pieces)] if pieces else []),
        ]

    def _finish(self, begun: _Begun, sequence: int) -> list[ToolCallEvent]:
        events = self._start(begun)
        if not begun.started:  # a call without a name: the model reads in its output what is wrong
            events = [ToolCallStarted(begun.call_id, "")]
        begun.started = begun.done = True
        begun.sent = begun.name, begun.arguments_known
        begun.pieces = StringIO()
        return [*events, ToolCall(begun.call_id, *begun.sent, sequence)]

    def _announced(self, item_id: str, index: int | None) -> _Begun | None:
        """The call whose arguments come: by item id (some servers send the call id), place, or else the last."""
        waiting = [one for one in self._begun if not one.done]
        named = [one for one in waiting if item_id and item_id in (one.item_id, one.given_id)]
        placed = [one for one in named or waiting if index is not None and one.index == index]
        if found := placed or named:
            return found[0]
        ids_tell = item_id and any(one.item_id or one.given_id for one in waiting)
        places_tell = index is not None and any(one.index is not None for one in waiting)
        return waiting[-1] if waiting and not (ids_tell or places_tell) else None

    def _is_known(self, event: ArgumentsDone) -> bool:
        return bool(event.item_id) and any(event.item_id in (one.item_id, one.given_id) for one in self._begun)

    def _waiting(self, item: dict[str, Any], index: int | None) -> _Begun | None:
        """The announced call with the same ids, or else with one of them, or else in the same place."""
        waiting = [one for one in self._begun if not one.done]
        item_id, given_id = string(item.get("id")), _given_id(item)
        found = (
            [one for one in waiting if _is_same(one, item, index)]
            or [one for one in waiting if given_id and one.given_id == given_id]
            or [one for one in waiting if item_id and one.item_id == item_id]
            or [one for one in waiting if index is not None and one.index == index]
            or [one for one in waiting if one.given_id == given_id]
        )
        return found[0] if found else None

    def _take_space(self, text: str) -> None:
        self._size += len(text)
        if self._size > MAX_CHARACTERS:
            raise MalformedEventError("the arguments are too long")


def _is_call(item: dict[str, Any]) -> bool:
    return item.get("type") == "function_call"


def _given_id(item: dict[str, Any]) -> str:
    return string(item.get("call_id"))


def _is_same(begun: _Begun, item: dict[str, Any], index: int | None) -> bool:
    """Whether the item is the same one, sent again."""
    same_place = begun.index is None or index is None or begun.index == index
    return same_place and (begun.item_id, begun.given_id) == (string(item.get("id")), _given_id(item)) != ("", "")


def _arguments(value: object) -> str:
    """The arguments as JSON text; some servers send them as an object."""
    return json.dumps(value) if isinstance(value, dict | list) else string(value)


def _take(counts: Counter[Any], key: Any) -> bool:
    """Whether one is left; uses it up."""
    if not counts[key]:
        return False
    counts[key] -= 1
    return True
