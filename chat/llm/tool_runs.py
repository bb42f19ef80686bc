"""The tools of one round, running beside the stream that calls them."""

from __future__ import annotations

import asyncio

from chat.llm.call import Toolbox, ToolCallFinished
from chat.llm.events import ToolCall
from chat.llm.items import InputItem, output_item
from chat.llm.tools import ToolResult
from chat.text import storable, without_hidden


class ToolRuns:
    """Starts calls, and collects their results as input for the next request."""

    def __init__(self, toolbox: Toolbox | None) -> None:
        self.calls: list[ToolCall] = []
        self.running: dict[asyncio.Task[ToolResult], ToolCall] = {}
        self._toolbox = toolbox
        self._outputs: dict[str, str] = {}

    def knows(self, call: ToolCall) -> bool:
        return any(one.call_id == call.call_id for one in self.calls)

    def start(self, call: ToolCall) -> None:
        self.calls.append(call)
        self.running[asyncio.create_task(self._run(call), name=f"tool {call.name}")] = call

    def finished(self) -> ToolCallFinished | None:
        """The next finished result that was not yielded yet. Raises what the toolbox raised."""
        task = next((task for task in self.running if task.done()), None)
        if task is None:
            return None
        call = self.running.pop(task)
        # Only Round.close cancels these, so the tool itself awaited something cancelled: no reason to end the call.
        result = ToolResult(f"{call.name} was cancelled.", ok=False) if task.cancelled() else task.result()
        output = self._outputs[call.call_id] = without_hidden(storable(result.output))
        return ToolCallFinished(call.call_id, call.name, call.arguments, output, result.ok)

    def outputs(self) -> tuple[InputItem, ...]:
        """The results of all calls, as input for the next request."""
        return tuple(output_item(call.call_id, self._outputs[call.call_id]) for call in self.calls)

    async def _run(self, call: ToolCall) -> ToolResult:
        if self._toolbox is None:
            return ToolResult("There are no tools here.", ok=False)
        return await self._toolbox.run(call)
