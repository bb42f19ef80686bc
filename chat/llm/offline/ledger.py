"""What the offline model remembers: its runs, what was accepted, what is being written and what is billed."""

from __future__ import annotations

import asyncio
import itertools
import secrets
from collections import Counter, deque
from typing import Any

from chat.llm.offline.conversation import Conversation, CreateRequest
from chat.llm.offline.repertoire import reply_to
from chat.llm.offline.run import Run
from chat.llm.offline.script import NONE, Script

MAX_RUNS = 1_000  # older ones that are over can no longer be retrieved; they stay on the bill
MAX_CREATES = 100_000
MAX_REQUESTS = 50


class Ledger:
    """The books of one server."""

    def __init__(self, *, pace_seconds: float) -> None:
        self._pace_seconds = pace_seconds
        self._numbers = itertools.count(1)
        self._open = 0
        self._moved = asyncio.Event()
        self._forget()

    def _forget(self) -> None:
        self.runs: dict[str, Run] = {}
        self.creates: deque[dict[str, str]] = deque(maxlen=MAX_CREATES)
        self.requests: deque[bytes] = deque(maxlen=MAX_REQUESTS)
        self._tries: Counter[str] = Counter()
        self._settled: dict[str, dict[str, Any]] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def reset(self) -> None:
        for run in list(self.runs.values()):
            self.stop(run)
        self._forget()

    def request_id(self) -> str:
        return f"req_offline{next(self._numbers):06}"

    def effective(self, script: Script, key: str) -> Script:
        """The script, or none once it has struck `times` creates with this key."""
        if script.times is None:
            return script
        self._tries[key] += 1
        return script if self._tries[key] <= script.times else NONE

    def accept(self, request: CreateRequest, conversation: Conversation, script: Script, body: bytes) -> Run:
        """Count a create and start its run, in a task of its own."""
        self.creates.append(dict(request.metadata or {}))
        self.requests.append(body)
        reply = reply_to(conversation, script, request.output_schema)
        response_id = f"resp_{secrets.token_hex(12)}"  # unlike any from before a restart
        run = Run(response_id, request, reply, script, pace_seconds=self._pace_seconds)
        self.runs[run.id] = run
        self._tasks[run.id] = task = asyncio.create_task(run.generate())
        task.add_done_callback(lambda _: self._tasks.pop(run.id, None))
        self._settle_oldest()
        return run

    def stop(self, run: Run) -> None:
        if task := self._tasks.pop(run.id, None):
            task.cancel()
        run.stop()

    def counted(self, pairs: dict[str, str]) -> int:
        return sum(1 for metadata in self.creates if pairs.items() <= metadata.items())

    def bill(self) -> dict[str, Any]:
        responses = {**self._settled, **{run.id: _billed(run) for run in self.runs.values()}}
        return {"responses": responses, "total_tokens": sum(entry["total_tokens"] for entry in responses.values())}

    @property
    def open(self) -> int:
        return self._open

    def opened(self, change: int) -> None:
        self._open += change
        self._moved.set()
        self._moved = asyncio.Event()

    async def open_is(self, count: int) -> None:
        while self._open != count:
            await self._moved.wait()

    def _settle_oldest(self) -> None:
        while len(self.runs) > MAX_RUNS:
            oldest = next((run for run in self.runs.values() if run.finished), None)
            if oldest is None:
                return
            self._settled[oldest.id] = _billed(self.runs.pop(oldest.id))


def _billed(run: Run) -> dict[str, Any]:
    usage = run.usage()
    return {
        "generation_id": (run.request.metadata or {}).get("generation_id"),
        "status": run.status,
        **{name: usage[name] for name in ("input_tokens", "output_tokens", "total_tokens")},
    }
