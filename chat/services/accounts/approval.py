"""People who wait for an administrator's approval: how many they are, and telling the administrators."""

from __future__ import annotations

import asyncio
import logging

from chat.database import DatabaseUnavailable, query
from chat.mailer import Mailer
from chat.settings import Settings

logger = logging.getLogger(__name__)

LOOK_SECONDS = 30.0
NOTICE_MINUTES = 15

# Those whose address is not confirmed could be anyone's invention, so no one is asked to decide about them.
# $1: whether addresses are confirmed.
WAITS = "(approved_at IS NULL AND declined_at IS NULL AND is_active AND (email_verified OR NOT $1))"
COUNT = f"SELECT count(*) AS count FROM users WHERE {WAITS}"  # noqa: S608 - a constant
# One statement takes the turn, so that of all workers one writes, and no one before the time is over.
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
    """How many people wait for approval."""
    count: int = (await query(COUNT, settings.email_verification_required))[0]["count"]
    return count


async def announce(*, mailer: Mailer, settings: Settings) -> int:
    """Email the administrators if people wait of whom they were not told, at most once in NOTICE_MINUTES.

    Returns the number of people of whom they were told now. The email says how many wait in total.
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
    """Look regularly, as long as the process serves."""
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        try:
            await announce(mailer=mailer, settings=settings)
        except DatabaseUnavailable as error:
            logger.warning("Could not look for people who wait for approval: %s", error)
        except Exception:  # the worker would end with this loop, for example before its migration
            logger.exception("Could not look for people who wait for approval")
