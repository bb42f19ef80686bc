"""The tools of one round, running beside the stream that asks for more of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from chat.llm.call import Item, Toolbox, ToolCallFinished, tool_items
from chat.llm.events import Event, ToolCall
from chat.llm.tools.registry import ToolResult
from chat.text import storable


class ToolRuns:
    """Calls that are under way, and the results of those that have ended. Close it."""

    def __init__(self, toolbox: Toolbox | None) -> None:
        self._toolbox = toolbox
        self._calls: list[ToolCall] = []
        self._running: dict[asyncio.Task[ToolResult], ToolCall] = {}
        self._outputs: dict[str, str] = {}
        self._upcoming: asyncio.Task[Event | None] | None = None

    def start(self, call: ToolCall) -> None:
        """Run one, beside everything else."""
        self._calls.append(call)
        self._running[asyncio.create_task(self._run(call), name=f"tool {call.name}")] = call

    async def or_next(
        self, following: Callable[[], Coroutine[Any, Any, Event | None]]
    ) -> Event | ToolCallFinished | None:
        """A tool that has ended, or the following event if that is first; it is waited for on in the next call.

        Raises what the toolbox raised.
        """
        if not self._running and not self._upcoming:
            return await following()
        self._upcoming = self._upcoming or asyncio.create_task(following())
        await asyncio.wait({self._upcoming, *self._running}, return_when=asyncio.FIRST_COMPLETED)
        if finished := self._finished():
            return finished
        event, self._upcoming = self._upcoming, None
        return event.result()

    async def next_finished(self) -> ToolCallFinished | None:
        """The next one that ends; None if none is running. Raises what the toolbox raised."""
        if not self._running:
            return None
        await asyncio.wait(self._running, return_when=asyncio.FIRST_COMPLETED)
        return self._finished()

    async def close(self) -> None:
        """Whoever asked for them is gone."""
        left = [*self._running, *([self._upcoming] if self._upcoming else [])]
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    def items(self) -> tuple[Item, ...]:
        """What the next round is told: all calls, then all results."""
        return tool_items(
            (call.call_id, call.name, call.arguments, self._outputs[call.call_id]) for call in self._calls
        )

    async def _run(self, call: ToolCall) -> ToolResult:
        if self._toolbox is None:
            return ToolResult("There are no tools here.", ok=False)
        return await self._toolbox.run(call)

    def _finished(self) -> ToolCallFinished | None:
        task = next((task for task in self._running if task.done()), None)
        if task is None:
            return None
        call = self._running.pop(task)
        # Nobody but us cancels these, so it was something inside that the tool waited for: no reason to end the call.
        result = ToolResult(f"{call.name} was cancelled.", ok=False) if task.cancelled() else task.result()
        output = self._outputs[call.call_id] = storable(result.output)
        return ToolCallFinished(call.call_id, call.name, call.arguments, output, result.ok)
