"""The settings of commands that need the database."""

from __future__ import annotations

import os

from chat import development
from chat.settings import Settings, SettingsError


def settings_with_database() -> Settings:
    """The settings of the environment; without a DATABASE_URL, with the database of a running `make run`."""
    settings = Settings.from_environment(development.beside_a_run(os.environ))
    if not settings.database_url:
        raise SettingsError(["DATABASE_URL is not set, and `make run` is not running in this checkout"])
    return settings
