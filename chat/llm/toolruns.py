"""The tools of one round, running beside the stream that asks for more of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from typing import TypeVar

from chat.llm.calls import Item, Toolbox, ToolCallFinished
from chat.llm.events import ToolCall
from chat.llm.tools import ToolResult

T = TypeVar("T")


class ToolRuns:
    """Calls that are under way, and the results of those that have ended."""

    def __init__(self, toolbox: Toolbox | None) -> None:
        self._toolbox = toolbox
        self._calls: list[ToolCall] = []
        self._running: dict[asyncio.Task[ToolResult], ToolCall] = {}
        self._outputs: dict[str, str] = {}

    @property
    def running(self) -> frozenset[asyncio.Task[ToolResult]]:
        """Their tasks, which can be waited for."""
        return frozenset(self._running)

    def start(self, call: ToolCall) -> None:
        """Run one, beside everything else."""
        self._calls.append(call)
        self._running[asyncio.create_task(self._run(call), name=f"tool {call.name}")] = call

    def finished(self) -> list[ToolCallFinished]:
        """Those that have ended since the last time. Raises what the toolbox raised."""
        done = [task for task in self._running if task.done()]
        return [self._finish(task) for task in done]

    async def rest(self) -> AsyncGenerator[ToolCallFinished, None]:
        """The others, as they end."""
        while self._running:
            await asyncio.wait(self._running, return_when=asyncio.FIRST_COMPLETED)
            for finished in self.finished():
                yield finished

    async def cancel(self) -> None:
        """Whoever asked for them is gone."""
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        self._running.clear()

    def items(self) -> tuple[Item, ...]:
        """What the next round is told: all calls, then all results."""
        asked = [
            {"type": "function_call", "call_id": call.call_id, "name": call.name, "arguments": call.arguments}
            for call in self._calls
        ]
        answered = [
            {"type": "function_call_output", "call_id": call.call_id, "output": self._outputs[call.call_id]}
            for call in self._calls
        ]
        return (*asked, *answered)

    async def _run(self, call: ToolCall) -> ToolResult:
        if self._toolbox is None:
            return ToolResult("There are no tools here.", ok=False)
        return await self._toolbox.run(call)

    def _finish(self, task: asyncio.Task[ToolResult]) -> ToolCallFinished:
        call, result = self._running.pop(task), task.result()
        self._outputs[call.call_id] = result.output
        return ToolCallFinished(call.call_id, call.name, call.arguments, result.output, result.ok)


async def with_tools(events: AsyncGenerator[T, None], runs: ToolRuns) -> AsyncGenerator[T | ToolCallFinished, None]:
    """The events, and between them the tools that end meanwhile; while none runs, it costs nothing to speak of."""
    try:
        while True:
            if runs.running:
                upcoming = asyncio.ensure_future(_next(events))
                try:
                    while not upcoming.done():
                        await asyncio.wait({upcoming, *runs.running}, return_when=asyncio.FIRST_COMPLETED)
                        for finished in runs.finished():
                            yield finished
                finally:
                    upcoming.cancel()
                    await asyncio.gather(upcoming, return_exceptions=True)
                batch = upcoming.result()
            else:
                batch = await _next(events)
            if not batch:
                return
            yield batch[0]
    finally:
        await events.aclose()


async def _next(events: AsyncIterator[T]) -> tuple[T, ...]:
    """Nothing at the end."""
    async for event in events:
        return (event,)
    return ()
