"""Lengths of time, as people say them."""

UNITS = (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1))


def in_words(seconds: int) -> str:
    """In the largest unit and the next one, never more than it is: "1 day", "2 hours and 30 minutes"."""
    parts: list[str] = []
    for name, length in UNITS:
        count, seconds = divmod(seconds, length)
        if count:
            parts.append(f"{count} {name}{'' if count == 1 else 's'}")
        if parts and (not count or len(parts) == 2):  # noqa: PLR2004
            break
    return " and ".join(parts) or "0 seconds"


def wait_in_words(milliseconds: int) -> str:
    """How long to wait, in full minutes: whoever waits that long has waited enough."""
    return in_words(-(-milliseconds // 60_000) * 60)
