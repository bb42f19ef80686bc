"""Why a call has no result: one exception per reason, with the logs of the rounds so far."""

from __future__ import annotations

from datetime import date

from chat.llm.events import Failed
from chat.llm.journal import CallLog


class CallFailed(Exception):
    """A call without a result. The text is for users, `detail` for logs; `calls` has every round, failed or not."""

    retryable = False
    code = "failed"

    def __init__(self, sentence: str, *, detail: str = "") -> None:
        self.detail = detail
        self.calls: tuple[CallLog, ...] = ()
        super().__init__(sentence)

    @property
    def call_log(self) -> CallLog | None:
        """The log of the last round; None if nothing was sent."""
        return self.calls[-1] if self.calls else None

    @property
    def text(self) -> str:
        """The text that the last round received."""
        return self.calls[-1].output if self.calls else ""


class ProviderFailed(CallFailed):
    """The provider failed or could not be reached; `code` is a key of `events.FAILURES`."""

    def __init__(self, failed: Failed) -> None:
        super().__init__(failed.message, detail=failed.detail)
        self.code = failed.code
        self.retryable = failed.retryable
        self.uncertain = failed.uncertain


class OutputRefused(CallFailed):
    """The model refused to answer; `text` is its explanation."""

    code = "refused"


class OutputIncomplete(CallFailed):
    """The answer was cut off; `reason` is the provider's, usually max_output_tokens."""

    code = "incomplete"
    retryable = True

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__("This answer reached the length limit.", detail=reason)


class OutputEmpty(CallFailed):
    """The model completed an empty answer."""

    code = "empty"
    retryable = True


class OutputInvalid(CallFailed):
    """The answer is not JSON or does not match the schema; `detail` says where."""

    code = "invalid"
    retryable = True


class TooManyRounds(CallFailed):
    """The model kept calling tools and did not answer."""

    code = "tool_rounds"
    retryable = True


class BudgetExceeded(CallFailed):
    """The user's budget is too small for this call; nothing was sent. Raised by journals that check budgets."""

    code = "budget_exceeded"

    def __init__(self, sentence: str, *, resets_on: date) -> None:
        super().__init__(sentence)
        self.resets_on = resets_on
