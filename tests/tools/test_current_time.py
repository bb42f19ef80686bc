"""An existing time zone gets the time, any other gets advice."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from chat.tools import load


async def ask(timezone: str) -> tuple[str, bool]:
    result = await load().dispatch("current_time", json.dumps({"timezone": timezone}))
    return result.output, result.ok


async def test_the_tool_returns_the_local_time() -> None:
    output, ok = await ask("Asia/Tokyo")
    answer = json.loads(output)
    told = datetime.fromisoformat(answer["time"])
    assert ok
    assert answer["timezone"] == "Asia/Tokyo"
    assert told.utcoffset() == timedelta(hours=9)
    assert abs(told - datetime.now(UTC)) < timedelta(minutes=1)
    assert answer["weekday"] == told.strftime("%A")


@pytest.mark.parametrize(
    "timezone", ["Oslo", "", "Europe", "../../etc/passwd", "/etc/passwd", "x" * 5000, "a\x00b", "é"]
)
async def test_a_zone_that_does_not_exist_gives_advice(timezone: str) -> None:
    output, ok = await ask(timezone)
    assert not ok
    assert "There is no time zone" in output
    assert "Europe/Oslo" in output
    assert len(output) < 300
