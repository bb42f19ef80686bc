"""The usage ledger: a row per round with the provider, and the user's monthly totals, in one transaction."""

from __future__ import annotations

import logging
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid5

import msgspec
from msgspec.structs import replace
from tortoise.transactions import in_transaction

from chat.database import query, retried
from chat.llm.client import LLMClient
from chat.llm.journal import CallLog, Plan
from chat.llm.pricing import Prices
from chat.llm.provider.provider import ProviderLimits
from chat.metrics import CALLS, COST, TOKENS, Metrics
from chat.models import (
    CALLER_MAX_LENGTH,
    CURRENT_MONTH_SQL,
    PROVIDER_ID_MAX_LENGTH,
    PROVIDER_NAME_MAX_LENGTH,
    SERVICE_TIER_MAX_LENGTH,
)
from chat.models.ids import uuid7
from chat.services.usage import budgets
from chat.settings import MODEL_MAX_LENGTH, Settings
from chat.text import fitting
from chat.tracing import OFF, Traces

WITHOUT_FAILURE = ("completed", "incomplete", "refused", "stopped")
ERROR_BY_MODEL = ("refused", "invalid")  # for these the error can quote the answer, which the call's text has

logger = logging.getLogger(__name__)

# FOR KEY SHARE waits for a concurrent deletion of the user, after which the payer is NULL. One statement with its text
# and the month's totals: the end of every answer runs it. $31: the generation with which the text is deleted.
RECORD = f"""
WITH payer AS (SELECT id FROM users WHERE id = $3 FOR KEY SHARE), call AS (
    INSERT INTO llm_call_log (id, generation_id, user_id, call_id, round, response_id, request_id, caller, model_asked,
        model, provider, service_tier, schema_name, input_sha256, status, error, input_tokens, cached_tokens,
        cache_write_tokens, output_tokens, reasoning_tokens, total_tokens, cost, estimated, uncertain, attempts,
        duration_ms, first_event_ms, created_at)
    VALUES ($1, (SELECT id FROM generation WHERE id = $2), (SELECT id FROM payer), $4, $5, $6, $7, $8, $9,
        $10, $11, $12, $13, $14, $15, CASE WHEN ($2 IS NULL OR EXISTS (SELECT FROM generation WHERE id = $2))
            AND ($3 IS NULL OR EXISTS (SELECT FROM payer)) THEN $16 ELSE '' END,
        $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, now())
    ON CONFLICT DO NOTHING RETURNING id, user_id
), kept AS (
    INSERT INTO llm_call_text (call_id, user_id, generation_id, input, output)
    SELECT c.id, c.user_id, g.id, $29::jsonb, $30 FROM call c LEFT JOIN generation g ON g.id = $31
    WHERE ($31::uuid IS NULL OR g.id IS NOT NULL) AND ($3 IS NULL OR c.user_id IS NOT NULL)
), month AS (
    INSERT INTO user_monthly_usage (id, user_id, month, calls, unpriced_calls, input_tokens, output_tokens,
        total_tokens, cost)
    SELECT $32, c.user_id, {CURRENT_MONTH_SQL}, 1, ($23 IS NULL)::int, $17, $20, $22, coalesce($23, 0)
    FROM call c WHERE c.user_id IS NOT NULL
    ON CONFLICT (user_id, month) DO UPDATE SET calls = user_monthly_usage.calls + 1,
        unpriced_calls = user_monthly_usage.unpriced_calls + excluded.unpriced_calls,
        input_tokens = user_monthly_usage.input_tokens + excluded.input_tokens,
        output_tokens = user_monthly_usage.output_tokens + excluded.output_tokens,
        total_tokens = user_monthly_usage.total_tokens + excluded.total_tokens,
        cost = user_monthly_usage.cost + excluded.cost
)
SELECT user_id FROM call
"""  # noqa: S608 - a constant
SAME = """
SELECT id FROM llm_call_log WHERE round = $4 AND ((response_id = $1 AND call_id = $2) OR generation_id = $3)
"""
LOCK_GENERATION = "SELECT id FROM generation WHERE id = $1 FOR KEY SHARE"
# For calls without a user, or of a user deleted meanwhile: monthly totals include all calls.
ADD_TO_ANONYMOUS_MONTH = f"""
WITH present AS (SELECT {CURRENT_MONTH_SQL} AS month), added AS (
    UPDATE user_monthly_usage SET calls = calls + 1, unpriced_calls = unpriced_calls + $2,
        input_tokens = input_tokens + $3, output_tokens = output_tokens + $4, total_tokens = total_tokens + $5,
        cost = cost + $6
    WHERE id = (SELECT id FROM user_monthly_usage JOIN present USING (month) WHERE user_id IS NULL LIMIT 1)
    RETURNING id)
INSERT INTO user_monthly_usage (id, month, calls, unpriced_calls, input_tokens, output_tokens, total_tokens, cost)
SELECT $1, month, 1, $2, $3, $4, $5, $6 FROM present WHERE NOT EXISTS (SELECT FROM added)
"""  # noqa: S608 - a constant


