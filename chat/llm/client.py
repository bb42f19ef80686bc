"""The client: `call` returns a result, `stream` yields every event. Both run tools and record rounds in the journal."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack

from msgspec.structs import replace

from chat.llm import errors
from chat.llm.call import Call, CallEvent, CallFinished, Options, Result, RoundFinished
from chat.llm.catalogue import DEFAULT_MODEL, Catalogue, ModelSpec
from chat.llm.context import fitted, smaller, with_contexts
from chat.llm.events import Completed, Created, Failed
from chat.llm.items import InputItem
from chat.llm.journal import CallLog, Journal, NoJournal, Plan
from chat.llm.pricing import Prices
from chat.llm.provider.adapting import OF_ONE_CALL, Learned
from chat.llm.provider.breaker import Breaker
from chat.llm.provider.provider import Provider, ProviderLimits
from chat.llm.provider.request import TOOLS
from chat.llm.recovery import Recovery
from chat.llm.round import Round

MAX_OUTPUT_TOKENS = 8192
MAX_ROUNDS = 8

T = TypeVar("T")

logger = logging.getLogger(__name__)


class LLMClient:
    """A client of the servers of a catalogue, or of one server: then `api_key`, `base_url` and `model` are enough.

    Make one per process, and close it. The arguments are the defaults of every call. The `journal` is told about every
    round.
    """

    def __init__(
        self,
        catalogue: Catalogue | None = None,
        *,
        api_key: str = "",
        base_url: str = "",
        model: str = DEFAULT_MODEL,
        max_output_tokens: int = MAX_OUTPUT_TOKENS,
        prices: Prices | None = None,
        journal: Journal | None = None,
        limits: ProviderLimits | None = None,
    ) -> None:
        self.catalogue = with_contexts(
            catalogue or Catalogue.single(api_key=api_key, base_url=base_url, models=(model,))
        )
        self.prices = prices or Prices(catalogue=self.catalogue)
        breakers: dict[tuple[str, str], Breaker] = {}
        self._providers = {
            spec.name: Provider(
                api_key=spec.api_key,
                base_url=spec.base_url,
                limits=limits,
                reuse_connections=spec.reuse_connections,
                breaker=breakers.setdefault((spec.base_url, spec.api_key), Breaker(spec.name)),
            )
            for spec in self.catalogue.providers
        }
        self._closed = False
        self._defaults: dict[str, Any] = {
            "max_output_tokens": max_output_tokens,
            "journal": journal or NoJournal(),
        }

    async def call(self, said: str | Sequence[InputItem], **options: Unpack[Options]) -> Result:
        """The answer, parsed if there is a `schema`. Raises CallFailed, which has the logs of all rounds.

        `said` is a prompt, or the turns of a conversation as input items of the Responses API.
        """
        async with aclosing(self.stream(said, **options)) as events:
            async for event in events:
                if isinstance(event, CallFinished):
                    return event.result
        raise AssertionError("a stream ends with CallFinished or an exception")

    def stream(self, said: str | Sequence[InputItem], **options: Unpack[Options]) -> AsyncGenerator[CallEvent, None]:
        """All events as they happen; the last one is CallFinished. Raises what `call` raises.

        Cancelling or closing it hangs up at once. Use `contextlib.aclosing` if you may leave the loop early.
        """
        if self._closed:
            raise RuntimeError("The client is closed.")
        return _events(self._call(said, options), self.catalogue, self._providers, self.prices)

    async def cancel(self, response_id: str, *, model: str = "") -> None:
        """Stop a background run of this model at its provider; leaving its stream does not stop it."""
        spec = self.catalogue.named(model) if model else self.catalogue.default
        await self._providers[spec.provider].cancel(response_id)

    def plan(self, said: str | Sequence[InputItem], *, number: int = 1, **options: Unpack[Options]) -> Plan:
        """What this call would send, for counting tokens; nothing is sent."""
        return self._call(said, options).plan(number)

    def providers_up(self) -> dict[str, bool]:
        """Whether each provider answers, by name, as far as this process knows."""
        return {name: not provider.breaker.is_down for name, provider in self._providers.items()}

    def unavailable(self) -> tuple[ModelSpec, ...]:
        """The models whose requests fail at once: their provider and those of their fallbacks are down."""
        return tuple(model for model in self.catalogue.offered if all(map(self._is_down, self._asked_for(model))))

    def _asked_for(self, model: ModelSpec) -> tuple[ModelSpec, ...]:
        return (model, *(self.catalogue.named(name) for name in model.fallback))

    def _is_down(self, model: ModelSpec) -> bool:
        return self._providers[model.provider].breaker.is_open

    async def probe(self) -> None:
        """Test whether providers that are down are back, if it is time; no model is called."""
        due = {id(one.breaker): one for one in self._providers.values() if one.breaker.is_due}
        await asyncio.gather(*(provider.probe() for provider in due.values()))

    def learned(self, model: str) -> Learned:
        """What the server of this model has refused within the last hour: parts of requests, and lengths."""
        spec = self.catalogue.named(model)
        return self._providers[spec.provider].memory.of(spec.id)

    def context_of(self, name: str) -> int | None:
        """The context of the model with this name in tokens: known beforehand, or told by its server; None: unknown."""
        model = self.catalogue.named(name)
        return smaller(model.context, self._providers[model.provider].memory.of(model.id).context)

    def model(self, name: str) -> ModelSpec:
        """The model as the catalogue has it, without the tools that its server refused."""
        spec = self.catalogue.resolve(name)
        return dataclasses.replace(spec, tools=spec.tools and TOOLS not in self.learned(spec.name).leave_out)

    async def warm_up(self) -> None:
        """Do the slow first-time work before the first call; nothing leaves this machine."""
        self.prices.knows(self.catalogue.default.name)
        await self._providers[self.catalogue.default.provider].warm_up()

    async def close(self) -> None:
        """Close every connection; running streams break."""
        self._closed = True
        for provider in self._providers.values():
            await provider.close()

    def _call(self, said: str | Sequence[InputItem], options: Options) -> Call:
        return Call.of(said, options, defaults=self._defaults, catalogue=self.catalogue)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()


async def _events(
    call: Call, catalogue: Catalogue, providers: Mapping[str, Provider], prices: Prices
) -> AsyncGenerator[CallEvent, None]:
    """The tool loop: rounds with the model's provider until there is an answer, and CallFinished at the end.

    Raises CallFailed, and whatever the journal or the toolbox raises.
    """
    logs: list[CallLog] = []
    left_out: frozenset[str] = frozenset()  # that the rounds before had to leave out
    recovery, recoveries = Recovery(call, catalogue), 0
    resume, so_far, previous = call.resume, call.resume.so_far if call.resume else (), ""
    number = resume.number if resume else 1
    try:
        while number - recoveries <= MAX_ROUNDS:
            provider = providers[call.model.provider]
            plan = await _fitted(call.plan(number, so_far, previous=previous), call, left_out, provider)
            if resume is None:
                await call.journal.begin(plan)
            current, recovered = Round(recovery.limited(call), plan, provider, prices, resume), None
            async with _left_in_order(current, logs), aclosing(current.events()) as events:
                async for event in events:
                    match event:
                        case Created():
                            await call.journal.created(plan, event.response_id, event.sequence)
                        case Completed() | Failed():
                            yield RoundFinished(await shielded(current.log()))
                            if current.failure:
                                recovered = await recovery.after(current, call, so_far)
                                if recovered is None:
                                    raise current.failure
                            continue
                    yield event
            number, resume = number + 1, None
            if recovered:
                call, so_far, recoveries, previous = recovered.call, recovered.so_far, recoveries + 1, ""
                yield recovered.event
            elif current.tools.calls:
                so_far += current.items()
                previous = current.response_id or ""
                left_out = current.plan.request.leave_out & OF_ONE_CALL
            else:
                yield CallFinished(Result(current.text, current.parsed, tuple(logs)))
                return
        raise errors.TooManyRounds("The model kept calling tools without giving an answer.")
    except errors.CallFailed as error:
        error.calls = tuple(logs)
        raise


async def _fitted(plan: Plan, call: Call, left_out: frozenset[str], provider: Provider) -> Plan:
    """The plan without what was refused before, in this call or by this model's server, and within its context."""
    request = replace(plan.request, leave_out=plan.request.leave_out | left_out)
    context = smaller(call.model.context, provider.memory.of(call.model.id).context)
    return await fitted(replace(plan, request=provider.memory.applied(request)), context)


@asynccontextmanager
async def _left_in_order(current: Round, logs: list[CallLog]) -> AsyncIterator[None]:
    """However a round ends, stop its stream and tools, and record it in the journal."""
    try:
        yield
    finally:
        await shielded(_leave(current))
        if current.call_log:
            logs.append(current.call_log)


async def _leave(current: Round) -> None:
    try:
        await current.close()
    finally:
        if not current.call_log:
            await _log_early_end(current)


async def _log_early_end(current: Round) -> None:
    try:
        await current.log()
    except Exception:  # another exception is being raised; this one must not replace it
        logger.exception("The journal did not record a round that was left early")


async def shielded(work: Coroutine[Any, Any, T]) -> T:
    """Complete the work in a separate task. A cancellation meanwhile is raised when it is done."""
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled:
        raise cancelled from (None if task.cancelled() else task.exception())
    return task.result()
