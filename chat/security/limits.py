"""Named rate limits, decided and counted by one atomic script in Redis.

Without Redis each worker counts on its own: limits are then multiplied by the number of workers, and no one is locked
out.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from pathlib import Path

from redis.asyncio import Redis
from redis.exceptions import RedisError

LIMIT_SCRIPT = Path(__file__).with_name("limit.lua")
BACKOFF_SCRIPT = Path(__file__).with_name("backoff.lua")


@dataclass(frozen=True, slots=True)
class Limit:
    """A burst of `count`, then one each `period_seconds / count`."""

    name: str
    count: int
    period_seconds: int
    by_address: bool = False  # by network address even for users, because it limits how accounts multiply

    @property
    def interval_ms(self) -> int:
        """Time after which one more is allowed."""
        return max(1, self.period_seconds * 1000 // self.count)


@dataclass(frozen=True, slots=True)
class Backoff:
    """One attempt at a time, with a wait that doubles each time and starts over after `reset_seconds` without any."""

    name: str
    first_seconds: int
    longest_seconds: int
    reset_seconds: int

    @property
    def first_wait(self) -> Limit:
        """The limits that a worker enforces on its own while Redis is unavailable."""
        return Limit(self.name, 1, self.first_seconds)


LOGIN = Limit("login", 30, 60, by_address=True)
LOGIN_FAILURE_ACCOUNT = Limit("login-failure-account", 5, 300)
LOGIN_FAILURE_ADDRESS = Limit("login-failure-address", 10, 60)
# By email address, with or without an account: a hundred guesses at a sign-up's password, as at an account's.
LOGIN_UNCONFIRMED = Limit("login-unconfirmed", 100, 30 * 86_400)
# By user, so that guesses on the login page don't use it up: outsiders must not be able to stop logged-in users.
PASSWORD_AGAIN = Limit("password-again", 5, 300)
PASSWORD_AGAIN_IN_A_ROW = Limit("password-again-in-a-row", 100, 30 * 86_400)  # a month: as long as a session
CODE_GUESS_ACCOUNT = Limit("code-guess-account", 5, 300)
CODE_GUESS_DAY = Limit("code-guess-day", 50, 86_400)  # the limit above alone allows 1,440 a day
CODE_GUESS_ADDRESS = Limit("code-guess-address", 10, 60)
SIGNUP = Limit("signup", 5, 3600)  # by address; counted once the form is valid
RESET = Limit("reset", 20, 3600, by_address=True)
# By email address, so that no mailbox is flooded; silently. What a browser, or a user, asked for itself counts alike by
# `asked_by`, and only that wait is shown: the other one tells what others have asked for.
RESET_ADDRESS = Limit("reset-address", 5, 3600)
NEW_PASSWORD = Limit("new-password", 20, 3600)
PASSWORD_CHECK = Limit("password-check", 60, 60, by_address=True)
VERIFICATION = Limit("verification", 20, 3600, by_address=True)
RESEND = Limit("resend", 20, 3600, by_address=True)
RESEND_BACKOFF = Backoff("resend-to", 60, 480, 86_400)  # by `asked_by`; the mailbox's own is in the user's row
EXPORT = Limit("export", 1, 3600)  # counted once the password is right
INVITE = Limit("invite", 60, 3600)
DOWNLOAD = Limit("download", 30, 3600)  # of an administrators' list: reads a whole table and writes to the audit log
CHANGE_EMAIL = Limit("change-email", 10, 3600)
CONFIRM_TO = Limit("confirm-to", 20, 86_400)  # both, as RESET_ADDRESS: the backoff alone allows 180 a day
ACCOUNT_EXISTS = Limit("account-exists", 3, 86_400)  # by email address: sign-ups must not flood a mailbox
MESSAGE_EACH_SECOND = Limit("message-second", 1, 1)
MESSAGE_EACH_MINUTE = Limit("message-minute", 20, 60)
PAGE_POST = Limit("page-post", 60, 60)
BRANCH = Limit("branch", 5, 60)  # each copies up to 16 MiB of text
SOCKET_CONNECT = Limit("socket", 120, 60)  # each move from chat to chat opens a new one
PREFERENCE = Limit("preference", 60, 60)
SEARCH = Limit("search", 120, 60)  # the dialog searches while its user types

COUNTED_BY_SERVICES = {  # the other limits are on routes
    "Password attempts for one account": LOGIN_FAILURE_ACCOUNT,
    "Failed logins from one network address": LOGIN_FAILURE_ADDRESS,
    "Logins with one address before it is confirmed": LOGIN_UNCONFIRMED,
    "Password confirmations of a logged-in user": PASSWORD_AGAIN,
    "Wrong passwords in a row of a logged-in user": PASSWORD_AGAIN_IN_A_ROW,
    "Downloads of a user's own data": EXPORT,
    "Two-factor codes tried for one account": CODE_GUESS_ACCOUNT,
    "Two-factor codes tried for one account, per day": CODE_GUESS_DAY,
    "Two-factor codes tried from one network address": CODE_GUESS_ADDRESS,
    "Sign-ups from one network address": SIGNUP,
    "Password reset emails to one address, and one browser's requests for them": RESET_ADDRESS,
    "Searches of one user": SEARCH,
    "Messages of one user": MESSAGE_EACH_MINUTE,
    "Messages of one user, per second": MESSAGE_EACH_SECOND,
    "“You already have an account” emails to one address": ACCOUNT_EXISTS,
    "Confirmation emails to one address, after the first, and invitations; and one browser's requests": CONFIRM_TO,
    "Time between confirmation emails to one address; then 2, 4 and 8 minutes": RESEND_BACKOFF.first_wait,
}
OWN_MAX_KEYS = 10_000  # keys that a worker counts on its own
ONCE_MS = 30_000  # longer than any request takes, so that its repetition is counted with it


class Limits:
    """Counts against limits; with `enabled=False` everything passes."""

    def __init__(self, redis: Redis, *, enabled: bool = True) -> None:
        self._redis = redis
        self._script = redis.register_script(LIMIT_SCRIPT.read_text())
        self._backoff_script = redis.register_script(BACKOFF_SCRIPT.read_text())
        self._enabled = enabled
        self._own = OwnCount()

    async def wait_ms(self, limit: Limit, key: str, *, once: str = "") -> int:
        """Count one and return 0 if it is allowed now; otherwise return the milliseconds to wait.

        `once` identifies what is counted: the same again within ONCE_MS, on any worker, is allowed and not counted.
        """
        if not self._enabled:
            return 0
        try:
            return await self._run(limit, key, "count", once)
        except (RedisError, OSError):
            return self._own.wait_ms(limit, _key(limit, key), once)

    async def refund(self, limit: Limit, key: str) -> None:
        """Undo one count, for an attempt that succeeded; all others stay counted.

        If Redis became available or unavailable in between, the count of another attempt is undone instead.
        """
        if not self._enabled:
            return
        try:
            await self._run(limit, key, "refund")
        except (RedisError, OSError):
            self._own.refund(limit, _key(limit, key))

    async def back_off(self, backoff: Backoff, key: str) -> int:
        """Count one, double the next wait and return 0 if it is allowed now; otherwise return the ms to wait."""
        return await self._run_backoff(backoff, key, "count")

    async def left_ms(self, backoff: Backoff, key: str) -> int:
        """The milliseconds to wait, 0 if none; counts nothing."""
        return await self._run_backoff(backoff, key, "look")

    async def _run_backoff(self, backoff: Backoff, key: str, step: str) -> int:
        if not self._enabled:
            return 0
        waits = [1000 * one for one in (backoff.first_seconds, backoff.longest_seconds, backoff.reset_seconds)]
        try:
            # Not renamed to "backoff": during a rolling deploy, old and new workers have to count together.
            return int(await self._backoff_script(keys=[f"ladder:{backoff.name}:{key}"], args=[*waits, step]))
        except (RedisError, OSError):
            own = _key(backoff.first_wait, key)
            return self._own.wait_ms(backoff.first_wait, own) if step == "count" else self._own.left_ms(own)

    async def _run(self, limit: Limit, key: str, step: str, once: str = "") -> int:
        name = _key(limit, key)
        keys = [name, _mark(name, once)] if once else [name]
        return int(await self._script(keys=keys, args=[limit.interval_ms, limit.count, step, ONCE_MS]))

    async def reset(self, limit: Limit, key: str) -> None:
        """Forget all counts of a key."""
        self._own.reset(_key(limit, key))
        try:
            await self._redis.delete(_key(limit, key))
        except (RedisError, OSError):
            return  # the key expires by itself


class OwnCount:
    """limit.lua within this process: for each key, the time at which nothing is counted any more."""

    def __init__(self) -> None:
        self._due_ms: dict[str, float] = {}

    def wait_ms(self, limit: Limit, key: str, once: str = "") -> int:
        """Like `Limits.wait_ms`."""
        now = time.monotonic() * 1000
        if once and self._due_ms.get(_mark(key, once), 0) > now:
            return 0
        due = max(self._due_ms.get(key, 0), now)
        wait = due - now - limit.interval_ms * (limit.count - 1)
        if wait > 0:
            return int(wait) + 1
        self._keep(key, due + limit.interval_ms, now)
        if once:
            self._keep(_mark(key, once), now + ONCE_MS, now)
        return 0

    def _keep(self, key: str, due: float, now: float) -> None:
        if len(self._due_ms) >= OWN_MAX_KEYS:
            self._due_ms = {key: due for key, due in self._due_ms.items() if due > now}
        if len(self._due_ms) >= OWN_MAX_KEYS:
            self._due_ms.pop(next(iter(self._due_ms)))
        self._due_ms[key] = due

    def refund(self, limit: Limit, key: str) -> None:
        """Like `Limits.refund`."""
        if key in self._due_ms:
            self._due_ms[key] -= limit.interval_ms

    def left_ms(self, key: str) -> int:
        """Milliseconds until nothing is counted; for a limit of one, the wait."""
        return max(0, int(self._due_ms.get(key, 0) - time.monotonic() * 1000))

    def reset(self, key: str) -> None:
        """Like `Limits.reset`."""
        self._due_ms.pop(key, None)


def _key(limit: Limit, key: str) -> str:
    return f"limit:{limit.name}:{key}"


def _mark(key: str, once: str) -> str:
    """The braces keep it in the same slot of a Redis cluster as the limit's key."""
    return f"{{{key}}}:{once}"


def asked_by(who: str, email: str) -> str:
    """The key by which limits count what one browser or user asked for an address."""
    return f"{who}:{email}"


def network(address: str) -> str:
    """The key by which limits count an address: the address, or in IPv6 its /64, which belongs to one customer."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address):
        if parsed.ipv4_mapped:
            return str(parsed.ipv4_mapped)
        return str(IPv6Address(int(parsed) >> 64 << 64)) + "/64"
    return str(parsed)
