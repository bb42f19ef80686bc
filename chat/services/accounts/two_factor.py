"""Two-factor authentication: codes from an app after the password, and recovery codes for a lost app."""

from __future__ import annotations

import secrets

from tortoise.transactions import in_transaction

from chat.broadcast import Broadcast
from chat.database import now, query
from chat.mailer import Mailer
from chat.models import AuthSession, RecoveryCode, SecondFactor, User
from chat.security.limits import CODE_GUESS_ACCOUNT, CODE_GUESS_ADDRESS, CODE_GUESS_DAY
from chat.security.one_time_codes import (
    app_link,
    bare_recovery_code,
    key_change,
    matching_step,
    new_recovery_code,
    shared_secret,
)
from chat.security.tokens import token_hash
from chat.services.accounts.credentials import Accounts
from chat.services.accounts.sessions import end_sessions
from chat.services.errors import Refused
from chat.settings import Settings

RECOVERY_CODES = 10
WRONG_CODE = "This code is wrong or already used. Enter the next code your app shows, or a recovery code."
WRONG_FIRST_CODE = "This is not the code your app shows now. Check that your phone's clock is right, then try again."

BEGIN = """
INSERT INTO second_factor (user_id, nonce, last_step) SELECT id, $2, 0 FROM users WHERE id = $1 FOR KEY SHARE
ON CONFLICT (user_id) DO UPDATE SET nonce = excluded.nonce, last_step = 0, key_change = NULL
WHERE second_factor.confirmed_at IS NULL
"""
CONFIRM = """
UPDATE second_factor SET confirmed_at = now(), last_step = $3, key_change = $4
WHERE user_id = $1 AND nonce = $2 AND confirmed_at IS NULL RETURNING user_id
"""
# The row decides: of two concurrent requests with the same code, only one finds a smaller step.
USE_STEP = """
UPDATE second_factor SET last_step = $3, key_change = $4
WHERE user_id = $1 AND nonce = $2 AND confirmed_at IS NOT NULL AND last_step < $3 RETURNING user_id
"""
USE_RECOVERY_CODE = """
DELETE FROM recovery_code WHERE user_id = $1 AND code_sha256 = $2
AND EXISTS (SELECT FROM second_factor WHERE user_id = $1 AND confirmed_at IS NOT NULL) RETURNING id
"""


async def factor_of(user: User) -> SecondFactor | None:
    """The user's two-factor row, if it is turned on."""
    return await SecondFactor.get_or_none(user_id=user.id, confirmed_at__isnull=False)


async def recovery_codes_left(user: User) -> int:
    """The number of unused recovery codes."""
    return await RecoveryCode.filter(user_id=user.id).count()


async def begin_set_up(user: User) -> str:
    """Replace any unconfirmed secret by a new one; returns its nonce, by which `pending_set_up` finds it."""
    nonce = secrets.token_urlsafe(32)
    await query(BEGIN, user.id, nonce)
    return nonce


async def pending_set_up(user: User, nonce: str) -> SecondFactor | None:
    """The unconfirmed row with this nonce, unless it was confirmed or replaced."""
    return await SecondFactor.get_or_none(user_id=user.id, nonce=nonce, confirmed_at=None)


def secret_of(factor: SecondFactor, *, settings: Settings) -> str:
    """The secret for the app, in base32. It is derived from SECRET_KEY, and stored nowhere."""
    return _secrets(factor, settings)[0]


def _secrets(factor: SecondFactor, settings: Settings) -> list[str]:
    """The possible secrets of the app: if the row was last used under SECRET_KEY, or under one of its fallbacks."""
    keys = (settings.secret_key, *settings.secret_key_fallbacks)
    return [shared_secret(key, str(factor.user_id), factor.nonce, factor.key_change) for key in keys]


async def _accepted(factor: SecondFactor, typed: str, settings: Settings) -> tuple[int, bytes | None] | None:
    """The time step of a right code, and the row's `key_change` under SECRET_KEY; None if the code is wrong.

    It is stored with the step: from then on the app needs no fallback.
    """
    at = (await now()).timestamp()
    for secret in _secrets(factor, settings):
        if (step := matching_step(secret, typed, now=at)) is not None:
            return step, key_change(secret, settings.secret_key, str(factor.user_id), factor.nonce)
    return None


def link_of(factor: SecondFactor, user: User, *, settings: Settings) -> str:
    """The secret as an otpauth:// link."""
    return app_link(secret_of(factor, settings=settings), email=user.email, site_name=settings.site_name)


