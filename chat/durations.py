"""Durations in seconds and in words."""

UNITS = (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1))


def in_words(seconds: int) -> str:
    """The duration in the two largest units, rounded down: "1 day", "2 hours and 30 minutes"."""
    parts: list[str] = []
    for name, length in UNITS:
        count, seconds = divmod(seconds, length)
        if count:
            parts.append(f"{count} {name}{'' if count == 1 else 's'}")
        if parts and (not count or len(parts) == 2):  # noqa: PLR2004
            break
    return " and ".join(parts) or "0 seconds"


def wait_seconds(milliseconds: int) -> int:
    """A wait in whole seconds, rounded up so that it is never too short."""
    return -(-milliseconds // 1000)


def wait_in_words(milliseconds: int) -> str:
    """A wait in words, rounded up to full minutes so that it is never too short."""
    return in_words(-(-milliseconds // 60_000) * 60)
