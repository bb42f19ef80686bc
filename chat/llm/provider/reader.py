"""The provider's event stream, read: bytes in, our events out, exactly one of them terminal."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from chat.llm import events as out
from chat.llm.events import Code, Completed, Created, Event, Failed, Usage
from chat.llm.provider import failures, sse
from chat.llm.provider.function_calls import Calls
from chat.llm.provider.shapes import (
    ArgumentsDelta,
    ErrorEvent,
    ItemAdded,
    ItemDone,
    Known,
    MalformedEventError,
    OutputTextDelta,
    ReasoningSummaryDelta,
    RefusalDelta,
    Response,
    ResponseCompleted,
    ResponseCreated,
    ResponseFailed,
    ResponseIncomplete,
    ResponseInProgress,
    ResponseQueued,
    incomplete_reason,
    output_text,
    parsed,
    refused,
    token_usage,
)
from chat.llm.provider.text import Joiner
from chat.text import storable


class ResponseReader:
    """Reads one response. Feed it chunks until `finished`; ask `ended()` if the stream is over before that.

    `after` is for a stream that resumes another one: the number of the last event that was read of it. `taken` are ids
    of calls that the request tells of.
    """

    def __init__(self, *, after: int | None = None, taken: Iterable[str] = ()) -> None:
        self.request_id = ""  # of the HTTP request, for support and logs
        self.began = after is not None  # an event came: the provider has the request
        self.finished = False  # the terminal event is out
        self._sse = sse.Decoder()
        self._joiner = Joiner()
        self._after = -1 if after is None else after  # what is numbered up to there was read before
        self._created = after is not None
        self._texts: list[str] = []
        self._refused = False
        self._calls = Calls(taken)
        self._sequence = 0

    def feed(self, chunk: bytes) -> list[Event]:
        """The events that this chunk completes; after a terminal one there are no more."""
        events: list[Event] = []
        try:
            for data in self._sse.feed(chunk):
                self._take(parsed(data), events)
                if self.finished:
                    break
        except (MalformedEventError, sse.EventTooLargeError) as error:
            events.append(self.broken(str(error)))
        return events

    def broken(self, detail: str) -> Failed:
        """The terminal event where the stream cannot be read on."""
        self.finished = True
        return failures.failed(Code.CUT if self.began else Code.AMBIGUOUS, detail)

    def ended(self) -> Failed:
        """The terminal event where the stream ended without one."""
        return self.broken("the stream ended without a terminal event")

    def _take(self, event: Known, events: list[Event]) -> None:
        self.began = True
        if event.sequence_number is not None and event.sequence_number <= self._after:
            return
        self._sequence = event.sequence_number or self._sequence
        match event:
            case OutputTextDelta():
                self._add_text(self._joiner.push(event.delta), events)
            case RefusalDelta():
                self._refused = True
                self._add_text(self._joiner.push(event.delta), events)
            case ReasoningSummaryDelta():
                events.append(out.Reasoning(storable(event.delta)))
            case ItemAdded():
                self._add_item(event.item, events)
            case ArgumentsDelta():
                events += self._calls.growing(event.item_id, event.delta)
            case ItemDone():
                events += self._calls.done(event.item, self._sequence)
            case ResponseCreated() | ResponseInProgress() | ResponseQueued():
                self._add_created(event.response, events)
            case ResponseCompleted() | ResponseIncomplete() | ResponseFailed():
                self._finish(event, events)
            case ErrorEvent():
                self.finished = True
                events.append(failures.from_body(event.error or {"code": event.code, "message": event.message}))
            case _:
                pass  # known and of no use to us

    def _add_text(self, text: str, events: list[Event]) -> None:
        if text:
            self._texts.append(text)
            events.append((out.RefusalDelta if self._refused else out.TextDelta)(text, self._sequence))

    def _add_created(self, response: Response, events: list[Event]) -> None:
        if not self._created and response.id:
            self._created = True
            events.append(Created(storable(response.id), storable(response.model), self._sequence))

    def _add_item(self, item: dict[str, Any], events: list[Event]) -> None:
        if item.get("type") == "reasoning":
            events.append(out.Reasoning(""))
        events += self._calls.added(item)

    def _finish(self, event: ResponseCompleted | ResponseIncomplete | ResponseFailed, events: list[Event]) -> None:
        response, usage = event.response, token_usage(event.response.usage)
        self._add_text(self._joiner.flush(), events)
        reason = incomplete_reason(event)
        self.finished = True
        if isinstance(event, ResponseFailed):
            events.append(failures.from_body(response.error, usage=usage))
        elif reason == "content_filter":
            events.append(failures.failed(Code.CONTENT_FILTER, "response.incomplete: content_filter", usage=usage))
        else:
            events += self._calls.missed(response.output, self._sequence)
            events.append(self._completed(response, usage, reason))

    def _completed(self, response: Response, usage: Usage | None, reason: str | None) -> Completed:
        return Completed(
            response_id=storable(response.id),
            model=storable(response.model),
            text=output_text(response.output) or "".join(self._texts),
            usage=usage,
            sequence=self._sequence,
            refused=self._refused or refused(response.output),
            incomplete_reason=reason,
            request_id=self.request_id,
        )
