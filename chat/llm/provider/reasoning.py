"""What people may read of a model's thinking, and its raw items, from all the events in which servers send them."""

from __future__ import annotations

from io import StringIO
from typing import Any

import msgspec

from chat.llm.events import Event, ReasoningDelta, ReasoningItem
from chat.llm.provider.shapes import MalformedEventError, objects, part_texts, string

MAX_ITEMS = 1000
MAX_BYTES = 8 * 2**20  # of one response's items; also characters of its reasoning: more is a malfunction


class Thoughts:
    """Yields every part once, with a blank line between two, whether it comes in pieces or only complete.

    `resumed`: the stream continues another one, which may have had some parts.
    """

    def __init__(self, *, resumed: bool = False) -> None:
        self._place: dict[str, int] = {}  # of the items that have begun: the length of the text before them
        self._items: list[dict[str, Any]] = []  # already yielded
        self._left = MAX_BYTES
        self._source = ""  # some servers send a summary and the raw text, or one text under two names: the first counts
        self._part: tuple[str, int] | None = None
        self._read = StringIO()  # of the part
        self._resumed = resumed
        self._any = resumed  # some text was yielded
        self._continues = resumed  # the first text can be the rest of a part
        # The part began in the stream before this one, so its whole text came there or comes here.
        self._is_rest = False
        self._apart = False  # the next text is a new paragraph
        self._streamed = False  # some text of the item was yielded

    def begin_item(self, item: dict[str, Any], *, place: int, sequence: int) -> list[Event]:
        """An item was announced after `place` characters of text."""
        self._place[string(item.get("id"))] = place
        self._take_space(0)
        self._source, self._streamed = "", False
        self.begin_part()
        return [ReasoningDelta("", sequence)]

    def begin_part(self) -> None:
        """The next part begins."""
        self._part, self._read, self._continues, self._is_rest = None, StringIO(), False, False
        self._apart = self._any

    def add(self, source: str, part: int, text: str, sequence: int) -> list[Event]:
        """The next piece of a part."""
        if not text or self._source not in ("", source):
            return []
        self._source = source
        if self._part != (source, part) and not self._continues:
            self.begin_part()
        self._is_rest = self._is_rest or self._continues
        self._part, self._continues = (source, part), False
        self._read.write(text)
        self._streamed = True
        self._take_space(len(text))
        apart, self._any, self._apart = self._apart, True, False
        return [ReasoningDelta(f"\n\n{text}" if apart else text, sequence)]

    def finish_part(self, source: str, part: int, text: str, sequence: int) -> list[Event]:
        """A part is complete: the rest of it, if its pieces did not come."""
        if self._continues or self._is_rest:
            return []
        came = self._read.getvalue() if self._part == (source, part) else ""
        return self.add(source, part, text[len(came) :], sequence) if text.startswith(came) else []

    def finish_item(self, item: dict[str, Any], *, place: int, sequence: int) -> list[Event]:
        """An item is complete; `place` counts if it was not announced."""
        if item in self._items:
            return []
        events: list[Event] = []
        began_here = not self._resumed or string(item.get("id")) in self._place
        if began_here and not self._streamed:
            events += self.add("item", 0, _text(item), sequence)
        self._items.append(item)
        self._take_space(len(msgspec.json.encode(item)))
        self._source, self._streamed = "", False
        self.begin_part()
        return [*events, ReasoningItem(item, sequence, self._place.pop(string(item.get("id")), place))]

    def unseen(self, output: object) -> list[dict[str, Any]]:
        """The items that only the terminal event has. Ids can differ from those of the stream."""
        found = [item for item in objects(output) if item.get("type") == "reasoning"]
        seen = {string(item.get("id")) for item in self._items} - {""}
        unknown = [item for item in found if string(item.get("id")) not in seen and item not in self._items]
        missing = len(found) - len(self._items)
        return unknown[-missing:] if missing > 0 else []

    def _take_space(self, size: int) -> None:
        self._left -= size
        if self._left < 0 or max(len(self._items), len(self._place)) > MAX_ITEMS:
            raise MalformedEventError("there is too much reasoning")


def _text(item: dict[str, Any]) -> str:
    """The summary, or else the raw text."""
    texts = ("\n\n".join(filter(None, part_texts(item.get(name)))) for name in ("summary", "content"))
    return next(filter(None, texts), "")
