"""The offline model as a process, and the journal of requests that it keeps."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx

PROJECT = Path(__file__).parents[2]


class OfflineServer:
    """A running offline model, its bill, and its requests by generation id."""

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url
        self.root = base_url.removesuffix("/v1")
        self.http = httpx.AsyncClient(base_url=self.root, headers={"authorization": "Bearer test"}, timeout=20)

    async def creates(self, generation_id: str) -> int:
        return (await self.http.get("/control/creates", params={"generation_id": generation_id})).json()["creates"]

    async def open(self, *, until: int) -> int:
        return (await self.http.get("/control/open", params={"until": until})).json()["open"]

    async def billed(self, generation_id: str) -> list[dict[str, Any]]:
        bill = (await self.http.get("/control/bill", params={"generation_id": generation_id})).json()
        return list(bill["responses"].values())


def start_offline_model(*arguments: str) -> tuple[subprocess.Popen[str], str]:
    """Start one, and read from its only line where it listens."""
    command = [sys.executable, "-m", "chat.devservices.offline_model", "--port", "0", "--any-key", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=PROJECT)
    assert process.stdout is not None
    return process, process.stdout.readline().rpartition(" ")[2].strip()
