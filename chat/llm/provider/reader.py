"""Reading the provider's event stream: bytes in, our events out, exactly one of them terminal."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from contextlib import suppress

from chat.llm.events import Code, Completed, Created, Event, Failed, RefusalDelta, TextDelta, Usage
from chat.llm.provider import failures, sse
from chat.llm.provider.answer import MAX_CHARACTERS, AnswerText, together
from chat.llm.provider.decoding import EventDecoder
from chat.llm.provider.function_calls import Calls
from chat.llm.provider.reasoning import Thoughts
from chat.llm.provider.shapes import (
    CONTENT_FILTER,
    TOKEN_LIMIT,
    ArgumentsDelta,
    ArgumentsDone,
    ErrorEvent,
    Ignored,
    ItemAdded,
    ItemDone,
    Known,
    MalformedEventError,
    PartDone,
    RefusalDone,
    Response,
    ResponseCompleted,
    ResponseCreated,
    ResponseInProgress,
    ResponseQueued,
    Shape,
    SummaryPartAdded,
    SummaryPartDone,
    TextDone,
    ThoughtDelta,
    ThoughtDone,
    WithResponse,
    WrongApiError,
    has_failed,
    incomplete_reason,
    is_message,
    messages,
    objects,
    refused,
    string,
    token_usage,
)

MAX_SEQUENCE = 2**31 - 1  # of the column; a number that cannot be one counts as absent
BOM = b"\xef\xbb\xbf"
NO_END = "the stream ended without a terminal event"
UNREADABLE = (MalformedEventError, sse.EventTooLargeError, RecursionError)  # the last: JSON that is nested too deeply

logger = logging.getLogger(__name__)


class ResponseReader:
    """Reads one response. Feed it chunks until `finished`; call `ended()` if the stream ends before that.

    `sequence` is for a stream that resumes another one: the number of the last event read. `taken` are the ids of
    calls that are part of the request. `resumable`: an end without terminal event can be mended. `max_output_tokens`
    are those of the request.
    """

    def __init__(
        self,
        *,
        sequence: int | None = None,
        taken: Iterable[str] = (),
        resumable: bool = False,
        max_output_tokens: int = 0,
    ) -> None:
        self.request_id = ""  # of the HTTP request, for logs and the provider's support
        self.began = sequence is not None  # an event came, so the provider has the request
        self.finished = False  # the terminal event is out
        self._resumable = resumable
        self._max_output_tokens = max_output_tokens
        self._start: bytes | None = b""  # until it is known whether it is a byte order mark
        self._sse = sse.Decoder()
        self._decoder = EventDecoder()
        self._after = -1 if sequence is None else sequence  # events up to this number were read before
        self._created = Response() if sequence is not None else None
        self._thoughts = Thoughts(resumed=sequence is not None)
        self._text = AnswerText(self._thoughts, resumed=sequence is not None)
        self._calls = Calls(taken)
        self._settled = False  # the last event ended a part or an item
        self._sequence = 0

    def feed(self, chunk: bytes) -> list[Event]:
        """The events that this chunk completes; none after the terminal one."""
        events: list[Event] = []
        try:
            if self._start is not None:
                chunk = self._without_mark(chunk)
            self._read(self._sse.feed(chunk), events)
            if self._text.length > MAX_CHARACTERS:
                raise MalformedEventError(f"the answer is longer than {MAX_CHARACTERS} characters")
        except UNREADABLE as error:
            events.append(self._unreadable(error))
        return events

    def ended(self) -> list[Event]:
        """The last events of a stream that ended without a terminal one: the last of them is."""
        events: list[Event] = []
        try:
            self._read_rest(events)
            if not self.finished:
                self._end(events)
        except UNREADABLE as error:
            events.append(self._unreadable(error))
        return events

    def lost(self, failed: Failed) -> list[Event]:
        """The last events of a stream that broke with this failure, perhaps behind its terminal event."""
        events: list[Event] = []
        with suppress(*UNREADABLE):
            self._read_rest(events)
        if not self.finished:
            self.finished = True
            events.append(failed)
        return events

    def broken(self, detail: str) -> Failed:
        """The terminal event of a stream that cannot be read any further."""
        self.finished = True
        return failures.failed(Code.CUT if self.began else Code.AMBIGUOUS, detail)

    def _unreadable(self, error: Exception) -> Failed:
        if not isinstance(error, WrongApiError):
            return self.broken(str(error))
        self.finished = True
        return failures.failed(Code.WRONG_API, str(error), uncertain=True)

    def _without_mark(self, chunk: bytes) -> bytes:
        """What follows the byte order mark that some servers begin with."""
        start = (self._start or b"") + chunk
        self._start = start if BOM.startswith(start) and start != BOM else None
        return start.removeprefix(BOM) if self._start is None else b""

    def _read(self, sent: list[bytes], events: list[Event]) -> None:
        for event in sent:
            data = sse.data(event)
            if data and data != sse.DONE:
                self._read_data(data, event, events)
            elif data:
                self._end(events, announced=True)
            if self.finished:
                return

    def _read_data(self, data: bytes, event: bytes, events: list[Event]) -> None:
        try:
            known = self._decoder.decode(data, event)
        except MalformedEventError:
            lines = data.split(b"\n")
            if len(lines) == 1 or not all(line.startswith((b"{", sse.DONE)) for line in lines):
                raise
            self._read([b"data: " + line for line in lines], events)  # events without blank lines between them
        else:
            self._take(known, events)

    def _read_rest(self, events: list[Event]) -> None:
        """Read an event without a blank line behind it; half an event is none."""
        if not self.finished:
            with suppress(MalformedEventError):
                self._read([self._sse.end()], events)

    def _take(self, event: Known, events: list[Event]) -> None:
        self.began = True
        if 0 < event.sequence <= MAX_SEQUENCE:
            if event.sequence <= self._after:
                return
            self._sequence = event.sequence
        match event:
            case TextDelta() | RefusalDelta():  # nearly every event
                self._text.add(event, self._sequence, events)
            case ThoughtDelta():
                self._settled = False
                events += self._thoughts.add(event.source, event.index, event.delta, self._sequence)
            case ArgumentsDelta():
                self._settled = False
                events += self._calls.growing(event)
            case ItemAdded():
                self._begin_item(event, events)
            case ErrorEvent():
                self._fail(event.whole, None, events)
            case ResponseCreated() | ResponseInProgress() | ResponseQueued():
                self._add_created(event, events)
            case WithResponse():
                self._finish(event, events)
            case Ignored():
                pass
            case _:
                self._finish_part(event, events)

    def _add_created(self, event: WithResponse, events: list[Event]) -> None:
        response, created = event.response, self._created
        if created is None:
            if response.id:
                self._created = response
                events.append(Created(response.id, response.model, self._sequence))
            return
        is_other = isinstance(event, ResponseCreated) and created.id and response.id not in ("", created.id)
        if is_other and not self._silent:
            self._end(events, detail="a second response began in the stream of the first")

    def _begin_item(self, event: ItemAdded, events: list[Event]) -> None:
        item = event.item
        self._settled = self._settled and not item
        self._flush_half(events)
        if item.get("type") == "reasoning":
            events += self._thoughts.begin_item(item, place=self._text.length, sequence=self._sequence)
        elif is_message(item):
            self._text.begin_message(item, self._sequence, events)
        events += self._calls.added(item, event.output_index)

    def _finish_part(self, event: Shape, events: list[Event]) -> None:
        self._flush_half(events)
        match event:
            case TextDone():
                self._settled = True
                self._text.finish_part(event.text, self._sequence, events)
            case RefusalDone():
                self._settled = True
                self._text.finish_part(event.refusal, self._sequence, events, refusal=True)
            case PartDone():
                self._finish_content_part(event, events)
            case SummaryPartAdded():
                self._thoughts.begin_part()
            case ThoughtDone():
                events += self._thoughts.finish_part(event.source, event.index, event.text, self._sequence)
            case SummaryPartDone():
                text = string(event.part.get("text"))
                events += self._thoughts.finish_part("summary_text", event.index, text, self._sequence)
            case ArgumentsDone():
                self._settled = True
                events += self._calls.arguments_done(event)
            case ItemDone():
                self._finish_item(event, events)

    def _finish_content_part(self, event: PartDone, events: list[Event]) -> None:
        text, refusal = string(event.part.get("text")), string(event.part.get("refusal"))
        if event.part.get("type") == "reasoning_text":
            events += self._thoughts.finish_part("reasoning_text", event.index, text, self._sequence)
        else:
            self._text.finish_part(text or refusal, self._sequence, events, refusal=not text)

    def _finish_item(self, event: ItemDone, events: list[Event]) -> None:
        item = event.item
        if item.get("type") == "reasoning":
            events += self._thoughts.finish_item(item, place=self._text.length, sequence=self._sequence)
            return
        self._settled = True
        if is_message(item):
            self._text.finish_message(item, self._sequence, events)
        events += self._calls.done(item, event.output_index, self._sequence)

    def _flush_half(self, events: list[Event]) -> None:
        if half := self._decoder.flush():
            self._text.add(TextDelta(half, self._sequence), self._sequence, events)

    @property
    def _silent(self) -> bool:
        return self._text.empty and not self._calls.any

    def _end(self, events: list[Event], *, announced: bool = False, detail: str = NO_END) -> None:
        """The stream is over without a terminal event; `announced`: the server said that it was over."""
        settled = self._calls.settled and (announced or (self._settled and not self._text.open))
        if settled and not self._silent and not self._resumable:
            logger.warning("A response ended without its terminal event")
            self._finish(ResponseCompleted(), events)
            return
        events.append(self.broken(detail))

    def _finish(self, event: WithResponse, events: list[Event]) -> None:
        response, usage = event.response, token_usage(event.response.usage) or token_usage(event.usage)
        reason = incomplete_reason(event)
        if usage and 0 < self._max_output_tokens <= usage.output_tokens:
            reason = reason or TOKEN_LIMIT  # llama.cpp just says that it is complete (observed on 2026-11-29)
        self._flush_half(events)
        if has_failed(event):
            self._fail(response.error or event.error, usage, events)
        elif reason == CONTENT_FILTER:
            self.finished = True
            events.append(failures.failed(Code.CONTENT_FILTER, "response.incomplete: content_filter", usage=usage))
        else:
            self._take_output(response.output, events, cut=reason is not None)
            self.finished = True
            events.append(self._completed(response, usage, reason))

    def _fail(self, error: object, usage: Usage | None, events: list[Event]) -> None:
        self.finished = True
        events.append(failures.from_body(error or "no error says why", usage=usage))

    def _take_output(self, output: object, events: list[Event], *, cut: bool) -> None:
        """What only the terminal event has."""
        items = objects(output)
        for item in self._thoughts.unseen(output):
            place = len(together(messages(items[: items.index(item)])))
            events += self._thoughts.finish_item(item, place=place, sequence=self._sequence)
        self._text.finish(output, self._sequence, events)
        events += self._calls.finish(output, self._sequence, cut=cut)

    def _completed(self, response: Response, usage: Usage | None, reason: str | None) -> Completed:
        created = self._created or Response()
        return Completed(
            response_id=response.id or created.id,
            model=response.model or created.model,
            text=self._text.text(response.output),
            usage=usage,
            sequence=self._sequence,
            refused=self._text.refused or refused(response.output),
            incomplete_reason=reason,
            request_id=self.request_id,
            service_tier=response.service_tier,
        )
