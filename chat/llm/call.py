"""A call as its caller specifies it, and the events of a call that do not come from the provider."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import reduce
from operator import add
from typing import Any, Literal, Protocol, TypedDict
from uuid import UUID, uuid4

import msgspec

from chat.llm.catalogue import Catalogue, ModelSpec
from chat.llm.events import Code, Failed, Progress, ToolCall, Usage
from chat.llm.items import InputItem, message_item, sendable
from chat.llm.journal import CallLog, Journal, NoJournal, Plan
from chat.llm.provider.provider import Pace
from chat.llm.provider.request import HISTORY_REASONING, HISTORY_TOOLS, REASONING, ModelRequest, Resumption
from chat.llm.structured import OutputSchema, Schema
from chat.llm.tools import Registry, Tool, ToolResult
from chat.text import storable, storable_json

# A shorter input for a call whose input did not fit; None if it can't be shortened.
Shorten = Callable[[Failed], Awaitable[Sequence[InputItem] | None]]


class Toolbox(Protocol):
    """The tools that a model is offered, and the way to run them."""

    def schemas(self) -> tuple[dict[str, Any], ...]:
        """The definitions that are sent to the model."""

    async def run(self, call: ToolCall) -> ToolResult:
        """Run one tool. A failing tool is a result too; an exception ends the call."""


class Options(TypedDict, total=False):
    """The options of a call; docs/llm.md explains each."""

    model: str
    instructions: str
    tools: Toolbox | Registry | Tool[..., Any] | Iterable[Tool[..., Any]]
    context: Mapping[type, object]
    schema: Schema
    schema_name: str
    reasoning_effort: str
    reasoning_summary: bool
    keep_reasoning: bool
    max_output_tokens: int
    retries: int
    timeout_seconds: float
    user: UUID | None
    caller: str
    call_id: UUID
    metadata: dict[str, str]
    prompt_cache_key: str
    journal: Journal
    background: bool
    resume: Resumption | None
    shorten: Shorten
    pace: Pace


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call, with every default filled in."""

    input: tuple[InputItem, ...]
    model: ModelSpec
    max_output_tokens: int
    journal: Journal = field(default_factory=NoJournal)
    instructions: str = ""
    toolbox: Toolbox | None = None
    output_schema: OutputSchema | None = None
    reasoning_effort: str = ""
    reasoning_summary: bool = False
    keep_reasoning: bool = False
    retries: int | None = None
    timeout_seconds: float = 0
    user: UUID | None = None
    caller: str = "call"
    call_id: UUID = field(default_factory=uuid4)
    metadata: dict[str, str] = field(default_factory=dict)
    prompt_cache_key: str = ""
    background: bool = False
    resume: Resumption | None = None
    shorten: Shorten | None = None
    pace: Pace | None = None

    @classmethod
    def of(
        cls,
        said: str | Sequence[InputItem],
        options: Options,
        *,
        defaults: Mapping[str, Any],
        catalogue: Catalogue,
    ) -> Call:
        given: dict[str, Any] = {**defaults, **options}
        name = given.pop("model", "")
        tools, context = given.pop("tools", ()), given.pop("context", {})
        schema, schema_name = given.pop("schema", None), given.pop("schema_name", "")
        return cls(
            input=tuple(storable_json([message_item("user", said)] if isinstance(said, str) else list(said))),
            instructions=storable(given.pop("instructions", "")),
            model=catalogue.named(name) if name else catalogue.default,
            toolbox=_toolbox(tools, context),
            output_schema=None if schema is None else OutputSchema(schema, schema_name),
            **given,
        )

    def plan(self, number: int, so_far: tuple[InputItem, ...] = (), *, previous: str = "") -> Plan:
        """The round with this number; `so_far` are the items of the rounds before it, `previous` the last response.

        A background run is stored at the provider with its reasoning, so the next one refers to it.
        """
        request = ModelRequest(
            model=self.model.id,
            input=sendable(self.input + so_far),
            max_output_tokens=min(self.max_output_tokens, self.model.max_output or self.max_output_tokens),
            instructions=self.instructions,
            tools=self.toolbox.schemas() if self.toolbox and self.model.tools else (),
            output_format=self.output_schema.format if self.output_schema else None,
            reasoning_effort=self.reasoning_effort,
            reasoning_summary=self.reasoning_summary and self.model.may_reason,
            keep_reasoning=self.keep_reasoning and self.model.may_reason,
            metadata=self.metadata,
            prompt_cache_key=self.prompt_cache_key,
            timeout_seconds=self.timeout_seconds,
            background=self.background,
            previous_response_id=previous if self.background else "",
            leave_out=_left_out(self.model),
            client_request_id=str(self.call_id),
        )
        return Plan(
            call_id=self.call_id,
            number=number,
            user=self.user,
            caller=self.caller,
            model=self.model.name,
            provider=self.model.provider,
            request=request,
        )


