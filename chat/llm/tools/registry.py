"""Tools for the model: a typed, documented function gets a strict schema, and every call of it has a result.

Besides the model's arguments, a tool takes objects (the user, say) by type from the context of the call.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any, Generic, ParamSpec, TypeVar

import msgspec

from chat.llm.tools.schema import Described, described
from chat.llm.tools.words import Words, words_of
from chat.text import storable

MAX_ARGUMENT_BYTES = 32 * 2**10
MAX_RESULT_BYTES = 64 * 2**10
TIME_LIMIT_SECONDS = 10.0
THREADS = 16  # for tools only: a function that hangs keeps its thread, and must not starve anything else

P = ParamSpec("P")
R = TypeVar("R")
NO_CONTEXT: Mapping[type, object] = MappingProxyType({})

logger = logging.getLogger(__name__)


class ToolError(Exception):
    """Raised by a tool with a sentence for the model; any other exception is logged and hidden from the model."""


class ToolResult(msgspec.Struct, frozen=True):
    """What the model reads; `ok` says whether the tool succeeded."""

    output: str
    ok: bool


@dataclass(frozen=True, slots=True)
class Tool(Generic[P, R]):
    """A function that the model may call, still callable from code. `idempotent`: calling it twice does no harm."""

    function: Callable[P, R]
    idempotent: bool
    described: Described
    words: Words

    @property
    def name(self) -> str:
        return self.function.__name__

    @property
    def description(self) -> str:
        return self.described.description

    @property
    def parameters(self) -> dict[str, dict[str, Any]]:
        """The model's arguments: a JSON schema each."""
        properties: dict[str, dict[str, Any]] = self.described.parameters["properties"]
        return properties

    @property
    def context_types(self) -> tuple[type, ...]:
        """The types that the tool takes from the context."""
        return tuple(self.described.context.values())

    @property
    def schema(self) -> dict[str, Any]:
        """The definition that is sent to the model."""
        return {
            "type": "function",
            "name": self.name,
            "description": self.description,
            "parameters": self.described.parameters,
            "strict": True,
        }

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        return self.function(*args, **kwargs)


def tool(
    *, idempotent: bool, doing: str = "", done: str = "", about: str = ""
) -> Callable[[Callable[P, R]], Tool[P, R]]:
    """Turn a function into a tool; it needs type hints, and a docstring line `name: what it is` for each parameter.

    A parameter with a default is optional: the model sends null for the default. A parameter whose type is a class,
    like `user: User`, comes from the context and needs no line. Raises TypeError at once if anything is missing.

    People read `doing` while the tool runs and `done` afterwards ("Checking the time", "Checked the time"), by default
    its name as words, and beside them the argument that `about` names.
    """

    def decorate(function: Callable[P, R]) -> Tool[P, R]:
        known = described(function)
        chosen = words_of(function.__name__, doing, done, about, parameters=known.parameters["properties"])
        return Tool(function, idempotent, known, chosen)

    return decorate


