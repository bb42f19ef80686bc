"""The model, called: `call` gives a result, `stream` what happens on the way. Both run tools and keep the books."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from types import TracebackType
from typing import Any, Self, Unpack

from chat.llm.call import Call, CallEvent, Final, Item, Options, Result
from chat.llm.journal import Journal, NoJournal, Plan
from chat.llm.loop import Loop
from chat.llm.pricing import Prices
from chat.llm.provider.provider import Limits, Provider

MAX_OUTPUT_TOKENS = 8192


class LLMClient:
    """A model behind a server of the Responses API. Make one for each process, and close it.

    What is said here holds for every call that does not say otherwise. A `journal` is told of every round.
    """

    def __init__(
        self,
        *,
        api_key: str,
        base_url: str = "",
        model: str = "gpt-5-mini",
        max_output_tokens: int = MAX_OUTPUT_TOKENS,
        prices: Prices | None = None,
        journal: Journal | None = None,
        limits: Limits | None = None,
    ) -> None:
        self.prices = prices or Prices(base_url=base_url)
        self._provider = Provider(api_key=api_key, base_url=base_url, limits=limits)
        self._defaults: dict[str, Any] = {
            "model": model,
            "max_output_tokens": max_output_tokens,
            "journal": journal or NoJournal(),
        }

    async def call(self, said: str | Sequence[Item], **options: Unpack[Options]) -> Result:
        """The answer, or with a `schema` an instance of it. Raises CallFailed, with the log of what was paid for.

        `said` is a prompt, or the turns of a conversation as items of the Responses API.
        """
        async with aclosing(self.stream(said, **options)) as events:
            async for event in events:
                if isinstance(event, Final):
                    return event.result
        raise AssertionError("a stream ends with Final or an exception")

    def stream(self, said: str | Sequence[Item], **options: Unpack[Options]) -> AsyncGenerator[CallEvent, None]:
        """Everything as it happens, and Final as the last event. Raises what `call` raises.

        Cancelling or closing it hangs up at once. Wrap it in `contextlib.aclosing` where the loop can be left early.
        """
        if self._provider.closed:
            raise RuntimeError("The client is closed.")
        call = Call.of(said, options, defaults=self._defaults)
        return Loop(call, self._provider, self.prices).events()

    async def cancel(self, response_id: str) -> None:
        """End a background run at the provider, which leaving its stream does not."""
        await self._provider.cancel(response_id)

    def plan(self, said: str | Sequence[Item], *, number: int = 1, **options: Unpack[Options]) -> Plan:
        """What such a call would send, for counting; nothing is sent."""
        return Call.of(said, options, defaults=self._defaults).plan(number)

    async def warm_up(self) -> None:
        """Do what is slow at its first use, before anybody waits; nothing leaves this machine."""
        self.prices.knows("gpt-5")
        await self._provider.warm_up()

    async def close(self) -> None:
        """Close every connection; running streams break."""
        await self._provider.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()
