"""A user's settings: display name, default model, and theme and Enter key, which every open tab follows."""

from __future__ import annotations

from collections.abc import Sequence

from tortoise.transactions import in_transaction

from chat.broadcast import Broadcast, Publish, user_channel
from chat.events import EnterKeyChanged, ThemeChanged
from chat.models import User, UserSettings
from chat.services.replies.threads import tidy_title
from chat.text import is_visible


async def save(
    user: User,
    *,
    display_name: str,
    model: str,
    theme: str,
    enter_key: str,
    models: Sequence[str],
    broadcast: Broadcast,
) -> None:
    """Store the settings. A name without a visible character is stored as empty.

    The first of `models` is the site's default and is stored as '', so that a later change of the default applies.
    """
    name, model = tidy_title(display_name), "" if model == models[0] else model
    async with in_transaction():
        # Lock order as when a chat is opened or an account deleted: settings before user.
        await UserSettings.filter(user_id=user.id).update(model=model, enter_key=enter_key)
        await User.filter(id=user.id).update(display_name=name if is_visible(name) else "")
    await broadcast.announce(Publish(user_channel(user.id), EnterKeyChanged(enter_key)))
    await choose_theme(user, theme, broadcast=broadcast)


async def choose_theme(user: User, theme: str, *, broadcast: Broadcast) -> None:
    """Store the theme and announce it to the user's open tabs."""
    await UserSettings.filter(user_id=user.id).update(theme=theme)
    await broadcast.announce(Publish(user_channel(user.id), ThemeChanged(theme)))
