"""The current time in a time zone, which a model cannot know."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from chat.llm.tools import ToolError, tool


@tool(idempotent=True, doing="Checking the time", done="Checked the time", about="timezone")
def current_time(timezone: str) -> dict[str, str]:
    """Get the current date and time in one time zone.

    timezone: IANA name of the zone, like Europe/Oslo or UTC.
    """
    try:
        zone = ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # ValueError for an absolute path, OSError for a folder
        message = f"There is no time zone {timezone[:64]!r}. Use an IANA name like Europe/Oslo or UTC."
        raise ToolError(message) from None
    now = datetime.now(zone)
    return {"timezone": timezone, "time": now.isoformat(timespec="seconds"), "weekday": now.strftime("%A")}
