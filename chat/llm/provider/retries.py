"""Retrying a request, or resuming its stream, by two rules.

A request is sent again only if it never ran, and only before the first event of an answer: the same one after a pause,
or at once without the part that was refused. A background run continues at the provider by itself, so it is never sent
again: its stream is resumed after the last event that came.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from http import HTTPStatus

from chat.llm.advice import ADVICE
from chat.llm.events import (
    Code,
    Created,
    Event,
    Failed,
    ReasoningDelta,
    ReasoningItem,
    RefusalDelta,
    TextDelta,
    ToolCall,
)
from chat.llm.provider.adapting import MAX_ADAPTATIONS, Adaptation, adapted
from chat.llm.provider.provider import Pace, Provider
from chat.llm.provider.request import ModelRequest, Resumption

MAX_RETRY_AFTER_SECONDS = 20.0  # people do not wait longer for the first word: give up at once
MAX_WAIT_SECONDS = 30.0  # for all retries of a request together
PAUSES: dict[Code, tuple[float, ...]] = {  # seconds before each retry
    Code.UNREACHABLE: (0.5, 1, 2),
    Code.RATE_LIMITED: (1, 2, 4),
    Code.OVERLOADED: (1, 2, 4),
    Code.PROVIDER_ERROR: (0.5,),  # HTTP 500 only
}
RESUMES, RESUMES_SECONDS = 5, 60.0  # a stream that breaks off more often cannot be read
RESUME_PAUSES = (0.1, 0.5, 1, 2, 4)  # seconds before each
JITTER = 0.25  # of a pause, added to it, so that requests refused together do not come back together

logger = logging.getLogger(__name__)


class Retries:
    """One request and every attempt at it."""

    def __init__(
        self,
        provider: Provider,
        request: ModelRequest,
        *,
        most: int | None = None,
        resume: Resumption | None = None,
        user: object = None,
        pace: Pace | None = None,
    ) -> None:
        """`user`: whose failures count once for the breaker; None: this request's alone. `pace`: see `Provider`."""
        self.request = request  # as it was sent last
        self._provider = provider
        self._adaptations: list[Adaptation] = []
        self._most = most  # retries; None: as many as the rule allows
        self._waited_seconds = 0.0
        self._began = resume is not None  # an event came
        self._response_id = resume.response_id if resume else ""  # of a run whose stream can be resumed
        self._sequence = resume.sequence if resume else -1  # of the last event that came
        self._resumed_at: list[float] = []
        self._holds = 0  # how often it waited while the provider was down
        self._is_probe = False  # the provider is down, and this attempt tests whether it is back
        self._user = user or object()
        self._pace = pace
        self.attempts = 1 if resume else 0
        self.in_flight = False  # the provider has the request, or may have it

    async def events(self) -> AsyncGenerator[Event, None]:
        """The provider's events; failures that lead to another attempt are only logged. To be read once."""
        background = self.request.background
        while True:
            if not self._is_admitted():
                pause = self._pause_while_down()
                if pause is None:
                    yield self._provider.breaker.refusal()
                    return
                await asyncio.sleep(pause)
                continue
            pause, heard = None, False
            async with self._watched(), aclosing(self._stream()) as stream:
                async for event in stream:
                    if not heard or isinstance(event, Failed):
                        self._judge(event)
                        heard = True
                    if isinstance(event, Failed):
                        self._keep_context(event)
                        pause = 0 if self._adapt(event) else self._pause_after(event)
                        if pause is not None:
                            break
                    elif not self._began:
                        self._remember()
                    self._began = True
                    if background:
                        self._keep_position(event)
                    yield event
            if pause is None:
                return
            await asyncio.sleep(pause)

    def _is_admitted(self) -> bool:
        """An existing run is always resumed, which costs the provider nothing."""
        breaker = self._provider.breaker
        if self._response_id:
            return True
        admitted = breaker.admit()
        self._is_probe = admitted and breaker.is_down
        return admitted

    def _pause_while_down(self) -> float | None:
        """Seconds until this request asks for admission again; None: it fails.

        A new request fails at once, unless a probe is running: then it waits for the result, since a slow model may
        need half a minute for its first word. A request sent before the provider went down keeps its retry pauses,
        and continues if the provider is back by then.
        """
        pauses = PAUSES.get(Code.UNREACHABLE, ())[: self._most]
        tries = self.attempts + self._holds
        if pauses and self._provider.breaker.is_half_open and self._waited_seconds <= MAX_WAIT_SECONDS:
            pause = pauses[min(tries, len(pauses) - 1)]
        elif self.attempts and tries < len(pauses):
            pause = pauses[tries]
        else:
            return None
        self._holds += 1
        self._waited_seconds += pause
        return pause * (1 + JITTER * random.random())  # noqa: S311 - it spreads load, no secret

    def _judge(self, event: Event) -> None:
        """What the event says about the provider as a whole; failures of our own limits say nothing."""
        breaker, probe = self._provider.breaker, self._is_probe
        if not isinstance(event, Failed) or (event.status is not None and not event.outage):
            breaker.answered()
        elif event.outage and not self._began:
            breaker.failed(event, self._user, probe=probe)
        else:
            return
        self._is_probe = False

    @asynccontextmanager
    async def _watched(self) -> AsyncIterator[None]:
        """A probe that ends without a result, as when it is stopped, makes room for another."""
        try:
            yield
        finally:
            if self._is_probe:
                self._is_probe = False
                self._provider.breaker.probe_withdrawn()

    def _stream(self) -> AsyncGenerator[Event, None]:
        self.in_flight = True
        if self._response_id:
            self._resumed_at.append(time.monotonic())
            return self._provider.resume(
                self._response_id, sequence=self._sequence, request=self.request, pace=self._pace
            )
        self.attempts += 1
        return self._provider.stream(self.request, pace=self._pace)

    def _adapt(self, refused: Failed) -> bool:
        """Change the request after its refusal, if it never ran and can be sent in another form."""
        if self._began or refused.status is None or len(self._adaptations) >= MAX_ADAPTATIONS:
            return False
        adaptation = adapted(self.request, refused)
        if adaptation is None:
            return False
        logger.warning(
            "%s refused a request for %s, which is sent %s: %s",
            self._provider.address,
            self.request.model,
            adaptation.told,
            refused.detail,
        )
        self.request = adaptation.request
        self._adaptations.append(adaptation)
        self.in_flight = False
        return True

    def _keep_context(self, refused: Failed) -> None:
        """The next long conversation is then shortened before it is sent."""
        if refused.code is Code.CONTEXT_TOO_LONG and refused.limit:
            self._provider.memory.add(self.request.model, context=refused.limit)

    def _remember(self) -> None:
        """The request was accepted, so the changes were right."""
        for adaptation in self._adaptations:
            if adaptation.leave_out or adaptation.max_output:
                self._provider.memory.add(self.request.model, adaptation.leave_out, max_output=adaptation.max_output)

    def _keep_position(self, event: Event) -> None:
        match event:
            case Created():
                self._response_id, self._sequence = event.response_id, event.sequence
            case ReasoningDelta(text=""):  # a part begins: the resumed stream must announce it again
                pass
            case TextDelta() | RefusalDelta() | ReasoningDelta() | ReasoningItem() | ToolCall():
                self._sequence = event.sequence

    def _pause_after(self, failed: Failed) -> float | None:
        """Seconds until the next attempt; None if there is none."""
        if self.request.background and self._response_id:
            return self._pause_before_resume(failed)
        if self._began:
            told = "The stream of %s broke, and is not continued: %s (%s: %s)"
            logger.warning(told, self.request.model, failed.detail, self._provider.address, ADVICE[failed.code])
            return None
        return self._pause_before_retry(failed)

    def _pause_before_resume(self, failed: Failed) -> float | None:
        gone = failed.status is not None and failed.status in range(400, 500) and failed.status not in (408, 429)
        now = time.monotonic()
        recent = sum(now - at < RESUMES_SECONDS for at in self._resumed_at)
        if failed.code is not Code.CUT or gone or recent >= RESUMES:
            return None
        pause = RESUME_PAUSES[min(len(self._resumed_at), len(RESUME_PAUSES) - 1)]
        logger.warning("The stream of a background run broke and is resumed in %.1f s: %s", pause, failed.detail)
        return pause * (1 + JITTER * random.random())  # noqa: S311 - it spreads load, no secret

    def _pause_before_retry(self, failed: Failed) -> float | None:
        may_retry = self._most is None or self.attempts <= self._most
        pause = pause_before_retry(failed, self.attempts, random.random()) if may_retry else None  # noqa: S311 - the same
        if pause is not None and self._waited_seconds + pause > MAX_WAIT_SECONDS:
            pause = None
        if pause is None:
            told = "Attempt %d of %s failed, not retried: %s (%s: %s)"
            logger.warning(
                told, self.attempts, self.request.model, failed.detail, self._provider.address, ADVICE[failed.code]
            )
        else:
            logger.debug("Attempt %d failed, retried in %.1f s: %s", self.attempts, pause, failed.detail)
        if pause is not None:
            self._waited_seconds += pause
            self.in_flight = False
        return pause


def pause_before_retry(failed: Failed, attempt: int, chance: float) -> float | None:
    """Seconds to wait after this attempt, with `chance` (0 to 1) of the jitter; None: do not send it again."""
    pauses = PAUSES.get(failed.code, ())
    told = failed.status is not None and failed.code in (Code.RATE_LIMITED, Code.OVERLOADED)
    never_ran = told or failed.code is Code.UNREACHABLE or failed.status == HTTPStatus.INTERNAL_SERVER_ERROR
    if not never_ran or attempt > len(pauses) or (failed.retry_after_seconds or 0) > MAX_RETRY_AFTER_SECONDS:
        return None
    return (failed.retry_after_seconds or pauses[attempt - 1]) * (1 + JITTER * chance)
