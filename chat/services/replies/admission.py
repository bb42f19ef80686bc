"""What is checked before an answer is queued for a user. Every check raises Refused."""

from __future__ import annotations

from uuid import UUID

from chat.database import query
from chat.durations import in_words, wait_seconds
from chat.llm.errors import BudgetExceeded
from chat.models import ALIVE_SQL, User
from chat.security.limits import MESSAGE_EACH_MINUTE, MESSAGE_EACH_SECOND, Limits
from chat.services.deps import Deps, ReplyWorker
from chat.services.errors import Refused
from chat.services.replies.history import allowance
from chat.services.replies.prompt import HISTORY_MAX_MESSAGES
from chat.services.usage import budgets
from chat.settings import Settings

ACTIVE = f"""
SELECT message_count, EXISTS (SELECT 1 FROM generation WHERE thread_id = $1 AND state IN {ALIVE_SQL}) AS runs
FROM chat_thread WHERE id = $1
"""  # noqa: S608
LOCK_USER = "SELECT monthly_budget FROM users WHERE id = $1 FOR NO KEY UPDATE"
ALIVE = f"""
SELECT g.id FROM generation g JOIN chat_thread t ON t.id = g.thread_id
WHERE t.user_id = $1 AND g.state IN {ALIVE_SQL}
"""  # noqa: S608
# Text whose tokens were never counted counts as its bytes, the most it can be. Each round is counted exactly later.
ASKED = f"""
WITH RECURSIVE path AS (
    SELECT g.answer_id AS id, m.parent_id, 0 AS tokens, 0 AS step
    FROM generation g JOIN chat_message m ON m.id = g.answer_id WHERE g.id = $1
    UNION ALL
    SELECT m.id, m.parent_id, coalesce(m.token_count, octet_length(m.content)), p.step + 1
    FROM path p JOIN chat_message m ON m.id = p.parent_id WHERE p.step < {HISTORY_MAX_MESSAGES}
)
SELECT model, (SELECT sum(tokens) FROM path) AS tokens FROM generation WHERE id = $1
"""  # noqa: S608 - a constant

BUSY = "An answer is still being written. Wait until it finishes or stop it, then try again."
TOO_MANY = "{} answers are already being written in other chats. Try again when one is done, or stop one."
NOT_APPROVED = "Your account is waiting for an administrator's approval. You'll get an email with the decision."
ONE_ALREADY = "An answer is already being written in another chat. Try again when it is done, or stop it."

UNLIMITED = 2**31 - 1  # answers: PostgreSQL's largest integer


def not_draining(worker: ReplyWorker) -> None:
    """Refuse new messages on a worker that is about to stop."""
    if worker.draining:
        raise Refused("draining", "The server is restarting. Try again in a moment.", retry_ms=1000)


async def is_approved(user: User) -> None:
    """Refuse users waiting for approval. Sockets opened before the approval have an older user, so ask again."""
    if user.waits and not await User.exists(id=user.id, approved_at__isnull=False):
        raise Refused("not_approved", NOT_APPROVED)


def is_offered(model: str, settings: Settings) -> None:
    """Refuse a model that the site does not offer; empty means the thread's."""
    if model and model not in settings.models:
        raise Refused("unknown_model", f"This model isn't available. Choose one of: {', '.join(settings.models)}.")


async def no_answer_runs(thread_id: UUID) -> int:
    """Refuse a second answer early; the index `one_active` guarantees it. Returns the thread's `message_count`."""
    threads = await query(ACTIVE, thread_id)
    if threads and threads[0]["runs"]:
        raise Refused("busy", BUSY)
    return threads[0]["message_count"] if threads else 0


async def within_limits(user: User, limits: Limits, *, once: str) -> None:
    """Limits on messages per second and per minute.

    `once` identifies a message: a copy that arrives before the first one is stored is not counted. It includes the
    thread's `message_count`: what is asked for again after something was stored, or deleted, is counted again.
    """
    for limit in (MESSAGE_EACH_SECOND, MESSAGE_EACH_MINUTE):
        if wait_ms := await limits.wait_ms(limit, str(user.id), once=once):
            sentence = f"You're sending messages too quickly. Try again in {in_words(wait_seconds(wait_ms))}."
            raise Refused("rate_limited", sentence, retry_ms=wait_ms)


def most_answers(settings: Settings) -> int:
    """How many answers of one user can be written at once; without limits, more than there ever are."""
    return settings.llm_concurrent_replies if settings.rate_limits else UNLIMITED


async def within_budget(deps: Deps, user: User, generation_id: UUID) -> bool:
    """Check concurrent answers and the budget; call it in the transaction that stores the generation.

    Returns whether the user has a budget.

    It locks the user until COMMIT, so that messages sent at the same time are counted one after the other.
    """
    settings = deps.settings
    users = await query(LOCK_USER, user.id)
    if settings.rate_limits and users:
        most = most_answers(settings)
        if len(await query(ALIVE, user.id)) > most:
            raise Refused("busy", ONE_ALREADY if most == 1 else TOO_MANY.format(most))
    if settings.llm_monthly_budget is None and not (users and users[0]["monthly_budget"] is not None):
        return False
    asked = (await query(ASKED, generation_id))[0]
    allowed = await allowance(settings.catalogue.resolve(asked["model"]), settings, deps.tools)
    input_tokens = min(asked["tokens"], allowed.history)
    try:
        await budgets.reserve_tokens(
            user.id,
            generation_id,
            asked["model"],
            input_tokens,
            allowed.output,
            default=settings.llm_monthly_budget,
            prices=deps.llm.prices,
        )
    except BudgetExceeded as error:
        raise Refused(error.code, str(error)) from None
    return True