def _left_out(model: ModelSpec) -> frozenset[str]:
    """What a request to the model must not contain."""
    no_tools = () if model.tools else (HISTORY_TOOLS,)
    no_reasoning = (REASONING, HISTORY_REASONING) if model.reasoning is False else ()
    return model.leave_out.union(no_tools, no_reasoning)


class _RegistryToolbox:
    """A registry, with the context of one call."""

    def __init__(self, registry: Registry, context: Mapping[type, object]) -> None:
        self._registry, self._context = registry, context

    def schemas(self) -> tuple[dict[str, Any], ...]:
        return self._registry.schemas()

    async def run(self, call: ToolCall) -> ToolResult:
        return await self._registry.dispatch(call.name, call.arguments, self._context)


def _toolbox(tools: Any, context: Mapping[type, object]) -> Toolbox | None:
    if hasattr(tools, "run"):
        toolbox: Toolbox = tools
        return toolbox
    if not isinstance(tools, Registry):
        offered = (tools,) if isinstance(tools, Tool) else tuple(tools)
        return _RegistryToolbox(Registry(offered, context_types=tuple(context)), context) if offered else None
    return _RegistryToolbox(tools, context) if tools.tools else None


class Result(msgspec.Struct, frozen=True):
    """The result of a call. `parsed` is an instance of the schema's model, or the JSON value; None without a schema."""

    text: str
    parsed: Any
    calls: tuple[CallLog, ...]  # one per round

    @property
    def call_log(self) -> CallLog:
        """The log of the last round, which produced the answer."""
        return self.calls[-1]

    @property
    def usage(self) -> Usage:
        """The tokens of all rounds."""
        return total_usage(self.calls)

    @property
    def cost(self) -> Decimal | None:
        """The cost of all rounds in USD; None if the cost of any round is unknown."""
        return total_cost(self.calls)


class ToolCallFinished(msgspec.Struct, frozen=True):
    """A tool has finished or failed; the model reads `output` in the next round."""

    call_id: str
    name: str
    arguments: str
    output: str
    ok: bool


class TextCorrected(msgspec.Struct, frozen=True):
    """The complete text of a round whose stream lost some of it; it replaces the deltas."""

    text: str


class InputShortened(msgspec.Struct, frozen=True):
    """The input was longer than the model can read. The next round sends less."""

    part: Literal["messages", "results"]  # earlier messages, or tool results of this call


class ModelReplaced(msgspec.Struct, frozen=True):
    """The model can't answer now, and another one is asked. Both are names of the catalogue."""

    asked: str
    model: str
    code: Code  # why


class RoundFinished(msgspec.Struct, frozen=True):
    """The provider has finished a round, and the journal has recorded it."""

    call_log: CallLog


class CallFinished(msgspec.Struct, frozen=True):
    """The last event of a successful call; any other call ends in an exception."""

    result: Result


CallEvent = Progress | TextCorrected | ToolCallFinished | RoundFinished | InputShortened | ModelReplaced | CallFinished


def total_usage(calls: Iterable[CallLog]) -> Usage:
    return reduce(add, (log.usage for log in calls), Usage())


def total_cost(calls: Iterable[CallLog]) -> Decimal | None:
    """In USD; None if any cost is unknown."""
    costs = [log.cost for log in calls]
    return None if None in costs else sum((cost for cost in costs if cost is not None), Decimal(0))
