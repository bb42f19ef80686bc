"""Why a call gave no result: one exception for each reason, and what there is of the call with it."""

from __future__ import annotations

from datetime import date

from chat.llm.events import Failed
from chat.llm.journal import CallLog


class CallFailed(Exception):
    """A call without a result. The text is for people, `detail` for logs; `calls` has every round, also the bad one."""

    retryable = False
    code = "failed"

    def __init__(self, sentence: str, *, detail: str = "") -> None:
        self.detail = detail
        self.calls: tuple[CallLog, ...] = ()
        super().__init__(sentence)

    @property
    def call_log(self) -> CallLog | None:
        """The last round; None if nothing was sent."""
        return self.calls[-1] if self.calls else None

    @property
    def text(self) -> str:
        """What the last round had said."""
        return self.calls[-1].output if self.calls else ""


class ProviderFailed(CallFailed):
    """The provider failed or was not there; `code` says how, by the table in `events.FAILURES`."""

    def __init__(self, failed: Failed) -> None:
        super().__init__(failed.message, detail=failed.detail)
        self.code = failed.code
        self.retryable = failed.retryable
        self.uncertain = failed.uncertain


class OutputRefused(CallFailed):
    """The model would not answer; `text` says why, in its own words."""

    code = "refused"


class OutputIncomplete(CallFailed):
    """The answer ends in the middle; `reason` is the provider's: max_output_tokens as a rule."""

    code = "incomplete"
    retryable = True

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__("The answer is cut short because it reached its greatest length.", detail=reason)


class OutputEmpty(CallFailed):
    """The model completed an answer without a word in it."""

    code = "empty"
    retryable = True


class OutputInvalid(CallFailed):
    """The answer is not JSON, or does not fit the schema; `detail` says where."""

    code = "invalid"
    retryable = True


class TooManyRounds(CallFailed):
    """The model called tools again and again, and gave no answer."""

    code = "tool_rounds"
    retryable = True


class BudgetExceeded(CallFailed):
    """The user's budget cannot bear this call; nothing was sent. Raised by journals that keep budgets."""

    code = "budget_exceeded"

    def __init__(self, sentence: str, *, resets_on: date) -> None:
        super().__init__(sentence)
        self.resets_on = resets_on
