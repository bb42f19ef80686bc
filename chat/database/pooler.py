"""PostgreSQL behind a pooler in transaction mode, where each transaction may have another connection to the server."""

from __future__ import annotations

from typing import Any

from chat.database.address import SESSION_SETTINGS
from chat.database.pool import Client, Connection

SETTINGS = "".join(f"SET LOCAL {name} = '{value}'; " for name, value in SESSION_SETTINGS.items())


class PooledConnection(Connection):
    """A connection whose transactions begin with the settings that a session would have, in one round trip."""

    async def execute(self, query: str, *args: Any, **more: Any) -> Any:
        return await super().execute(f"{query} {SETTINGS}" if query.startswith("BEGIN") else query, *args, **more)


class PooledClient(Client):
    """Tortoise's client for such connections."""

    connection_class = PooledConnection


client_class = PooledClient  # the name that Tortoise looks up
