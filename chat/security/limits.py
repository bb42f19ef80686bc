"""How often something may be done: named limits, decided and counted by one atomic script in Redis.

Without Redis each worker counts for itself: there may be so many times more, and nobody is locked out.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from pathlib import Path

from redis.asyncio import Redis
from redis.exceptions import RedisError

SCRIPT = Path(__file__).with_name("limit.lua")
LADDER_SCRIPT = Path(__file__).with_name("ladder.lua")


@dataclass(frozen=True, slots=True)
class Limit:
    """`count` at once if need be, and from then on one each `period_seconds / count`."""

    name: str
    count: int
    period_seconds: int
    by_address: bool = False  # of the network, even for a user: accounts are what these limits keep from multiplying

    @property
    def interval_ms(self) -> int:
        """The time that one of them takes to be forgiven."""
        return max(1, self.period_seconds * 1000 // self.count)


@dataclass(frozen=True, slots=True)
class Ladder:
    """One at a time, and the wait for the next one doubles with each, until there was none for a while."""

    name: str
    first_seconds: int
    longest_seconds: int
    forgotten_seconds: int

    @property
    def first_rung(self) -> Limit:
        """All that a worker knows by itself."""
        return Limit(self.name, 1, self.first_seconds)


LOGIN = Limit("login", 30, 60, by_address=True)
LOGIN_FAILURE_ACCOUNT = Limit("login-failure-account", 5, 300)
LOGIN_FAILURE_ADDRESS = Limit("login-failure-address", 10, 60)
PASSWORD_AGAIN = Limit("password-again", 5, 300)  # by user: no stranger at the login uses up what is for who is inside
CODE_GUESS_ACCOUNT = Limit("code-guess-account", 5, 300)
CODE_GUESS_DAY = Limit("code-guess-day", 50, 86_400)  # five minutes alone leave whoever knows the password 1,440 a day
CODE_GUESS_ADDRESS = Limit("code-guess-address", 10, 60)
SIGNUP = Limit("signup", 5, 3600)  # by address; what no account can have is no sign-up
RESET = Limit("reset", 20, 3600, by_address=True)
RESET_ADDRESS = Limit("reset-address", 5, 3600)  # of e-mail: nobody's mailbox is flooded
NEW_PASSWORD = Limit("new-password", 20, 3600)
PASSWORD_CHECK = Limit("password-check", 60, 60, by_address=True)
VERIFICATION = Limit("verification", 20, 3600, by_address=True)
RESEND = Limit("resend", 20, 3600, by_address=True)
RESEND_LADDER = Ladder("resend-to", 60, 480, 86_400)  # for each address that is written to
EXPORT = Limit("export", 1, 3600)
DOWNLOAD = Limit("download", 30, 3600)  # of a list: each has an entry in the audit log, and reads all of a table
CHANGE_EMAIL = Limit("change-email", 10, 3600)
CONFIRM_TO = Limit("confirm-to", 20, 86_400)  # likewise: the ladder alone leaves 180 emails a day
ACCOUNT_EXISTS = Limit("account-exists", 3, 86_400)  # likewise: nobody can fill a stranger's mailbox by signing up
MESSAGE_EACH_SECOND = Limit("message-second", 1, 1)
MESSAGE_EACH_MINUTE = Limit("message-minute", 20, 60)
PAGE_POST = Limit("page-post", 60, 60)
SOCKET_CONNECT = Limit("socket", 30, 60)
PREFERENCE = Limit("preference", 60, 60)

COUNTED_BY_SERVICES = {  # the others are on routes
    "Passwords guessed for one account": LOGIN_FAILURE_ACCOUNT,
    "Passwords guessed from one network address": LOGIN_FAILURE_ADDRESS,
    "Passwords guessed by whoever is logged in, where it is asked again": PASSWORD_AGAIN,
    "Codes of a second factor guessed for one account": CODE_GUESS_ACCOUNT,
    "Codes of a second factor guessed for one account, slowly": CODE_GUESS_DAY,
    "Codes of a second factor guessed from one network address": CODE_GUESS_ADDRESS,
    "Sign-ups from one network address": SIGNUP,
    "Links for a new password to one e-mail address": RESET_ADDRESS,
    "Messages of one user": MESSAGE_EACH_MINUTE,
    "Messages of one user, quickly": MESSAGE_EACH_SECOND,
    "Emails to one address that someone signs up with again": ACCOUNT_EXISTS,
    "Emails to one address that confirm it, after the first": CONFIRM_TO,
    "Emails to one address that confirm it; then 2, 4 and 8 minutes": RESEND_LADDER.first_rung,
}
OWN_MAX_KEYS = 10_000  # what a worker remembers by itself


class Limits:
    """Counts against limits; `enabled=False` lets everything pass."""

    def __init__(self, redis: Redis, *, enabled: bool = True) -> None:
        self._redis = redis
        self._script = redis.register_script(SCRIPT.read_text())
        self._ladder_script = redis.register_script(LADDER_SCRIPT.read_text())
        self._enabled = enabled
        self._own = OwnCount()

    async def wait_ms(self, limit: Limit, key: str) -> int:
        """0 if it may be done now, and then it is counted; else the milliseconds to wait."""
        if not self._enabled:
            return 0
        try:
            return await self._run(limit, key, "count")
        except (RedisError, OSError):
            return self._own.wait_ms(limit, _key(limit, key))

    async def give_back(self, limit: Limit, key: str) -> None:
        """One that was counted a moment ago turned out to be none; all others stay counted, whoever's they are.

        Only if Redis came or went in that moment, it is another one that is given back.
        """
        if not self._enabled:
            return
        try:
            await self._run(limit, key, "back")
        except (RedisError, OSError):
            self._own.give_back(limit, _key(limit, key))

    async def climb(self, ladder: Ladder, key: str) -> int:
        """0 if it may be done now, and then the next wait is longer; else the milliseconds to wait."""
        return await self._on(ladder, key, "climb")

    async def left_ms(self, ladder: Ladder, key: str) -> int:
        """The milliseconds to wait, 0 if none; nothing is counted."""
        return await self._on(ladder, key, "look")

    async def _on(self, ladder: Ladder, key: str, step: str) -> int:
        if not self._enabled:
            return 0
        waits = [1000 * one for one in (ladder.first_seconds, ladder.longest_seconds, ladder.forgotten_seconds)]
        try:
            return int(await self._ladder_script(keys=[f"ladder:{ladder.name}:{key}"], args=[*waits, step]))
        except (RedisError, OSError):
            own = _key(ladder.first_rung, key)
            return self._own.wait_ms(ladder.first_rung, own) if step == "climb" else self._own.left_ms(own)

    async def _run(self, limit: Limit, key: str, step: str) -> int:
        return int(await self._script(keys=[_key(limit, key)], args=[limit.interval_ms, limit.count, step]))

    async def forgive(self, limit: Limit, key: str) -> None:
        """Forget what was counted."""
        self._own.forget(_key(limit, key))
        try:
            await self._redis.delete(_key(limit, key))
        except (RedisError, OSError):
            return  # it expires by itself


class OwnCount:
    """What limit.lua does, in this process: when each key will be forgiven everything."""

    def __init__(self) -> None:
        self._due_ms: dict[str, float] = {}

    def wait_ms(self, limit: Limit, key: str) -> int:
        """0 if it may be done now, and then it is counted."""
        now = time.monotonic() * 1000
        due = max(self._due_ms.get(key, 0), now)
        wait = due - now - limit.interval_ms * (limit.count - 1)
        if wait > 0:
            return int(wait) + 1
        if len(self._due_ms) >= OWN_MAX_KEYS:
            self._due_ms = {key: due for key, due in self._due_ms.items() if due > now}
        if len(self._due_ms) >= OWN_MAX_KEYS:
            self._due_ms.pop(next(iter(self._due_ms)))
        self._due_ms[key] = due + limit.interval_ms
        return 0

    def give_back(self, limit: Limit, key: str) -> None:
        """One that was counted turned out to be none."""
        if key in self._due_ms:
            self._due_ms[key] -= limit.interval_ms

    def left_ms(self, key: str) -> int:
        """How long until everything is forgiven; for limits of one that is the wait."""
        return max(0, int(self._due_ms.get(key, 0) - time.monotonic() * 1000))

    def forget(self, key: str) -> None:
        """Nothing was counted."""
        self._due_ms.pop(key, None)


def _key(limit: Limit, key: str) -> str:
    return f"limit:{limit.name}:{key}"


def network(address: str) -> str:
    """What an address counts as: itself, or its /64 in IPv6, where one customer has that many addresses."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address):
        if parsed.ipv4_mapped:
            return str(parsed.ipv4_mapped)
        return str(IPv6Address(int(parsed) >> 64 << 64)) + "/64"
    return str(parsed)
