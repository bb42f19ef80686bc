"""The command that makes older messages searchable."""

from __future__ import annotations

import argparse
import asyncio
import sys

from chat import database
from chat.cli.environment import settings_with_database
from chat.search import indexing
from chat.settings import Settings

TOLD_EACH = 10_000  # entries


def reindex(_: argparse.Namespace) -> int:
    """Add the messages and titles that are not in the index."""
    written = asyncio.run(_reindex(settings_with_database()))
    sys.stdout.write(f"Wrote {written:,} {'entry' if written == 1 else 'entries'}. All messages can be found.\n")
    return 0


async def _reindex(settings: Settings) -> int:
    written = 0
    async with database.opened(settings):
        async for count in indexing.reindex():
            if written // TOLD_EACH < (written + count) // TOLD_EACH:
                sys.stdout.write(f"{written + count:,} entries …\n")
                sys.stdout.flush()
            written += count
    return written
