"""The tool loop of a call: rounds with the provider until there is an answer, with tools in between."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Coroutine
from contextlib import aclosing
from typing import Any, TypeVar

from chat.llm import errors
from chat.llm.calls import Call, CallEvent, Final, Item, Result, RoundFinished
from chat.llm.events import Completed, Created, Failed, ToolCall
from chat.llm.journal import CallLog
from chat.llm.pricing import Prices
from chat.llm.provider import Provider
from chat.llm.retries import Attempts
from chat.llm.rounds import Round
from chat.llm.toolruns import ToolRuns, with_tools

MAX_ROUNDS = 8
T = TypeVar("T")


class Loop:
    """One call, run once."""

    def __init__(self, call: Call, provider: Provider, prices: Prices) -> None:
        self._call = call
        self._provider = provider
        self._prices = prices
        self._logs: list[CallLog] = []

    async def events(self) -> AsyncGenerator[CallEvent, None]:
        """Everything that happens, and Final at the end. Raises CallFailed, and whatever the journal raises."""
        so_far: tuple[Item, ...] = ()
        try:
            for number in range(1, MAX_ROUNDS + 1):
                current = Round(self._call.plan(number, so_far))
                async with aclosing(self._round(current)) as events:
                    async for event in events:
                        yield event
                if not current.calls:
                    yield Final(Result(current.text, current.parsed, tuple(self._logs)))
                    return
                so_far += current.items
            raise errors.TooManyRounds("The model called tools again and again, without an answer.")
        except errors.CallFailed as error:
            error.calls = tuple(self._logs)
            raise

    async def _round(self, current: Round) -> AsyncGenerator[CallEvent, None]:
        """One round and the tools that it asks for; they run while the rest of it still streams."""
        await self._call.journal.begin(current.plan)
        attempts = Attempts(self._provider, current.plan.request, most=self._call.retries)
        tools = ToolRuns(self._call.toolbox)
        open_round = True
        try:
            async with aclosing(with_tools(attempts.events(), tools)) as events:
                async for event in events:
                    current.saw(event)
                    match event:
                        case Created():
                            await self._call.journal.created(current.plan, event.response_id, event.sequence)
                        case ToolCall():
                            tools.start(event)
                    if not isinstance(event, Completed | Failed):
                        yield event
            open_round = False
            yield RoundFinished(await _whole(self._log(current, attempts)))
            if current.failure:
                raise current.failure
            async for finished in tools.rest():
                yield finished
            current.items = tools.items()
        finally:
            await tools.cancel()
            if open_round:
                await _whole(self._log(current, attempts))

    async def _log(self, current: Round, attempts: Attempts) -> CallLog:
        current.judge(self._call)
        log = await current.log(attempts, self._prices)
        self._logs.append(log)
        await self._call.journal.end(log)
        return log


async def _whole(work: Coroutine[Any, Any, T]) -> T:
    """Do it to its end even if the caller is cancelled meanwhile: what was paid for has to be in the books."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        raise
