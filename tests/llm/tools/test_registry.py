"""A registry runs tools, and every call has a result that the model can read."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import threading
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from chat.llm.tools.registry import MAX_ARGUMENT_BYTES, MAX_RESULT_BYTES, DuplicateToolError, Registry, ToolError, tool
from tests.support.functions import Asker, describe, undocumented
from tests.support.waiting import LONG_SECONDS

if TYPE_CHECKING:
    pass

README = Path(__file__).parents[2] / "README.md"


@tool(idempotent=False)
def echo(text: str) -> str:
    """Say it again.

    text: what to say
    """
    return text


@tool(idempotent=True)
def where() -> str:
    """Tell the name of the thread."""
    return threading.current_thread().name


@tool(idempotent=True)
async def fail(kindly: bool) -> None:
    """Fail.

    kindly: with words for the model
    """
    if kindly:
        raise ToolError("Take the other door.")
    raise RuntimeError("secret path /srv/key")


@tool(idempotent=True)
async def hang() -> None:
    """Never come back."""
    await asyncio.Event().wait()


@tool(idempotent=True)
async def time_out() -> None:
    """Run into a limit of its own."""
    raise TimeoutError


@tool(idempotent=True)
def odd() -> object:
    """Return what has no JSON."""
    return object()


@tool(idempotent=True)
async def greet(asker: Asker, greeting: str = "Hello") -> str:
    """Greet whoever asks.

    greeting: the first word
    """
    return f"{greeting}, {asker.name}"


@tool(idempotent=True)
def who(asker: Asker) -> str:
    """Tell who asks."""
    return asker.name


@tool(idempotent=True)
def remind(when: datetime) -> None:
    """Use a class as if it were a JSON type."""


ARGUMENTS = {"name": "x", "count": 1, "ratio": 0.5, "loud": True, "size": "small", "tags": ["a"], "note": None}


@pytest.fixture
def registry() -> Registry:
    return Registry([describe, echo, where, fail, time_out, odd], time_limit_seconds=LONG_SECONDS)


def test_anything_but_a_tool_is_refused_with_advice() -> None:
    with pytest.raises(
        TypeError, match=r"undocumented at .* is not a tool: put @tool\(idempotent=...\) on the function"
    ):
        Registry([undocumented])  # type: ignore[list-item]


def test_two_tools_with_one_name_are_refused() -> None:
    with pytest.raises(DuplicateToolError):
        Registry([echo, echo])


def test_a_tool_whose_context_is_unknown_is_refused_at_the_start() -> None:
    with pytest.raises(TypeError, match=r"the tool remind: when is datetime.*it has Asker"):
        Registry([greet, remind], context_types=(Asker,))
    with pytest.raises(TypeError, match=r"the tool greet: asker is Asker.*it has nothing"):
        Registry([greet])


def test_a_tool_can_still_be_called_as_a_function() -> None:
    assert echo("hello") == "hello"
    assert who(Asker("alice")) == "alice"


def test_a_tool_has_a_name_a_description_and_parameters() -> None:
    assert (greet.name, greet.description, greet.idempotent) == ("greet", "Greet whoever asks.", True)
    assert greet.parameters == {"greeting": {"type": ["string", "null"], "description": "the first word"}}
    assert greet.context_types == (Asker,)


def test_a_tool_says_whether_it_can_be_repeated(registry: Registry) -> None:
    assert registry.is_idempotent("describe")
    assert not registry.is_idempotent("echo")
    assert not registry.is_idempotent("of_another_release")


async def test_the_result_of_a_call_is_json(registry: Registry) -> None:
    result = await registry.dispatch("describe", json.dumps(ARGUMENTS | {"level": 1}))
    assert result.ok
    assert json.loads(result.output) == {
        "name": "x", "tags": ["a"], "note": None, "level": 1, "sum": 1.5, "size": "small", "loud": True,
    }  # fmt: skip


async def test_null_or_nothing_for_a_parameter_with_a_default_is_the_default(registry: Registry) -> None:
    for arguments in (ARGUMENTS, ARGUMENTS | {"level": None}):
        assert json.loads((await registry.dispatch("describe", json.dumps(arguments))).output)["level"] == 2


async def test_a_text_result_is_unchanged(registry: Registry) -> None:
    assert (await registry.dispatch("echo", '{"text": "å \\ud83c\\udf89"}')).output == "å 🎉"


async def test_an_ordinary_function_runs_in_a_thread(registry: Registry) -> None:
    assert (await registry.dispatch("where", "{}")).output.startswith("tool")


async def test_no_arguments_equal_an_empty_object(registry: Registry) -> None:
    assert (await registry.dispatch("where", "")).ok


@pytest.fixture
def asked_by() -> Registry:
    return Registry([greet, who], context_types=(Asker,))


def test_the_model_never_sees_the_context() -> None:
    assert greet.schema["description"] == "Greet whoever asks."
    assert list(greet.schema["parameters"]["properties"]) == greet.schema["parameters"]["required"] == ["greeting"]
    assert who.schema["parameters"]["properties"] == {}


async def test_a_tool_gets_its_context_by_type(asked_by: Registry) -> None:
    alice = {Asker: Asker("alice"), str: "of no use"}
    assert (await asked_by.dispatch("greet", "{}", alice)).output == "Hello, alice"
    assert (await asked_by.dispatch("greet", '{"greeting": "Hei"}', context=alice)).output == "Hei, alice"
    assert (await asked_by.dispatch("who", "{}", alice)).output == "alice"


async def test_the_model_cannot_choose_the_user(asked_by: Registry) -> None:
    result = await asked_by.dispatch("who", '{"asker": {"name": "bob"}}', {Asker: Asker("alice")})
    assert not result.ok
    assert "unknown field `asker`" in result.output


async def test_a_missing_context_is_logged_and_hidden_from_the_model(
    asked_by: Registry, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        result = await asked_by.dispatch("who", "{}")
    assert not result.ok
    assert "unexpected error" in result.output
    assert "Asker" not in result.output
    assert "MissingContextError: ('who', <class" in caplog.text


@pytest.mark.parametrize(
    ("name", "arguments", "says"),
    [
        ("nobody", "{}", "no tool named 'nobody'"),
        ("echo", "{", "are invalid for echo"),
        ("echo", "[]", "are invalid for echo"),
        ("echo", "{}", "missing required field `text`"),
        ("echo", '{"text": 7}', "Expected `str`"),
        ("echo", '{"text": "a", "more": 1}', "unknown field `more`"),
        ("echo", '{"text": "\\ud800"}', "are invalid for echo"),
        ("echo", '{"text": "\ud800"}', "?"),
        ("echo", '{"text": "' + "x" * MAX_ARGUMENT_BYTES + '"}', "larger than 32768 bytes"),
        ("describe", json.dumps(ARGUMENTS | {"size": "huge"}), "Invalid enum value 'huge'"),
        ("fail", '{"kindly": true}', "Take the other door."),
        ("fail", '{"kindly": false}', "unexpected error"),
        ("time_out", "{}", "unexpected error"),
        ("odd", "{}", "unexpected error"),
    ],
)
async def test_every_failure_is_a_result_that_the_model_can_read(
    registry: Registry, name: str, arguments: str, says: str
) -> None:
    result = await registry.dispatch(name, arguments)
    assert says in result.output
    assert result.ok is (says == "?")
    assert "secret" not in result.output


async def test_a_tool_that_takes_too_long_is_cancelled() -> None:
    result = await Registry([hang], time_limit_seconds=0.2).dispatch("hang", "{}")
    assert (result.ok, "longer than 0.2 seconds" in result.output) == (False, True)


@tool(idempotent=True)
async def leave() -> None:
    """Parse a command line, as it were."""
    sys.exit(2)


@tool(idempotent=True)
def leave_from_a_thread() -> None:
    """Do the same, beside the loop."""
    sys.exit(2)


@tool(idempotent=True)
def run_out() -> int:
    """Take the first of nothing."""
    return next(iter([]))


@pytest.mark.parametrize("function", [leave, leave_from_a_thread, run_out])
async def test_no_exception_of_a_tool_ends_the_server(function: Any) -> None:
    result = await Registry([function]).dispatch(function.name, "{}")
    assert "unexpected error" in result.output


async def test_a_long_result_is_truncated_and_says_so(registry: Registry) -> None:
    text = "æ" * (MAX_ARGUMENT_BYTES // 2 - 50)
    assert (await registry.dispatch("echo", json.dumps({"text": text}, ensure_ascii=False))).output == text
    [big] = Registry([long_text]).tools
    result = await Registry([big]).dispatch("long_text", "{}")
    assert result.ok
    assert result.output.startswith("ææ")
    assert result.output.endswith("[truncated: the result has 200000 bytes, the limit is 65536]")
    assert MAX_RESULT_BYTES - 4 < len(result.output.encode()) <= MAX_RESULT_BYTES


@tool(idempotent=True)
def long_text() -> str:
    """Talk for long."""
    return "æ" * 100_000


async def test_a_result_never_has_what_postgresql_cannot_store(registry: Registry) -> None:
    assert (await registry.dispatch("echo", '{"text": "a\\u0000b"}')).output == "a\ufffdb"


async def test_cancelling_a_call_is_the_only_thing_that_is_raised() -> None:
    task = asyncio.create_task(Registry([hang]).dispatch("hang", "{}"))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
