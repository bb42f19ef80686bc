"""What users set for themselves: their name, the model of new chats, and a theme that every tab follows."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from tortoise.transactions import in_transaction

from chat.broadcast import Broadcast, Unavailable, user_channel
from chat.events import ThemeChanged
from chat.models import User, UserSettings
from chat.services.replies.threads import is_visible, tidy_title

logger = logging.getLogger(__name__)


async def save(
    user: User, *, display_name: str, model: str, theme: str, models: Sequence[str], broadcast: Broadcast
) -> None:
    """Store what the settings' page has. A name of which nothing can be seen is none.

    Whoever has the first of `models` follows the site when that becomes another one.
    """
    name = tidy_title(display_name)
    async with in_transaction():
        # The settings before their user, as who opens a chat and as a deletion locks them.
        await UserSettings.filter(user_id=user.id).update(model="" if model == models[0] else model)
        await User.filter(id=user.id).update(display_name=name if is_visible(name) else "")
    await choose_theme(user, theme, broadcast=broadcast)


async def choose_theme(user: User, theme: str, *, broadcast: Broadcast) -> None:
    """Store it, and tell the tabs of this user in every browser."""
    await UserSettings.filter(user_id=user.id).update(theme=theme)
    try:
        await broadcast.channels.publish(user_channel(user.id), ThemeChanged(theme))
    except Unavailable as error:
        logger.warning("A theme is stored and not announced, Redis is away: %s", error)
