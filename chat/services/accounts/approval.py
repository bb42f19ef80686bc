"""Accounts waiting for approval: how many there are, and telling the administrators."""

from __future__ import annotations

import asyncio
import logging

from chat.database import DatabaseUnavailable, query
from chat.mailer import Mailer
from chat.settings import Settings

logger = logging.getLogger(__name__)

LOOK_SECONDS = 30.0
NOTICE_MINUTES = 15

# An unconfirmed address may be made up, so administrators are not asked to decide about it.
# $1: whether addresses are confirmed.
WAITS = "(approved_at IS NULL AND declined_at IS NULL AND is_active AND (email_verified OR NOT $1))"
COUNT = f"SELECT count(*) AS count FROM users WHERE {WAITS}"  # noqa: S608 - a constant
# One statement takes the turn, so only one worker writes, and none before the time is over.
TAKE_TURN = f"""
WITH turn AS (
    INSERT INTO approval_notice (id, sent_at)
    SELECT 1, now() WHERE EXISTS (SELECT FROM users WHERE {WAITS} AND NOT is_announced)
    ON CONFLICT (id) DO UPDATE SET sent_at = now()
        WHERE approval_notice.sent_at <= now() - interval '{NOTICE_MINUTES} minutes'
    RETURNING id)
UPDATE users SET is_announced = true FROM turn WHERE {WAITS} AND NOT is_announced RETURNING users.id
"""  # noqa: S608 - constants
ADMINISTRATORS = "SELECT email FROM users WHERE is_staff AND is_active ORDER BY id"


async def waiting_count(settings: Settings) -> int:
    """How many accounts are waiting for approval."""
    count: int = (await query(COUNT, settings.email_verification_required))[0]["count"]
    return count


async def announce(*, mailer: Mailer, settings: Settings) -> int:
    """Email the administrators about accounts they have not been told about, at most once in NOTICE_MINUTES.

    Returns the number of newly announced accounts. The email gives the total number of waiting accounts.
    """
    told = await query(TAKE_TURN, settings.email_verification_required)
    if not told:
        return 0
    count = await waiting_count(settings)
    for row in await query(ADMINISTRATORS):
        url = f"{settings.public_url}/admin/approval/"
        mailer.send_later(row["email"], "approval_needed", {"count": count, "url": url, "minutes": NOTICE_MINUTES})
    return len(told)


async def keep_announcing(*, mailer: Mailer, settings: Settings) -> None:
    """Look regularly while the process serves."""
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        try:
            await announce(mailer=mailer, settings=settings)
        except DatabaseUnavailable as error:
            logger.warning("Could not look for accounts waiting for approval: %s", error)
        except Exception:  # otherwise this loop would end the worker, for example before the migration
            logger.exception("Could not look for accounts waiting for approval")
