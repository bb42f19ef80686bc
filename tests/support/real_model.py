"""llama.cpp as the tests see it."""

from __future__ import annotations

from typing import Any

import httpx

from chat.devservices.local_model.launch import LocalModel
from tests.support.waiting import eventually

CONTEXT_TOKENS = 1280  # the site's instructions and tools take two thirds


class RealModel(LocalModel):
    """The server, and what it is doing at the moment."""

    async def slots(self) -> list[dict[str, Any]]:
        headers = {"authorization": f"Bearer {self.api_key}"}
        async with httpx.AsyncClient(headers=headers, timeout=30) as http:
            response = await http.get(self.base_url.removesuffix("/v1") + "/slots")
        slots: list[dict[str, Any]] = response.json()
        return slots

    async def working(self) -> bool:
        return any(slot["is_processing"] for slot in await self.slots())

    async def is_idle(self) -> None:
        """Wait until no answer is written, whether or not a client listens."""

        async def idle() -> bool:
            return not await self.working()

        await eventually(idle)
