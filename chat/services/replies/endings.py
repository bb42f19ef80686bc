"""What a user can do with an answer that has ended: try again, or continue it."""

from __future__ import annotations

from chat.llm.errors import BudgetExceeded, OutputIncomplete, OutputRefused
from chat.llm.events import FAILURES
from chat.models import Status

CUT_OFF = OutputIncomplete.code  # the reason of a generation whose text reached its maximum length
LASTING = {code for code, meaning in FAILURES.items() if not meaning.retryable} | {
    OutputRefused.code,
    BudgetExceeded.code,
}


def can_retry(reason: str) -> bool:
    """Whether the same request may succeed now, by the reason for which its generation ended."""
    return reason not in LASTING


def can_continue(status: str, reason: str) -> bool:
    """Whether the rest of a finished answer is missing. Stopped and interrupted answers can be continued anyway."""
    return status == Status.FINAL and reason == CUT_OFF
