"""What the offline model remembers: its runs, what was accepted, what is being written and what is billed."""

from __future__ import annotations

import asyncio
import itertools
import secrets
from collections import Counter, deque
from typing import Any

import msgspec

from chat.devservices.offline_model.bill import Entry, bill_of, entry_of
from chat.devservices.offline_model.conversation import Conversation
from chat.devservices.offline_model.create import CreateRequest, InvalidRequestError, input_items
from chat.devservices.offline_model.dialects import Dialect
from chat.devservices.offline_model.repertoire import reply_to
from chat.devservices.offline_model.run import Run
from chat.devservices.offline_model.script import NONE, Script

MAX_RUNS = 1_000  # older ones that are over can no longer be retrieved; they stay on the bill
MAX_CREATES = 100_000
MAX_REQUESTS = 50


class Ledger:
    """Everything one server remembers: its runs, requests and bill."""

    def __init__(self, *, pace_seconds: float, dialect: Dialect) -> None:
        self.dialect = dialect
        self._pace_seconds = pace_seconds
        self._numbers = itertools.count(1)
        self._open = 0
        self._moved = asyncio.Event()
        self._forget()

    def _forget(self) -> None:
        self.runs: dict[str, Run] = {}
        self.creates: deque[dict[str, str]] = deque(maxlen=MAX_CREATES)
        self.requests: deque[bytes] = deque(maxlen=MAX_REQUESTS)
        self._tries: Counter[tuple[bool, str]] = Counter()
        self._settled: list[Entry] = []
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def reset(self) -> None:
        for run in list(self.runs.values()):
            self.stop(run)
        self._forget()

    def headers(self) -> dict[str, str]:
        """The headers that every API response has."""
        return self.dialect.headers(next(self._numbers))

    def effective(self, script: Script, key: tuple[bool, str]) -> Script:
        """The script, or none after `times` creates with this key, which distinguishes structured calls."""
        if script.times is None:
            return script
        self._tries[key] += 1
        return script if self._tries[key] <= script.times else NONE

    def with_earlier(self, request: CreateRequest) -> CreateRequest:
        """The request with the input and the output of the stored response that it continues."""
        if not request.previous_response_id:
            return request
        before = self.runs.get(request.previous_response_id)
        if before is None or before.request.store is False or not self.dialect.keeps_responses:
            message = f"Previous response with id '{request.previous_response_id}' not found."
            raise InvalidRequestError(message, "previous_response_id", "previous_response_not_found")
        items = [*input_items(before.request), *before.items.output, *input_items(request)]
        return msgspec.structs.replace(request, input=items)

    def accept(self, request: CreateRequest, conversation: Conversation, script: Script, body: bytes) -> Run:
        """Count a create and start its run in a separate task."""
        self.creates.append(dict(request.metadata or {}))
        self.requests.append(body)
        reply = reply_to(conversation, script, request.output_schema)
        response_id = f"resp_{secrets.token_hex(12)}"  # unlike any from before a restart
        run = Run(response_id, request, reply, script, pace_seconds=self._pace_seconds, dialect=self.dialect)
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

    def bill(self, pairs: dict[str, str]) -> dict[str, Any]:
        return bill_of([*self._settled, *map(entry_of, self.runs.values())], pairs)

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
            self._settled.append(entry_of(self.runs.pop(oldest.id)))
