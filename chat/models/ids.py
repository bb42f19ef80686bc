"""Identifiers that sort by the time they were made."""

import secrets
import time
from uuid import UUID

NO_ID = UUID(int=0)  # no row has it, and it sorts before all others


def uuid7() -> UUID:
    """A UUID of version 7 (RFC 9562): 48 bits of milliseconds, then random. Python has one from 3.14 on."""
    value = (time.time_ns() // 1_000_000) << 80 | secrets.randbits(80)
    return UUID(int=value & ~(0xF << 76) & ~(0x3 << 62) | 0x7 << 76 | 0x2 << 62)
