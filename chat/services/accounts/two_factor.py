"""The second factor: a code from an app after the password, and recovery codes for whoever has lost the app."""

from __future__ import annotations

import secrets
import time

from tortoise.transactions import in_transaction

from chat.broadcast import Broadcast
from chat.database import query
from chat.mailer import Mailer
from chat.models import AuthSession, RecoveryCode, SecondFactor, User
from chat.security.limits import CODE_GUESS_ACCOUNT, CODE_GUESS_ADDRESS, CODE_GUESS_DAY
from chat.security.one_time_codes import app_link, bare_recovery_code, matching_step, new_recovery_code, shared_secret
from chat.security.tokens import token_hash
from chat.services.accounts.credentials import Accounts
from chat.services.accounts.sessions import end_sessions
from chat.services.errors import Refused
from chat.settings import Settings

RECOVERY_CODES = 10
WRONG = "This code is wrong or was used already. Enter the next one that the app shows, or a recovery code."
WRONG_FIRST_CODE = "This code is not the one your app shows now. Check that your phone's clock is right, and try again."

BEGIN = """
INSERT INTO second_factor (user_id, nonce, last_step) SELECT id, $2, 0 FROM users WHERE id = $1 FOR KEY SHARE
ON CONFLICT (user_id) DO UPDATE SET nonce = excluded.nonce, last_step = 0 WHERE second_factor.confirmed_at IS NULL
"""
CONFIRM = """
UPDATE second_factor SET confirmed_at = now(), last_step = $3
WHERE user_id = $1 AND nonce = $2 AND confirmed_at IS NULL RETURNING user_id
"""
# Decided by the row: of two posts with one code, however close, one finds a smaller step.
USE_STEP = """
UPDATE second_factor SET last_step = $3
WHERE user_id = $1 AND nonce = $2 AND confirmed_at IS NOT NULL AND last_step < $3 RETURNING user_id
"""
USE_RECOVERY_CODE = """
DELETE FROM recovery_code WHERE user_id = $1 AND code_sha256 = $2
AND EXISTS (SELECT FROM second_factor WHERE user_id = $1 AND confirmed_at IS NOT NULL) RETURNING id
"""


async def factor_of(user: User) -> SecondFactor | None:
    """The user's second factor, if it is on."""
    return await SecondFactor.get_or_none(user_id=user.id, confirmed_at__isnull=False)


async def codes_left(user: User) -> int:
    """How many recovery codes were not used yet."""
    return await RecoveryCode.filter(user_id=user.id).count()


async def begin(user: User) -> str:
    """A new secret to be confirmed, in the place of one that never was; returns its nonce, by which it is found."""
    nonce = secrets.token_urlsafe(32)
    await query(BEGIN, user.id, nonce)
    return nonce


async def being_set_up(user: User, nonce: str) -> SecondFactor | None:
    """What was begun and is neither on nor replaced."""
    return await SecondFactor.get_or_none(user_id=user.id, nonce=nonce, confirmed_at=None)


def secret_of(factor: SecondFactor, *, settings: Settings) -> str:
    """For the app, in base32; stored nowhere. With another SECRET_KEY it is another one."""
    return shared_secret(settings.secret_key, str(factor.user_id), factor.nonce)


def link_of(factor: SecondFactor, user: User, *, settings: Settings) -> str:
    """The secret as an address that apps open."""
    return app_link(secret_of(factor, settings=settings), email=user.email, site_name=settings.site_name)


async def turn_on(
    user: User, factor: SecondFactor, code: str, *, session: AuthSession, accounts: Accounts, broadcast: Broadcast
) -> list[str] | None:
    """Confirm that the app works, by its first code. The recovery codes, shown this once; None if it was replaced.

    Raises Refused. Ends all other sessions: they were opened without a second factor.
    """
    step = matching_step(secret_of(factor, settings=accounts.settings), code, now=time.time())
    if step is None:
        raise Refused("wrong_code", WRONG_FIRST_CODE, field="code")
    async with in_transaction():
        await _lock(user)
        if not await query(CONFIRM, user.id, factor.nonce, step):
            return None
        codes = await _store_codes(user)
    await end_sessions(user, but=session, broadcast=broadcast)
    _tell(user, "two_factor_on", accounts.mailer, accounts.settings)
    return codes