class Registry:
    """The tools that a model is offered. `context_types` are the types that tools may take from the context."""

    def __init__(
        self,
        tools: Iterable[Tool[..., Any]],
        *,
        context_types: Collection[type] = (),
        time_limit_seconds: float = TIME_LIMIT_SECONDS,
    ) -> None:
        self._tools: dict[str, Tool[..., Any]] = {}
        for item in tools:
            if not isinstance(item, Tool):
                raise TypeError(f"{item!r} is not a tool: put @tool(idempotent=...) on the function")
            if item.name in self._tools:
                raise DuplicateToolError(item.name)
            _check_context(item, context_types)
            self._tools[item.name] = item
        self._time_limit_seconds = time_limit_seconds
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="tool")

    @property
    def tools(self) -> tuple[Tool[..., Any], ...]:
        return tuple(self._tools.values())

    def schemas(self) -> tuple[dict[str, Any], ...]:
        """The definitions of all tools, for `ModelRequest.tools`."""
        return tuple(item.schema for item in self._tools.values())

    def is_idempotent(self, name: str) -> bool:
        """Whether a call that may have run can be repeated; false for an unknown name: another release may know it."""
        return name in self._tools and self._tools[name].idempotent

    def words(self, name: str) -> Words:
        """The words for calls of a tool; the name of an unknown or removed tool, as words."""
        return self._tools[name].words if name in self._tools else words_of(name)

    async def dispatch(self, name: str, arguments_json: str, context: Mapping[type, object] = NO_CONTEXT) -> ToolResult:
        """Run one call; `context` has an object for each type that tools may take.

        Every failure is a result that the model can read; only cancellation is raised.
        """
        if name not in self._tools:
            available = ", ".join(self._tools) or "none"
            return _failure(f"There is no tool named {name[:64]!r}. Available tools: {available}.")
        item = self._tools[name]
        try:
            arguments = _decoded(arguments_json, item)
        except (msgspec.MsgspecError, RecursionError) as error:
            return _failure(f"The arguments are invalid for {name}: {error}.")
        try:
            async with asyncio.timeout(self._time_limit_seconds) as limit:
                return ToolResult(_output(await self._run(item, arguments | _given(item, context))), ok=True)
        except ToolError as error:
            return _failure(str(error))
        except (Exception, SystemExit) as error:  # command-line parsers exit
            if isinstance(error, TimeoutError) and limit.expired():
                return _failure(f"{name} took longer than {self._time_limit_seconds:g} seconds.")
            logger.exception("Tool %s failed", name)
            return _failure(f"{name} failed with an unexpected error. Do not call it again with the same arguments.")

    async def _run(self, item: Tool[..., Any], arguments: dict[str, Any]) -> object:
        if inspect.iscoroutinefunction(item.function):
            return await item.function(**arguments)
        loop = asyncio.get_running_loop()
        result, error = await loop.run_in_executor(self._threads, _outcome, partial(item.function, **arguments))
        if error:
            raise error
        return result


class DuplicateToolError(Exception):
    """Two tools have the same name."""


class MissingContextError(Exception):
    """The caller's context lacks a type that a tool takes: our own mistake, not the model's."""


def _outcome(function: Callable[[], object]) -> tuple[object, BaseException | None]:
    """The result or the exception. A future cannot carry every exception: StopIteration would never arrive."""
    try:
        return function(), None
    except StopIteration as error:
        return None, RuntimeError(repr(error))
    except BaseException as error:  # noqa: BLE001 - `_run` raises it again
        return None, error


def _check_context(item: Tool[..., Any], context_types: Collection[type]) -> None:
    for name, kind in item.described.context.items():
        if kind not in context_types:
            known = ", ".join(one.__name__ for one in context_types) or "nothing"
            raise TypeError(
                f"the tool {item.name}: {name} is {kind.__name__}, which is neither a JSON type nor in the context "
                f"(it has {known})"
            )


def _given(item: Tool[..., Any], context: Mapping[type, object]) -> dict[str, object]:
    try:
        return {name: context[kind] for name, kind in item.described.context.items()}
    except KeyError as missing:
        raise MissingContextError(item.name, missing.args[0]) from None


def _decoded(arguments_json: str, item: Tool[..., Any]) -> dict[str, Any]:
    encoded = arguments_json.encode("utf-8", "replace")
    if len(encoded) > MAX_ARGUMENT_BYTES:
        raise msgspec.ValidationError(f"they are larger than {MAX_ARGUMENT_BYTES} bytes")
    arguments = msgspec.json.decode(encoded or b"{}", type=item.described.arguments)
    values = [(field, getattr(arguments, field.name)) for field in msgspec.structs.fields(item.described.arguments)]
    return {field.name: value for field, value in values if field.required or value is not None}


def _output(value: object) -> str:
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return _limited(text)


def _failure(text: str) -> ToolResult:
    return ToolResult(_limited(text), ok=False)


def _limited(text: str) -> str:
    text = storable(text)
    encoded = text.encode()
    if len(encoded) <= MAX_RESULT_BYTES:
        return text
    note = f"\n[truncated: the result has {len(encoded)} bytes, the limit is {MAX_RESULT_BYTES}]"
    return encoded[: MAX_RESULT_BYTES - len(note)].decode(errors="ignore") + note