class UsageJournal:
    """Records single calls. A reply has its own journal, since it ends in one transaction with its text.

    The text of a call `about` a generation is deleted with its chat.
    """

    def __init__(
        self,
        settings: Settings,
        prices: Prices,
        metrics: Metrics | None = None,
        traces: Traces = OFF,
        *,
        about: UUID | None = None,
    ) -> None:
        self._settings = settings
        self._metrics, self._traces = metrics or Metrics(), traces
        self._prices = prices
        self._about = about

    async def begin(self, plan: Plan) -> None:
        """Raises BudgetExceeded."""
        await budgets.reserve(plan, default=self._settings.llm_monthly_budget, prices=self._prices)

    async def created(self, plan: Plan, response_id: str, sequence: int) -> None:
        """Nothing is stored before the end."""

    async def end(self, log: CallLog) -> None:
        """Store the round, which has been paid for; during an outage, wait until it ends."""
        count(log, self._metrics)
        show(log, self._traces)
        await retried(lambda: self._store(log))

    async def _store(self, log: CallLog) -> None:
        async with in_transaction():
            # The lock order of a reply's end: both lock the month and the user's expired reservations.
            if self._about:
                await query(LOCK_GENERATION, self._about)
            await budgets.release(log.plan.call_id, log.plan.user)
            await record(log, about=self._about, keep_input=self._settings.llm_log_text)


def count(log: CallLog, metrics: Metrics) -> None:
    """Count a round for the metrics."""
    name, used = (log.plan.model, log.plan.provider), log.usage
    metrics.count(CALLS, *name, log.status)
    kinds = {
        "input": used.input_tokens,
        "cached": used.cached_tokens,
        "output": used.output_tokens,
        "reasoning": used.reasoning_tokens,
    }
    for kind, tokens in kinds.items():
        if tokens:
            metrics.count(TOKENS, *name, kind, by=tokens)
    if log.cost:
        metrics.count(COST, *name, by=round(log.cost * COST.scale))


def show(log: CallLog, traces: Traces) -> None:
    """Trace a round."""
    plan, used = log.plan, log.usage
    traces.call_ended(
        log.duration_ms,
        model=plan.model,
        provider=plan.provider,
        caller=plan.caller,
        round=plan.number,
        input_tokens=used.input_tokens,
        cached_tokens=used.cached_tokens,
        output_tokens=used.output_tokens,
        reasoning_tokens=used.reasoning_tokens,
        attempts=log.attempts,
        end=log.status,
        code="" if log.status in WITHOUT_FAILURE else log.status,
    )


def model_client(settings: Settings, metrics: Metrics | None = None, traces: Traces = OFF) -> LLMClient:
    """The client for these settings. It records its calls in the ledger, so the database must be open."""
    prices = Prices(settings.llm_prices, catalogue=settings.catalogue)
    return LLMClient(
        settings.catalogue,
        max_output_tokens=settings.llm_max_output_tokens,
        prices=prices,
        journal=UsageJournal(settings, prices, metrics, traces),
        limits=ProviderLimits(silence_seconds=settings.llm_timeout_seconds),
    )


async def record(
    log: CallLog, *, generation_id: UUID | None = None, about: UUID | None = None, keep_input: bool = False
) -> UUID | None:
    """Store a round and add it to the month (UTC), in the caller's transaction; None if it is already stored.

    A user or chat deleted meanwhile is left out, as are the text and an error that could quote it; the cost is still
    recorded. `about` is the generation with which the text is deleted, if the call is not one of its rounds.
    """
    plan, figures = log.plan, _columns(log, outlives_its_chat=about is not None)
    response_id = log.response_id and fitting(log.response_id, PROVIDER_ID_MAX_LENGTH)
    # Repeated after a lost reply to COMMIT: without a response's id, only the row's own id tells that it is the same.
    # The generation doesn't: it may have been deleted.
    call_id = uuid7() if response_id else uuid5(plan.call_id, str(plan.number))
    sent = msgspec.json.encode(plan.sent).decode() if keep_input else None
    ids = (call_id, generation_id, plan.user, plan.call_id, plan.number, response_id)
    rows = await query(RECORD, *ids, *figures, sent, log.output, generation_id or about, uuid7())
    if not rows:
        if response_id is None or await query(SAME, response_id, plan.call_id, generation_id, plan.number):
            return None
        logger.warning("The provider used the response id %s for two responses", log.response_id)
        log = replace(log, response_id=None)
        return await record(log, generation_id=generation_id, about=about, keep_input=keep_input)
    if rows[0]["user_id"] is None:
        await _add_to_anonymous_month(log)
    return call_id


def _columns(log: CallLog, *, outlives_its_chat: bool) -> tuple[Any, ...]:
    """The remaining columns of RECORD, in its order."""
    plan, used = log.plan, log.usage
    quotes = outlives_its_chat or log.status in ERROR_BY_MODEL
    return (
        log.request_id[:PROVIDER_ID_MAX_LENGTH],
        plan.caller[:CALLER_MAX_LENGTH],
        plan.model[:MODEL_MAX_LENGTH],
        log.model[:MODEL_MAX_LENGTH],
        plan.provider[:PROVIDER_NAME_MAX_LENGTH],
        log.service_tier[:SERVICE_TIER_MAX_LENGTH],
        plan.schema_name,
        plan.sent_sha256,
        log.status,
        "" if quotes else log.error,
        used.input_tokens,
        used.cached_tokens,
        used.cache_write_tokens,
        used.output_tokens,
        used.reasoning_tokens,
        used.total_tokens,
        log.cost,
        log.estimated,
        log.uncertain,
        log.attempts,
        log.duration_ms,
        log.first_event_ms,
    )


async def _add_to_anonymous_month(log: CallLog) -> None:
    used = log.usage
    cost, unpriced = (Decimal(0), 1) if log.cost is None else (log.cost, 0)
    await query(
        ADD_TO_ANONYMOUS_MONTH, uuid7(), unpriced, used.input_tokens, used.output_tokens, used.total_tokens, cost
    )
