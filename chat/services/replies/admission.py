"""What has to be true before a model is asked for a user. Everything here raises Refused."""

from __future__ import annotations

from uuid import UUID

from chat.database import query
from chat.llm.errors import BudgetExceeded
from chat.llm.pricing import Prices
from chat.models import User
from chat.security.limits import MESSAGE_EACH_MINUTE, MESSAGE_EACH_SECOND, Limits
from chat.services.errors import Refused
from chat.services.usage import budgets
from chat.settings import Settings

ACTIVE = "SELECT 1 FROM generation WHERE thread_id = $1 AND state IN ('queued', 'running')"
LOCK_USER = "SELECT id FROM users WHERE id = $1 FOR NO KEY UPDATE"
ALIVE = """
SELECT g.id FROM generation g JOIN chat_thread t ON t.id = g.thread_id
WHERE t.user_id = $1 AND g.state IN ('queued', 'running')
"""
# What was never counted is taken at the most that it can be; the round itself is counted exactly, before it is sent.
ASKED = """
SELECT g.model, (SELECT coalesce(sum(coalesce(m.token_count, octet_length(m.content))), 0) FROM chat_message m
                 WHERE m.thread_id = g.thread_id) AS tokens
FROM generation g WHERE g.id = $1
"""

BUSY = "An answer is still being written. Wait for it, or stop it, and send again."
TOO_MANY = "{} answers are being written for you already. Wait for one of them, or stop it, and send again."


async def no_answer_runs(thread_id: UUID) -> None:
    """Saves the work; the index `one_active` has the last word."""
    if await query(ACTIVE, thread_id):
        raise Refused("busy", BUSY)


async def within_limits(user: User, limits: Limits) -> None:
    """So many messages in a second and in a minute."""
    for limit in (MESSAGE_EACH_SECOND, MESSAGE_EACH_MINUTE):
        if wait_ms := await limits.wait_ms(limit, str(user.id)):
            seconds = -(-wait_ms // 1000)
            raise Refused("rate_limited", f"That was quick. Send again in {seconds} s.", retry_ms=wait_ms)


async def within_means(user: User, generation_id: UUID, settings: Settings, prices: Prices) -> None:
    """Not too many answers at once, and the budget bears it; belongs into the transaction that stores the generation.

    Under locks that last until COMMIT, so that messages which come together are counted together.
    """
    if settings.rate_limits:
        alive = len(await query(ALIVE, user.id)) if await query(LOCK_USER, user.id) else 0
        if alive > settings.llm_concurrent_replies:
            raise Refused("busy", TOO_MANY.format(settings.llm_concurrent_replies))
    if user.monthly_budget is None and settings.llm_monthly_budget is None:
        return
    asked = (await query(ASKED, generation_id))[0]
    input_tokens = min(asked["tokens"], settings.chat_history_tokens)
    try:
        await budgets.reserve_tokens(
            user.id,
            generation_id,
            asked["model"],
            input_tokens,
            settings.llm_max_output_tokens,
            default=settings.llm_monthly_budget,
            prices=prices,
        )
    except BudgetExceeded as error:
        raise Refused(error.code, str(error)) from None
