"""What a command that needs the database runs with."""

from __future__ import annotations

import os

from chat import development
from chat.settings import Settings, SettingsError


def settings_with_database() -> Settings:
    """Those of the environment; without a DATABASE_URL, the database of a running `make run`."""
    settings = Settings.from_environment(development.beside_a_run(os.environ))
    if not settings.database_url:
        raise SettingsError(["DATABASE_URL is missing, and no `make run` is going on in this checkout"])
    return settings
