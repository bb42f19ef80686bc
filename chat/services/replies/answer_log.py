"""What log, metrics and traces say of an answer: whose work it is, a takeover, how it ended; never its text."""

from __future__ import annotations

import logging
from typing import Any

from chat import metrics
from chat.llm.call import total_cost, total_usage
from chat.logs import about, begin
from chat.metrics import Metrics
from chat.models import Status
from chat.services.deps import Deps
from chat.services.replies.finish import Outcome
from chat.services.replies.journal import ReplyJournal
from chat.services.replies.lease import Claim
from chat.services.replies.live_text import LiveText

logger = logging.getLogger(__name__)


def concerns(claim: Claim) -> None:
    """What this task logs from here on is about this answer."""
    begin(user=claim.user_id, thread=claim.thread_id, generation=claim.generation_id)


def taken_over(claim: Claim, what: str, counted: Metrics) -> None:
    """Log and count what this worker does with an answer, if another worker had it."""
    if claim.takeovers:
        counted.count(metrics.TAKEN_OVER, what)
        logger.warning("Took over an answer, and %s it", what, extra={"fields": {"takeovers": claim.takeovers}})


def ended(claim: Claim, live_text: LiveText, outcome: Outcome, journal: ReplyJournal, deps: Deps) -> None:
    """Log, count and trace the end of an answer that this worker owned; what failed has a warning already."""
    figures = _figures(claim, live_text, outcome, journal, deps)
    logger.info("Answer ended", extra={"fields": figures})
    _count(outcome, figures, deps.metrics)
    deps.traces.describe(code=outcome.code, **figures)


def _count(outcome: Outcome, figures: dict[str, Any], counted: Metrics) -> None:
    model = figures["model"]
    counted.count(metrics.ANSWERS, model, figures["provider"], figures["end"])
    if outcome.code:
        counted.count(metrics.FAILED, model, outcome.code)
    if outcome.status is Status.INTERRUPTED:
        counted.count(metrics.INTERRUPTED, outcome.reason)
    if figures["first_text_ms"] is not None:
        counted.observe(metrics.FIRST_TEXT, figures["first_text_ms"], model)
    counted.observe(metrics.ANSWER_TIME, figures["ms"], model)


def _figures(claim: Claim, live_text: LiveText, outcome: Outcome, journal: ReplyJournal, deps: Deps) -> dict[str, Any]:
    """Of all rounds that this worker knows; there is none if nothing was asked."""
    logs, model = journal.logs, deps.llm.catalogue.resolve(claim.model)
    used, cost = total_usage(logs), total_cost(logs)
    last = logs[-1] if logs else None
    about().round = 0
    return {
        "model": last.plan.model if last else model.name,
        "provider": last.plan.provider if last else model.provider,
        "end": str(outcome.status),
        "reason": outcome.reason,
        "rounds": len(logs),
        "input_tokens": used.input_tokens,
        "cached_tokens": used.cached_tokens,
        "output_tokens": used.output_tokens,
        "reasoning_tokens": used.reasoning_tokens,
        "cost": None if cost is None else f"{cost:f}",
        "first_text_ms": live_text.first_text_ms,
        "ms": live_text.elapsed_ms,
        "takeovers": claim.takeovers,
        "response": last.response_id if last else None,
    }
