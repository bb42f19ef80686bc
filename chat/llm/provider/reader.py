"""Reading the provider's event stream: bytes in, our events out, exactly one of them terminal."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from chat.llm.events import (
    Code,
    Completed,
    Created,
    Event,
    Failed,
    ReasoningDelta,
    ReasoningItem,
    RefusalDelta,
    TextDelta,
    Usage,
)
from chat.llm.provider import failures, sse
from chat.llm.provider.function_calls import Calls
from chat.llm.provider.shapes import (
    ArgumentsDelta,
    ErrorEvent,
    EventDecoder,
    ItemAdded,
    ItemDone,
    Known,
    MalformedEventError,
    ReasoningSummaryDelta,
    ReasoningTextDelta,
    Response,
    ResponseCompleted,
    ResponseCreated,
    ResponseFailed,
    ResponseIncomplete,
    ResponseInProgress,
    ResponseQueued,
    incomplete_reason,
    objects,
    output_text,
    refused,
    string,
    token_usage,
)


class ResponseReader:
    """Reads one response. Feed it chunks until `finished`; call `ended()` if the stream ends before that.

    `sequence` is for a stream that resumes another one: the number of the last event read. `taken` are the ids of
    calls that are part of the request.
    """

    def __init__(self, *, sequence: int | None = None, taken: Iterable[str] = ()) -> None:
        self.request_id = ""  # of the HTTP request, for logs and the provider's support
        self.began = sequence is not None  # an event came, so the provider has the request
        self.finished = False  # the terminal event is out
        self._sse = sse.Decoder()
        self._decoder = EventDecoder()
        self._after = sequence or 0  # events up to this number were read before
        self._created = sequence is not None
        self._texts: list[str] = []
        self._refused = False
        self._reasoning_items = 0  # that are out
        self._calls = Calls(taken)
        self._sequence = 0

    def feed(self, chunk: bytes) -> list[Event]:
        """The events that this chunk completes; none after the terminal one."""
        events: list[Event] = []
        try:
            for data in self._sse.feed(chunk):
                self._take(self._decoder.decode(data), events)
                if self.finished:
                    break
        except (MalformedEventError, sse.EventTooLargeError) as error:
            events.append(self.broken(str(error)))
        return events

    def broken(self, detail: str) -> Failed:
        """The terminal event of a stream that cannot be read any further."""
        self.finished = True
        return failures.failed(Code.CUT if self.began else Code.AMBIGUOUS, detail)

    def ended(self) -> Failed:
        """The terminal event of a stream that ended without one."""
        return self.broken("the stream ended without a terminal event")

    def _take(self, event: Known, events: list[Event]) -> None:
        self.began = True
        if event.sequence:
            if event.sequence <= self._after:
                return
            self._sequence = event.sequence
        match event:
            case TextDelta() | RefusalDelta():
                self._add_text(event, events)
            case ReasoningSummaryDelta() | ReasoningTextDelta():
                events.append(ReasoningDelta(event.delta, self._sequence))
            case ItemAdded():
                self._add_item(event.item, events)
            case ArgumentsDelta():
                events += self._calls.growing(event.item_id, event.delta)
            case ItemDone():
                self._add_reasoning_items([event.item], events)
                events += self._calls.done(event.item, self._sequence)
            case ResponseCreated() | ResponseInProgress() | ResponseQueued():
                self._add_created(event.response, events)
            case ResponseCompleted() | ResponseIncomplete() | ResponseFailed():
                self._finish(event, events)
            case ErrorEvent():
                self.finished = True
                events.append(failures.from_body(event.error or {"code": event.code, "message": event.message}))
            case _:
                pass

    def _add_text(self, delta: TextDelta | RefusalDelta, events: list[Event]) -> None:
        if not delta.text:
            return
        self._texts.append(delta.text)
        self._refused = self._refused or isinstance(delta, RefusalDelta)
        kind = RefusalDelta if self._refused else TextDelta
        as_it_is = delta.sequence and isinstance(delta, kind)
        events.append(delta if as_it_is else kind(delta.text, self._sequence))

    def _add_created(self, response: Response, events: list[Event]) -> None:
        if not self._created and response.id:
            self._created = True
            events.append(Created(response.id, response.model, self._sequence))

    def _add_item(self, item: dict[str, Any], events: list[Event]) -> None:
        if item.get("type") == "reasoning":
            events.append(ReasoningDelta("", self._sequence))
        events += self._calls.added(item)

    def _unseen_reasoning(self, output: object) -> list[dict[str, Any]]:
        return [item for item in objects(output) if item.get("type") == "reasoning"][self._reasoning_items :]

    def _add_reasoning_items(self, items: list[dict[str, Any]], events: list[Event]) -> None:
        found = [item for item in items if item.get("type") == "reasoning"]
        self._reasoning_items += len(found)
        place = sum(map(len, self._texts)) if found else 0
        events += [ReasoningItem(item, self._sequence, place) for item in found]

    def _finish(self, event: ResponseCompleted | ResponseIncomplete | ResponseFailed, events: list[Event]) -> None:
        response, usage = event.response, token_usage(event.response.usage)
        self._add_text(TextDelta(self._decoder.flush()), events)
        reason = incomplete_reason(event)
        self.finished = True
        if isinstance(event, ResponseFailed):
            events.append(failures.from_body(response.error, usage=usage))
        elif reason == "content_filter":
            events.append(failures.failed(Code.CONTENT_FILTER, "response.incomplete: content_filter", usage=usage))
        else:
            self._add_reasoning_items(self._unseen_reasoning(response.output), events)
            events += self._calls.missed(response.output, self._sequence)
            events.append(self._completed(response, usage, reason))

    def _completed(self, response: Response, usage: Usage | None, reason: str | None) -> Completed:
        return Completed(
            response_id=response.id,
            model=response.model,
            text=output_text(response.output) or "".join(self._texts),
            usage=usage,
            sequence=self._sequence,
            refused=self._refused or refused(response.output),
            incomplete_reason=reason,
            request_id=self.request_id,
            service_tier=string(response.service_tier),
        )