async def turn_on(
    user: User, factor: SecondFactor, code: str, *, session: AuthSession, accounts: Accounts, broadcast: Broadcast
) -> list[str] | None:
    """Confirm the set-up by the app's first code; returns the recovery codes, or None if the set-up was replaced.

    Raises Refused. Ends all other sessions, which were started without a code.
    """
    accepted = await _accepted(factor, code, accounts.settings)
    if accepted is None:
        raise Refused("wrong_code", WRONG_FIRST_CODE, field="code")
    async with in_transaction():
        await _lock(user)
        if not await query(CONFIRM, user.id, factor.nonce, *accepted):
            return None
        codes = await _store_codes(user)
    await end_sessions(user, but=session, broadcast=broadcast)
    _notify(user, "two_factor_on", accounts.mailer, accounts.settings)
    return codes


async def use_code(user: User, typed: str, *, address: str, accounts: Accounts) -> bool:
    """Use up a code from the app or a recovery code; False if it is neither.

    Raises TooManyGuesses.
    """
    whose = str(user.id)
    await accounts.count_guess((CODE_GUESS_ACCOUNT, whose), (CODE_GUESS_DAY, whose), (CODE_GUESS_ADDRESS, address))
    if not (await _use_step(user, typed, accounts) or await _use_recovery_code(user, typed, accounts)):
        return False
    for limit in (CODE_GUESS_ACCOUNT, CODE_GUESS_DAY):
        await accounts.limits.reset(limit, whose)
    await accounts.limits.refund(CODE_GUESS_ADDRESS, address)  # this attempt only, see `authenticate`
    return True


async def new_recovery_codes(user: User, *, accounts: Accounts) -> list[str] | None:
    """Replace the recovery codes; None if two-factor authentication is off."""
    async with in_transaction():
        await _lock(user)
        if not await factor_of(user):
            return None
        codes = await _store_codes(user)
    _notify(user, "recovery_codes_replaced", accounts.mailer, accounts.settings)
    return codes


async def turn_off(user: User, *, mailer: Mailer, settings: Settings) -> None:
    """Turn off two-factor authentication, so that the password alone logs in."""
    async with in_transaction():
        await _lock(user)
        was_on = await remove(user)
    if was_on:
        notify_off(user, mailer=mailer, settings=settings)


async def remove(user: User) -> bool:
    """Remove 2FA in the caller's transaction, which has locked the user; returns whether 2FA was on."""
    was_on = await factor_of(user) is not None
    await SecondFactor.filter(user_id=user.id).delete()
    await RecoveryCode.filter(user_id=user.id).delete()
    return was_on


def notify_off(user: User, *, mailer: Mailer, settings: Settings) -> None:
    """Notify the user by email, even if an administrator turned it off."""
    _notify(user, "two_factor_off", mailer, settings)


async def _use_step(user: User, typed: str, accounts: Accounts) -> bool:
    factor = await factor_of(user)
    if factor is None:
        return False
    accepted = await _accepted(factor, typed, accounts.settings)
    return accepted is not None and bool(await query(USE_STEP, user.id, factor.nonce, *accepted))


async def _use_recovery_code(user: User, typed: str, accounts: Accounts) -> bool:
    bare = bare_recovery_code(typed)
    if bare is None or not await query(USE_RECOVERY_CODE, user.id, token_hash(bare)):
        return False
    _notify(user, "recovery_code_used", accounts.mailer, accounts.settings, left=await recovery_codes_left(user))
    return True


async def _store_codes(user: User) -> list[str]:
    """Replace the recovery codes, in the caller's transaction."""
    codes = [new_recovery_code() for _ in range(RECOVERY_CODES)]
    await RecoveryCode.filter(user_id=user.id).delete()
    hashes = [token_hash(bare_recovery_code(code) or "") for code in codes]
    await RecoveryCode.bulk_create(RecoveryCode(user_id=user.id, code_sha256=known) for known in hashes)
    return codes


async def _lock(user: User) -> None:
    """Lock order: the user before their rows. Concurrent changes for one user run one after the other."""
    await User.filter(id=user.id).select_for_update().first()


def _notify(user: User, name: str, mailer: Mailer, settings: Settings, **more: int) -> None:
    """Send an email with a link to reset the password, in case the user did not do this."""
    mailer.send_later(user.email, name, {"url": f"{settings.public_url}/accounts/password_reset/", **more})
