"""A circuit breaker: while a provider is down, one request at a time tests whether it is back; others fail at once."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable

from chat.llm.advice import ADVICE
from chat.llm.events import Code, Failed
from chat.llm.provider.failures import failed

THRESHOLD = 5  # failures with no answer in between
WINDOW_SECONDS = 60.0  # older failures don't count
OPEN_SECONDS = (2.0, 4.0, 8.0, 16.0, 30.0)  # from one probe to the next; the last one repeats
JITTER = 0.25  # added to the wait, so that a site's processes don't probe together
PROBE_SECONDS = 30.0  # a probe without an answer for this long no longer blocks the next

logger = logging.getLogger(__name__)


class Breaker:
    """Closed while the provider answers, open while it is down, half-open while a probe may find it back.

    Only failures of the provider as a whole count (`Failed.outage`). Anything else, including a refusal of one request,
    is an answer, and closes the breaker.
    """

    def __init__(self, name: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._name = name  # for logs
        self._clock = clock
        self._failures: dict[object, float] = {}  # when, by who asked
        self._down_since: float | None = None
        self._code = Code.UNREACHABLE
        self._probes = 0  # that failed
        self._probe_at = 0.0
        self.is_half_open = False

    @property
    def is_down(self) -> bool:
        """Whether the provider has not answered since it went down."""
        return self._down_since is not None

    @property
    def is_open(self) -> bool:
        """Whether every request fails at once."""
        return self.is_down and not self.is_half_open

    @property
    def is_due(self) -> bool:
        """Whether it is time to test whether the provider is back."""
        return self.is_open and self._clock() >= self._probe_at

    def admit(self) -> bool:
        """Whether a request may be sent. While the provider is down, an admitted caller is the probe."""
        if not self.is_down:
            return True
        now = self._clock()
        if now < self._probe_at:
            return False
        self.is_half_open, self._probe_at = True, now + PROBE_SECONDS
        return True

    def refusal(self) -> Failed:
        """The failure of a request that was not admitted."""
        down = self._clock() - (self._down_since or self._clock())
        return failed(self._code, f"not sent: the provider has been down for {down:.0f} s")

    def answered(self) -> None:
        """The provider has answered a request."""
        self._failures.clear()
        if self._down_since is None:
            return
        logger.warning("%s answers again after %.0f s", self._name, self._clock() - self._down_since)
        self._down_since, self.is_half_open = None, False

    def failed(self, failure: Failed, user: object, *, probe: bool = False) -> None:
        """The provider failed. A user's texts may cause the errors, in any number of chats, so they count once."""
        if self.is_down:  # others were sent before it went down
            if probe:
                self.probe_failed()
            return
        now = self._clock()
        never_sent = failure.code is Code.UNREACHABLE
        self._failures[object() if never_sent else user] = now
        self._failures = {of: at for of, at in self._failures.items() if at > now - WINDOW_SECONDS}
        if len(self._failures) >= THRESHOLD:
            self._open(failure)

    def probe_failed(self) -> None:
        """Schedule the next probe, after a longer wait than for this one."""
        self._probes += 1
        self._wait()

    def probe_withdrawn(self) -> None:
        """The probe was abandoned before it had an answer: another may be sent."""
        if self.is_down:
            self._probe_at = self._clock()

    def is_back(self) -> None:
        """Something answers at the address: the next request is the probe."""
        if self.is_open:
            self.is_half_open, self._probe_at = True, self._clock()

    def _open(self, failure: Failed) -> None:
        self._down_since, self._probes = self._clock(), 0
        self._code = Code.OVERLOADED if failure.code is Code.OVERLOADED else Code.UNREACHABLE
        self._failures.clear()
        self._wait()
        told = "%s is down, so requests to it fail at once until it answers. The last of %d failures: %s (%s)"
        logger.warning(told, self._name, THRESHOLD, failure.detail, ADVICE[failure.code])

    def _wait(self) -> None:
        seconds = OPEN_SECONDS[min(self._probes, len(OPEN_SECONDS) - 1)]
        self.is_half_open = False
        self._probe_at = self._clock() + seconds * (1 + JITTER * random.random())  # noqa: S311 - it spreads load
