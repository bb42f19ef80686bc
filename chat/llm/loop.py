"""The tool loop of a call: rounds with the provider until there is an answer, with tools in between."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

from chat.llm import errors
from chat.llm.call import Call, CallEvent, Final, Item, Result, RoundFinished
from chat.llm.cancellation import whole
from chat.llm.events import Completed, Created, Failed, ToolCall
from chat.llm.journal import CallLog, Plan
from chat.llm.pricing import Prices
from chat.llm.provider.provider import Provider, Resumption
from chat.llm.provider.retries import Attempts
from chat.llm.round import Round
from chat.llm.toolruns import ToolRuns

MAX_ROUNDS = 8

logger = logging.getLogger(__name__)


class Loop:
    """One call, run once."""

    def __init__(self, call: Call, provider: Provider, prices: Prices) -> None:
        self._call = call
        self._provider = provider
        self._prices = prices
        self._logs: list[CallLog] = []

    async def events(self) -> AsyncGenerator[CallEvent, None]:
        """Everything that happens, and Final at the end. Raises CallFailed, and whatever the journal raises."""
        resume = self._call.resume
        so_far: tuple[Item, ...] = resume.so_far if resume else ()
        try:
            for number in range(resume.number if resume else 1, MAX_ROUNDS + 1):
                async with self._round(self._call.plan(number, so_far), resume) as current:
                    while event := await current.next_event():
                        match event:
                            case Created():
                                await self._call.journal.created(current.plan, event.response_id, event.sequence)
                            case ToolCall():
                                current.tools.start(event)  # it runs while the rest of the round still streams
                            case Completed() | Failed():
                                continue
                        yield event
                    yield RoundFinished(await whole(self._log(current)))
                    if current.failure:
                        raise current.failure
                    while finished := await current.tools.next_finished():
                        yield finished
                if not current.calls:
                    yield Final(Result(current.text, current.parsed, tuple(self._logs)))
                    return
                so_far += current.items()
                resume = None
            raise errors.TooManyRounds("The model called tools again and again, without an answer.")
        except errors.CallFailed as error:
            error.calls = tuple(self._logs)
            raise

    @asynccontextmanager
    async def _round(self, plan: Plan, resume: Resumption | None) -> AsyncIterator[Round]:
        """One round, which is in the books and leaves nothing behind, however it is left."""
        if resume is None:
            await self._call.journal.begin(plan)
        attempts = Attempts(self._provider, plan.request, most=self._call.retries, resume=resume)
        current = Round(plan, attempts, ToolRuns(self._call.toolbox))
        if resume:
            current.resume(resume)
        try:
            yield current
        finally:
            await whole(self._leave(current))

    async def _leave(self, current: Round) -> None:
        try:
            await current.close()
        finally:
            await self._log_early_end(current)

    async def _log_early_end(self, current: Round) -> None:
        if current.logged:
            return
        try:
            await self._log(current)
        except Exception:  # why it was left is being raised, and must not be hidden by this
            logger.exception("A round that was left early is not in the books")

    async def _log(self, current: Round) -> CallLog:
        current.logged = True
        current.judge(self._call)
        log = await current.log(self._prices)
        self._logs.append(log)
        await self._call.journal.end(log)
        return log
