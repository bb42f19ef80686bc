"""Trying again, by two rules.

A request is sent again only if it never ran, and only while nothing of the answer has come. A run that goes on at the
provider by itself (background) is never sent again: its stream is resumed after the last event that came.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import AsyncGenerator

from chat.llm.events import Code, Created, Event, Failed, RefusalDelta, TextDelta, ToolCall
from chat.llm.provider.provider import ModelRequest, Provider, Resumption

MAX_RETRY_AFTER_SECONDS = 20.0  # a provider that asks for more is told no: nobody waits that long for a first word
MAX_WAIT_SECONDS = 30.0  # for all retries of a request together
PAUSES: dict[Code, tuple[float, ...]] = {  # seconds before each retry
    Code.UNREACHABLE: (0.5, 1, 2),
    Code.RATE_LIMITED: (1, 2, 4),
    Code.OVERLOADED: (1, 2, 4),
    Code.PROVIDER_ERROR: (0.5,),  # HTTP 500 only
}
RESUMES, RESUMES_SECONDS = 5, 60.0  # so often in so many seconds
RESUME_PAUSES = (0.1, 0.5, 1, 2, 4)  # seconds before each
JITTER = 0.25  # of a pause, added to it, so that many who were refused together do not come back together

logger = logging.getLogger(__name__)


class Attempts:
    """One request, sent until it is taken or the rule says no. Close it."""

    def __init__(
        self,
        provider: Provider,
        request: ModelRequest,
        *,
        most: int | None = None,
        resume: Resumption | None = None,
    ) -> None:
        self._provider = provider
        self._request = request
        self._most = most  # retries; None: as many as the rule allows
        self._waited = 0.0
        self._events: AsyncGenerator[Event, None] | None = None  # of the attempt that was taken
        self._response_id = resume.response_id if resume else ""
        self._after = resume.after if resume else -1  # the number of the last event that came
        self._resumed_at: list[float] = []
        self.count = 0
        self.in_flight = False  # the provider has the request, or may have it

    async def next_event(self) -> Event | None:
        """The next one, None after the last. Failures that lead to another attempt are only logged."""
        event = await anext(self._events, None) if self._events else await self._taken()
        if self._request.background:
            while isinstance(event, Failed) and self._may_resume(event):
                event = await self._resume(event)
            self._keep_place(event)
        return event

    def _keep_place(self, event: Event | None) -> None:
        match event:
            case Created():
                self._response_id, self._after = event.response_id, event.sequence
            case TextDelta() | RefusalDelta() | ToolCall():
                self._after = event.sequence

    def _may_resume(self, failed: Failed) -> bool:
        gone = failed.status is not None and failed.status in range(400, 500) and failed.status not in (408, 429)
        if failed.code is not Code.CUT or gone or not self._response_id:
            return False
        now = time.monotonic()
        return sum(now - at < RESUMES_SECONDS for at in self._resumed_at) < RESUMES

    async def _resume(self, failed: Failed) -> Event | None:
        pause = RESUME_PAUSES[min(len(self._resumed_at), len(RESUME_PAUSES) - 1)]
        logger.warning("The stream of a run broke off and is resumed in %.1f s: %s", pause, failed.detail)
        await self.close()
        await asyncio.sleep(pause * (1 + JITTER * random.random()))  # noqa: S311 - it spreads load, no secret
        return await self._resumed_events()

    async def _resumed_events(self) -> Event | None:
        self._resumed_at.append(time.monotonic())
        self._events = self._provider.resume(self._response_id, after=self._after, taken=self._request.calls)
        return await anext(self._events, None)

    async def _taken(self) -> Event | None:
        """The first event of the attempt that the provider takes, or the failure of the last one."""
        if self._response_id:
            self.count, self.in_flight = 1, True
            return await self._resumed_events()
        while True:
            event = await self._first_event()
            if not isinstance(event, Failed):
                return event
            pause = self._pause(event)
            logger.warning("Attempt %d failed, %s: %s", self.count, _what_next(pause), event.detail)
            if pause is None:
                return event
            await self.close()
            self.in_flight = False
            await asyncio.sleep(pause)

    async def close(self) -> None:
        """Hang up, if the provider still writes."""
        if self._events:
            await self._events.aclose()
            self._events = None

    async def _first_event(self) -> Event | None:
        self.count += 1
        self.in_flight = True
        self._events = self._provider.stream(self._request)
        return await anext(self._events, None)

    def _pause(self, failed: Failed) -> float | None:
        """Seconds until the next attempt; None if there is none."""
        if self._most is not None and self.count > self._most:
            return None
        pause = pause_before_retry(failed, self.count, random.random())  # noqa: S311 - it spreads load, no secret
        if pause is None or self._waited + pause > MAX_WAIT_SECONDS:
            return None
        self._waited += pause
        return pause


def pause_before_retry(failed: Failed, attempt: int, chance: float) -> float | None:
    """Seconds to wait after that many attempts, with `chance` (0 to 1) of the jitter; None: do not send it again."""
    pauses = PAUSES.get(failed.code, ())
    never_ran = failed.code is Code.UNREACHABLE or failed.status in (429, 500, 503, 529)
    if not never_ran or attempt > len(pauses) or (failed.retry_after_seconds or 0) > MAX_RETRY_AFTER_SECONDS:
        return None
    return (failed.retry_after_seconds or pauses[attempt - 1]) * (1 + JITTER * chance)


def _what_next(pause: float | None) -> str:
    return "not to be sent again" if pause is None else f"again in {pause:.1f} s"
