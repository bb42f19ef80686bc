"""A host whose clock is wrong: everything in this process that reads the time gets a different time."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, tzinfo
from typing import Any

import pytest


@contextmanager
def clock(seconds: float) -> Iterator[None]:
    """The host's clock is ahead by these seconds, or behind, until the block ends; monotonic clocks are not."""
    real, real_ns, now = time.time, time.time_ns, datetime.now
    ahead = timedelta(seconds=seconds)

    class _Meta(type):
        def __instancecheck__(cls, instance: object) -> bool:
            return isinstance(instance, datetime)

    class Shifted(datetime, metaclass=_Meta):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
            return now(tz) + ahead

        @classmethod
        def utcnow(cls) -> datetime:  # type: ignore[override]
            return now(None) + ahead

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "time", lambda: real() + seconds)
        patch.setattr(time, "time_ns", lambda: real_ns() + int(seconds * 1e9))
        for module in _modules_with(datetime):
            patch.setitem(vars(module), "datetime", Shifted)
        yield


def _modules_with(imported: Any) -> list[Any]:
    """The modules of the project and of its ORM that have imported this class by its name."""
    return [
        module
        for name, module in list(sys.modules.items())
        if name.partition(".")[0] in ("chat", "tortoise", "quart") and vars(module).get("datetime") is imported
    ]