async def use_code(user: User, typed: str, *, address: str, accounts: Accounts) -> bool:
    """Use up a code of the app or a recovery code; False if it is neither.

    Raises TooManyGuesses.
    """
    whose = str(user.id)
    await accounts.count_guess((CODE_GUESS_ACCOUNT, whose), (CODE_GUESS_DAY, whose), (CODE_GUESS_ADDRESS, address))
    if not (await _use_step(user, typed, accounts) or await _use_recovery_code(user, typed, accounts)):
        return False
    for limit in (CODE_GUESS_ACCOUNT, CODE_GUESS_DAY):
        await accounts.limits.reset(limit, whose)
    await accounts.limits.refund(CODE_GUESS_ADDRESS, address)  # and no other one: see `authenticate`
    return True


async def new_recovery_codes(user: User, *, accounts: Accounts) -> list[str] | None:
    """Others in the place of those that there are, shown this once; None if the second factor is off."""
    async with in_transaction():
        await _lock(user)
        if not await factor_of(user):
            return None
        codes = await _store_codes(user)
    _tell(user, "recovery_codes_replaced", accounts.mailer, accounts.settings)
    return codes


async def turn_off(user: User, *, mailer: Mailer, settings: Settings) -> None:
    """The password alone logs in from now on."""
    async with in_transaction():
        await _lock(user)
        was_on = await take_away(user)
    if was_on:
        tell_that_it_is_off(user, mailer=mailer, settings=settings)


async def take_away(user: User) -> bool:
    """In the caller's transaction, which has locked the user; False if there was none that was on."""
    was_on = await factor_of(user) is not None
    await SecondFactor.filter(user_id=user.id).delete()
    await RecoveryCode.filter(user_id=user.id).delete()
    return was_on


def tell_that_it_is_off(user: User, *, mailer: Mailer, settings: Settings) -> None:
    """By e-mail, whoever did it."""
    _tell(user, "two_factor_off", mailer, settings)


async def _use_step(user: User, typed: str, accounts: Accounts) -> bool:
    factor = await factor_of(user)
    if factor is None:
        return False
    step = matching_step(secret_of(factor, settings=accounts.settings), typed, now=time.time())
    return step is not None and bool(await query(USE_STEP, user.id, factor.nonce, step))


async def _use_recovery_code(user: User, typed: str, accounts: Accounts) -> bool:
    bare = bare_recovery_code(typed)
    if bare is None or not await query(USE_RECOVERY_CODE, user.id, token_hash(bare)):
        return False
    _tell(user, "recovery_code_used", accounts.mailer, accounts.settings, left=await codes_left(user))
    return True


async def _store_codes(user: User) -> list[str]:
    """In the caller's transaction."""
    codes = [new_recovery_code() for _ in range(RECOVERY_CODES)]
    await RecoveryCode.filter(user_id=user.id).delete()
    hashes = [token_hash(bare_recovery_code(code) or "") for code in codes]
    await RecoveryCode.bulk_create(RecoveryCode(user_id=user.id, code_sha256=known) for known in hashes)
    return codes


async def _lock(user: User) -> None:
    """The user before what hangs on it, as everywhere; so changes of one user's second factor follow each other."""
    await User.filter(id=user.id).select_for_update().first()


def _tell(user: User, name: str, mailer: Mailer, settings: Settings, **more: int) -> None:
    """With the link that helps whoever it was not."""
    mailer.send_later(user.email, name, {"url": f"{settings.public_url}/accounts/password_reset/", **more})
