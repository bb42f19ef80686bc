"""Wait for events that may be late on a slow machine."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from inspect import isawaitable
from typing import Any

LONG_SECONDS = 20.0  # a passing test does not wait this long
PAUSE_SECONDS = 0.01


async def eventually(ask: Callable[[], Awaitable[Any] | Any], *, seconds: float = LONG_SECONDS) -> Any:
    """Poll until the result is true, and return it. Raises AssertionError after this time."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while True:
        answer = ask()
        if answer := await answer if isawaitable(answer) else answer:
            return answer
        assert loop.time() < deadline, f"not within {seconds} s"
        await asyncio.sleep(PAUSE_SECONDS)  # for events that nothing announces
