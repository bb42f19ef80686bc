"""The stores of a measurement, which are removed with its block."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from chat.devservices import embedded_postgres, embedded_valkey


@contextmanager
def stores() -> Iterator[tuple[Path, dict[str, str]]]:
    """A folder, and settings with a PostgreSQL, which writes nothing durably, and a Valkey in it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)  # PostgreSQL runs as another user there
        with (
            embedded_postgres(folder / "postgres", durable=False) as database_url,
            embedded_valkey(folder / "valkey", durable=False) as redis_url,
        ):
            yield (
                folder,
                {
                    "DEBUG": "True",
                    "DATABASE_URL": database_url,
                    "REDIS_URL": redis_url,
                    "OPENAI_API_KEY": "none",
                    "LOG_LEVEL": "ERROR",
                },
            )
