"""What a service raises to its caller: the sentences are shown to users."""

from __future__ import annotations

from chat.durations import wait_in_words


class Refused(Exception):
    """The request is invalid or not allowed now; nothing was stored.

    `code` is for programs, `field` names the form field at fault (empty if none), and `retry_ms` is the wait before
    another attempt.
    """

    def __init__(self, code: str, sentence: str, *, field: str = "", retry_ms: int = 0) -> None:
        self.code = code
        self.field = field
        self.retry_ms = retry_ms
        super().__init__(sentence)


class TooManyGuesses(Exception):
    """Too many passwords or codes were tried. `wait_ms` is 0 if waiting does not help."""

    def __init__(self, wait_ms: int, sentence: str = "") -> None:
        self.wait_ms = wait_ms
        super().__init__(sentence or f"Too many attempts. Try again in {wait_in_words(wait_ms)}.")


class Unconfirmed(Exception):
    """The password of the latest sign-up with this address, which must be confirmed first.

    `stamp` is the session's proof that this browser knows the password.
    """

    def __init__(self, email: str, stamp: str) -> None:
        self.email = email
        self.stamp = stamp
        super().__init__()


class NotAdministrator(Exception):
    """The acting user is no longer an administrator, or was logged out; the answer is 404."""
