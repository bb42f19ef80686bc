"""The rounds of a reply: each is recorded when the next one begins, the last one with the answer.

A record is a row of the usage ledger, and what the model put out, for the rounds that follow.
"""

from __future__ import annotations

from uuid import UUID

from tortoise.transactions import in_transaction

from chat.llm.journal import CallLog, Plan
from chat.logs import about
from chat.models import PROVIDER_ID_MAX_LENGTH
from chat.services.deps import Deps
from chat.services.replies import lease, round_items
from chat.services.replies.lease import Checkpoint, Claim
from chat.services.replies.live_text import LiveText
from chat.services.usage import budgets, ledger
from chat.text import fitting


class ReplyJournal:
    """Called by the client for every round of one reply."""

    def __init__(self, claim: Claim, live_text: LiveText, deps: Deps) -> None:
        self._claim = claim
        self._live_text = live_text
        self._settings, self._prices = deps.settings, deps.llm.prices
        self._metrics, self._traces = deps.metrics, deps.traces
        self._unrecorded: list[CallLog] = []
        self.round = 1
        self.round_start = claim.round_start  # where the round's text begins in the answer, in UTF-16 code units
        self.response_id = claim.response_id
        self.model = claim.model  # its name, of the round
        self.logs: list[CallLog] = []  # every round so far
        self._keeps_items = claim.takeovers > 0  # a worker before may have stored some

    async def begin(self, plan: Plan) -> None:
        """Commit that a request is about to be sent. Raises BudgetExceeded, Fenced."""
        at = self._live_text.checkpoint()
        await lease.while_leased(lambda: self._store_begin(plan, at))
        self._unrecorded.clear()
        self.round, self.round_start, self.response_id = plan.number, at.length, None
        self.model = plan.model
        about().round, about().provider_request = plan.number, ""

    async def _store_begin(self, plan: Plan, at: Checkpoint) -> None:
        """One statement needs no transaction, as for the first round of users without a budget."""
        default = self._settings.llm_monthly_budget
        if not self._unrecorded and not await self._needs_reservation(plan):
            await lease.asking(self._claim, at, model=plan.model, background=plan.request.background)
            return
        async with in_transaction():
            await lease.asking(self._claim, at, model=plan.model, background=plan.request.background)
            await self._record()  # first, so that the budget includes the round before this one
            await budgets.reserve(plan, default=default, prices=self._prices)

    async def _needs_reservation(self, plan: Plan) -> bool:
        if plan.number == 1 and not self._claim.has_budget:
            return False
        return await budgets.has_budget(plan.user, default=self._settings.llm_monthly_budget)

    async def created(self, plan: Plan, response_id: str, sequence: int) -> None:
        """Commit the response's id before any of its text is shown. Raises Fenced."""
        self._live_text.start_round(sequence)
        self.response_id = response_id
        await lease.response_created(self._claim, fitting(response_id, PROVIDER_ID_MAX_LENGTH), sequence)

    async def end(self, log: CallLog) -> None:
        """Keep the log for the next transaction."""
        about().provider_request = log.request_id
        ledger.count(log, self._metrics)
        ledger.show(log, self._traces)
        self.logs.append(log)
        self._unrecorded.append(log)

    async def settle(self) -> UUID | None:
        """In the caller's transaction: record the last round and release the reservation. Returns the row's id."""
        await budgets.release(self._claim.generation_id, self._claim.user_id)
        recorded = await self._record()
        if self._keeps_items:
            await round_items.prune(self._claim.generation_id)
        return recorded

    async def _record(self) -> UUID | None:
        recorded = None
        for log in self._unrecorded:
            if any(item.get("type") == "function_call" for item in log.items):  # the answer itself is in its message
                self._keeps_items = True
                await round_items.store(self._claim.generation_id, log)
            recorded = await ledger.record(
                log, generation_id=self._claim.generation_id, keep_input=self._settings.llm_log_text
            )
        return recorded
