"""The text of an answer, from all events in which servers send it: pieces, finished parts, items, the last event."""

from __future__ import annotations

from collections.abc import Iterable
from io import StringIO
from typing import Any

from chat.llm.events import Event, RefusalDelta, TextDelta
from chat.llm.provider.reasoning import Thoughts
from chat.llm.provider.shapes import MalformedEventError, message_text, messages, refused, string
from chat.llm.provider.thinking import Splitter, visible

MAX_CHARACTERS = 8 * 2**20  # of one response: more is a malfunction
MAX_MESSAGES = 1000


class AnswerText:
    """Yields every piece of text once, with a blank line between two messages; tagged thoughts go to `thoughts`.

    `resumed`: the stream continues another one, so the first message may have begun there.
    """

    def __init__(self, thoughts: Thoughts, *, resumed: bool = False) -> None:
        self.refused = False
        self._thoughts = thoughts
        self._resumed = resumed
        self._messages: list[str] = []  # the finished ones; like `_message`, as they were sent
        self._message = StringIO()
        self._item_id = ""  # of the message
        self._whole = not resumed  # the message began in this stream
        self._part = 0  # where the current part of the message begins
        self._last: tuple[str, str] = ("", "")  # id and text of the message that finished last
        self._last_part = ""
        self._splitter: Splitter | None = Splitter()
        self._apart = False  # the next text is a new paragraph
        self._plain = False  # the next delta needs no change
        self._surplus = 0  # characters that came out beyond those of `_message`

    @property
    def length(self) -> int:
        """Characters that were yielded."""
        return self._message.tell() + self._surplus

    @property
    def empty(self) -> bool:
        return not (self._messages or self._message.tell())

    @property
    def open(self) -> bool:
        """Whether a part has begun that is not known to be complete."""
        return self._message.tell() > self._part

    def add(self, delta: TextDelta | RefusalDelta, sequence: int, events: list[Event]) -> None:
        """The next piece. Nearly every event of a stream is one."""
        self._message.write(delta.text)
        if self._plain and delta.text and delta.sequence == sequence and delta.__class__ is TextDelta:
            events.append(delta)
        elif delta.text:
            self._add_slowly(delta, sequence, events)

    def begin_message(self, item: dict[str, Any], sequence: int, events: list[Event]) -> None:
        """A message was announced."""
        item_id = string(item.get("id"))
        if item_id and item_id == self._item_id:
            return
        if self._message.tell():
            self._end_message(sequence, events)
        self._item_id, self._whole = item_id, True

    def finish_part(self, text: str, sequence: int, events: list[Event], *, refusal: bool = False) -> None:
        """A part is complete. Several events report this for each part."""
        if not text or (text == self._last_part and not self.open):
            return
        self._complete(self._part, text, sequence, events, refusal=refusal)
        self._part, self._last_part = self._message.tell(), text

    def finish_message(self, item: dict[str, Any], sequence: int, events: list[Event]) -> None:
        """A message is complete."""
        this = string(item.get("id")), message_text(item)
        if not self._message.tell() and this == self._last:
            return
        if this[1]:
            self._complete(0, this[1], sequence, events, refusal=refused([item]))
        self._end_message(sequence, events)
        self._last = this
        self._last_part = this[1]

    def finish(self, output: object, sequence: int, events: list[Event]) -> None:
        """The response is over; the text may be only in its output."""
        for text in messages(output) if self.empty and not self._resumed else ():
            self._complete(0, text, sequence, events, refusal=refused(output))
            self._end_message(sequence, events)
        self._end_message(sequence, events)

    def text(self, output: object) -> str:
        """The whole answer, by the response's output, or else by what came before it."""
        told = messages(output)
        some_are_left_out = len(told) < len(self._messages) and set(told) <= set(self._messages)
        # A gateway whose upstream was cut off by a limit has only the first piece in its output.
        begins_only = not self._resumed and together(self._messages).startswith(together(told))
        return together(self._messages if some_are_left_out or begins_only or not any(told) else told)

    def _add_slowly(self, delta: TextDelta | RefusalDelta, sequence: int, events: list[Event]) -> None:
        self.refused = self.refused or isinstance(delta, RefusalDelta)
        self._surplus -= len(delta.text)
        if self._splitter and not self.refused:
            self._emit(self._splitter.feed(delta.text), sequence, events)
            self._splitter = None if self._splitter.plain else self._splitter
        else:
            self._emit([(0, delta.text)], sequence, events)
        self._plain = not (self._splitter or self._apart or self.refused)

    def _emit(self, pieces: Iterable[tuple[int, str]], sequence: int, events: list[Event]) -> None:
        for block, piece in pieces:
            if block:
                events += self._thoughts.add("tags", len(self._messages) * MAX_MESSAGES + block, piece, sequence)
                continue
            text = f"\n\n{piece}" if self._apart else piece
            self._apart = False
            self._surplus += len(text)
            events.append(RefusalDelta(text, sequence) if self.refused else TextDelta(text, sequence))

    def _complete(self, start: int, text: str, sequence: int, events: list[Event], *, refusal: bool) -> None:
        """Add what is missing of the text from `start` on; if other text came, this one counts at the end."""
        message = self._message.getvalue()
        came = message[start:]
        if not self._whole:
            return
        if text.startswith(came):
            rest = text[len(came) :]
            self.add(RefusalDelta(rest, sequence) if refusal else TextDelta(rest, sequence), sequence, events)
        else:
            self._message = StringIO()
            self._message.write(message[:start] + text)
            self._surplus += len(came) - len(text)

    def _end_message(self, sequence: int, events: list[Event]) -> None:
        if self._splitter:
            self._emit(self._splitter.end(), sequence, events)
        if message := self._message.getvalue():
            self._messages.append(message)
            self._surplus += len(message)
        if len(self._messages) > MAX_MESSAGES:
            raise MalformedEventError(f"there are more than {MAX_MESSAGES} messages")
        self._message, self._part, self._whole = StringIO(), 0, True
        self._splitter, self._plain, self._apart = Splitter(), False, self.length > 0
        self._item_id = ""


def together(texts: Iterable[str]) -> str:
    """The text of several messages, without thoughts."""
    return "\n\n".join(filter(None, map(visible, texts)))
