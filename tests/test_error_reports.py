"""Error reports: off unless asked for, and no text, address or variable in what is sent."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from chat import error_reports, server
from chat.settings import Settings, SettingsError
from tests.support import patches, reporting
from tests.support.production import PRODUCTION
from tests.support.programs import Program
from tests.support.waiting import eventually


@asynccontextmanager
async def sentry() -> AsyncIterator[tuple[str, list[bytes]]]:
    """A server that takes envelopes: its DSN, and what came."""
    envelopes: list[bytes] = []

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(head.split("content-length: ")[1].split("\r\n")[0])
        body = await reader.readexactly(length)
        envelopes.append(gzip.decompress(body) if "content-encoding: gzip" in head else body)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(take, "127.0.0.1", 0) as server:
        yield f"http://public@127.0.0.1:{server.sockets[0].getsockname()[1]}/1", envelopes


def events(envelopes: list[bytes]) -> list[dict[str, Any]]:
    """The events of all envelopes."""
    lines = [json.loads(line) for envelope in envelopes for line in envelope.splitlines() if line]
    return [line for line in lines if "level" in line]


async def test_a_report_has_the_place_and_the_ids_and_no_text(tmp_path: Path) -> None:
    async with sentry() as (dsn, envelopes):
        program = Program(
            reporting.report,
            environment={"PATH": os.environ["PATH"], "SENTRY_DSN": dsn},
            folder=tmp_path,
            output=tmp_path / "output",
        )
        assert await program.end() == 0, program.output
        await eventually(lambda: len(events(envelopes)) == 3)

    sent = b"".join(envelopes).decode()
    assert reporting.CANARY not in sent and "@example.com" not in sent and "Program" not in sent
    failed, dropped, foreign = events(envelopes)
    types = [one["type"] for one in failed["exception"]["values"]]
    assert types == ["KeyError", "ValueError"]
    [*_, last] = failed["exception"]["values"][-1]["stacktrace"]["frames"]
    assert (last["function"], last["filename"]) == ("fail", "tests/support/reporting.py")
    assert failed["tags"] == {"request": "0123456789abcdef", "provider_request": "req_1"}
    assert failed["logentry"]["message"] == "%s failed" and failed["logger"] == "chat.web.error_pages"
    assert dropped["logentry"]["message"] == "Email %s was dropped"
    assert foreign["logentry"]["message"] == "An error of asyncio"


def test_without_a_dsn_nothing_is_reported_and_a_missing_extra_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not Settings.from_environment(PRODUCTION).sentry_dsn
    assert error_reports.is_installed()
    patches.SENTRY_SDK.replace(monkeypatch, None)

    with pytest.raises(SettingsError, match="install the extra"):
        server.serve(Settings.from_environment({**PRODUCTION, "SENTRY_DSN": "https://key@sentry.example.com/1"}))


@pytest.mark.parametrize("dsn", ["sentry.example.com", "ftp://key@host/1"])
def test_a_dsn_that_is_no_address_is_refused(dsn: str) -> None:
    with pytest.raises(SettingsError, match="SENTRY_DSN must start with"):
        Settings.from_environment({**PRODUCTION, "SENTRY_DSN": dsn})
