"""Tells every tab of this process which models can't answer because their provider is down, and when they can again."""

from __future__ import annotations

import asyncio
import logging

from chat.events import ModelsUnavailable
from chat.llm.client import LLMClient
from chat.text import isolated
from chat.web.chat.open_sockets import OpenSockets

CHECK_SECONDS = 1.0
ONE_DOWN = "The model can't be reached right now. Answers will fail until it is back."
ALL_DOWN = "The models can't be reached right now. Answers will fail until they are back."
SOME_DOWN = "{} can't be reached right now. Choose another model."

logger = logging.getLogger(__name__)


class ModelNotice:
    """Probes providers that are down, and tells tabs when the list of unavailable models changes."""

    def __init__(self, llm: LLMClient, sockets: OpenSockets) -> None:
        self._llm = llm
        self._sockets = sockets

    async def run(self) -> None:
        """Run until cancelled."""
        while True:
            await asyncio.sleep(CHECK_SECONDS)
            try:
                await self._llm.probe()
            except Exception:
                logger.exception("Could not probe a provider that is down")
            now = self.frame()
            for socket in self._sockets:  # each knows what its tab was told: a provider can come and go between checks
                socket.tell(now)

    def frame(self) -> ModelsUnavailable:
        """The models that fail now, and a sentence about them; empty if there are none."""
        down = self._llm.unavailable()
        labels = [isolated(model.label) for model in down]
        sentence = SOME_DOWN.format(_listed(labels)) if down else ""
        if len(down) == len(self._llm.catalogue.offered):
            sentence = ONE_DOWN if len(down) == 1 else ALL_DOWN
        return ModelsUnavailable([model.name for model in down], sentence)


def _listed(labels: list[str]) -> str:
    return f"{', '.join(labels[:-1])} and {labels[-1]}" if len(labels) > 1 else labels[0]
