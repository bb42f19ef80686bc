"""What a user sent and was not taken."""

from __future__ import annotations


class Refused(Exception):
    """What a user sent was not taken; nothing is stored. The text is for people."""

    def __init__(self, code: str, sentence: str, *, retry_ms: int = 0) -> None:
        self.code = code
        self.retry_ms = retry_ms
        super().__init__(sentence)


class NoAdministrator(Exception):
    """Whoever orders something as an administrator is none any more, or was logged out: to them there is nothing."""
