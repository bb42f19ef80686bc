"""libfaketime, which gives a whole process a wrong clock, C libraries and children included."""

from __future__ import annotations

from pathlib import Path

FOLDERS = ("/usr/lib", "/usr/local/lib", "/usr/lib64")


def libraries() -> list[str]:
    """The library for programs with threads, if it is installed."""
    return [str(path) for folder in FOLDERS for path in Path(folder).glob("**/faketime/libfaketimeMT.so.1")]


def environment(seconds: int) -> dict[str, str]:
    """What a process needs to be this far ahead, or behind if negative. Its monotonic clock stays right."""
    return {"LD_PRELOAD": libraries()[0], "FAKETIME": f"{seconds:+d}", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
