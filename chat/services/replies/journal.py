"""The books of a reply: what a round cost is stored with what follows it, and of the last round with the answer."""

from __future__ import annotations

from uuid import UUID

from tortoise.transactions import in_transaction

from chat.llm.journal import CallLog, Plan
from chat.llm.pricing import Prices
from chat.models import PROVIDER_ID_MAX_LENGTH
from chat.services.replies import lease
from chat.services.replies.lease import Checkpoint, Claim
from chat.services.replies.live_text import LiveText
from chat.services.usage import budgets, ledger
from chat.settings import Settings
from chat.text import fitting


class ReplyJournal:
    """Told by the client of every round of one reply."""

    def __init__(self, claim: Claim, live_text: LiveText, *, settings: Settings, prices: Prices) -> None:
        self._claim = claim
        self._live_text = live_text
        self._settings = settings
        self._prices = prices
        self._unrecorded: list[CallLog] = []
        self.round = 1
        self.round_start = claim.round_start  # where its text begins in the answer
        self.response_id = claim.response_id
        self.logs: list[CallLog] = []  # every round so far

    async def begin(self, plan: Plan) -> None:
        """Commit that the provider is going to be asked. Raises BudgetExceeded, Fenced."""
        at = self._live_text.checkpoint()
        await lease.retry(lambda: self._store_begin(plan, at))
        self._unrecorded.clear()
        self.round, self.round_start, self.response_id = plan.number, at.length, None

    async def _store_begin(self, plan: Plan, at: Checkpoint) -> None:
        async with in_transaction():
            await lease.asking(self._claim, at, background=plan.request.background)
            await self._record()  # the budget is asked after the round before this one is spent
            await budgets.reserve(plan, default=self._settings.llm_monthly_budget, prices=self._prices)

    async def created(self, plan: Plan, response_id: str, sequence: int) -> None:
        """Commit by which name the provider knows the round, before any text of it is shown. Raises Fenced."""
        self._live_text.start_round(sequence)
        self.response_id = response_id
        await lease.response_created(self._claim, fitting(response_id, PROVIDER_ID_MAX_LENGTH), sequence)

    async def end(self, log: CallLog) -> None:
        """Keep it for the transaction that comes next."""
        self.logs.append(log)
        self._unrecorded.append(log)

    async def settle(self) -> UUID | None:
        """In the caller's transaction: store the last round, give back what was reserved. The id of its row."""
        await budgets.release(self._claim.generation_id, self._claim.user_id)
        return await self._record()

    async def _record(self) -> UUID | None:
        recorded = None
        for log in self._unrecorded:
            recorded = await ledger.record(
                log, generation_id=self._claim.generation_id, keep_input=self._settings.llm_log_text
            )
        return recorded
