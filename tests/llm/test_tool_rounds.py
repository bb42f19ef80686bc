"""Tools in a call: they run concurrently with each other and with the stream, and their failures are results."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import pytest

from chat.llm import errors
from chat.llm.call import CallEvent, RoundFinished, ToolCallFinished
from chat.llm.client import LLMClient
from chat.llm.events import ToolCall
from chat.llm.items import message_item
from chat.llm.tools import Registry, ToolError, ToolResult, tool
from tests.support.llm import PRICES, MemoryJournal, call_events, replaying, result_of, sent_requests, text_of
from tests.support.offline import OfflineServer
from tests.support.waiting import eventually

pytestmark = pytest.mark.usefixtures("nothing_is_left")

BRIEF_SECONDS = 20


def finished(events: list[CallEvent]) -> list[ToolCallFinished]:
    return [event for event in events if isinstance(event, ToolCallFinished)]


async def test_calls_of_one_round_run_together(llm: LLMClient) -> None:
    mine, other = asyncio.Event(), asyncio.Event()

    @tool(idempotent=True)
    async def first() -> str:
        """Wait for the second."""
        mine.set()
        await asyncio.wait_for(other.wait(), BRIEF_SECONDS)
        return "met the second"

    @tool(idempotent=True)
    async def second() -> str:
        """Wait for the first."""
        other.set()
        await asyncio.wait_for(mine.wait(), BRIEF_SECONDS)
        return "met the first"

    events = await call_events(llm, "hello [offline: tools=first,second]", tools=[first, second])

    assert {event.output for event in finished(events)} == {"met the second", "met the first"}
    assert "met the second" in result_of(events).text


async def test_plain_functions_run_together_too(llm: LLMClient) -> None:
    together = threading.Barrier(8)

    @tool(idempotent=True)
    def slow() -> str:
        """Block a thread until all of them are blocked."""
        together.wait(BRIEF_SECONDS)
        return "done"

    events = await call_events(llm, f"hello [offline: tools={','.join(['slow'] * 8)}]", tools=[slow])
    assert [event.output for event in finished(events)] == ["done"] * 8


async def test_a_tool_runs_while_its_round_still_streams(llm: LLMClient) -> None:
    ran = asyncio.Event()

    @tool(idempotent=True)
    async def early() -> str:
        """Say when."""
        ran.set()
        return "early"

    seen: list[CallEvent] = []
    async with aclosing(llm.stream("hello [offline: tool=early also silence=3]", tools=[early])) as events:
        async for event in events:
            seen.append(event)
            if isinstance(event, ToolCall):
                assert not ran.is_set()
            if isinstance(event, ToolCallFinished):
                break
    assert ran.is_set()
    assert not [event for event in seen if isinstance(event, RoundFinished)], "it never ends"


async def test_a_round_can_be_over_before_its_tool(llm: LLMClient, journal: MemoryJournal) -> None:
    @tool(idempotent=True)
    async def late() -> str:
        """Wait until the journal has recorded the round."""
        await eventually(lambda: journal.logs)
        return "late"

    events = await call_events(llm, "hello [offline: tool=late]", tools=[late])
    names = [type(event).__name__ for event in events]
    assert names.index("RoundFinished") < names.index("ToolCallFinished")
    assert finished(events)[0].output == "late"


@tool(idempotent=True)
def broken() -> str:
    """Break."""
    raise ZeroDivisionError


@tool(idempotent=True)
def refusing() -> str:
    """Refuse."""
    raise ToolError("Not on a Sunday.")


@tool(idempotent=True)
async def endless() -> str:
    """Take for ever."""
    await asyncio.sleep(60)  # longer than any test
    return ""


@tool(idempotent=True)
async def cancelling() -> str:
    """Wait for something that was cancelled."""
    future = asyncio.get_running_loop().create_future()
    future.cancel()
    return str(await future)


@tool(idempotent=True)
def half() -> str:
    """Give what cannot be sent."""
    return "half \ud83d\x00"


@tool(idempotent=True)
def strict(number: int) -> int:
    """Take a number.

    number: any
    """
    return number


WRONG = [
    # tool, percent-encoded arguments, what the result says
    ("broken", "%7B%7D", "unexpected error"),
    ("refusing", "%7B%7D", "Not on a Sunday."),
    ("endless", "%7B%7D", "longer than 0.05 seconds"),
    ("nothing", "%7B%7D", "no tool named 'nothing'"),
    ("strict", "%7B%7D", "are invalid for strict"),
    ("strict", "%7B%22number%22", "are invalid for strict"),
    ("strict", "%7B%22number%22:%22x%22%7D", "are invalid for strict"),
    ("cancelling", "%7B%7D", "cancelling was cancelled"),
]


@pytest.mark.parametrize(("name", "arguments", "says"), WRONG)
async def test_every_failure_of_a_tool_is_a_result(
    llm: LLMClient, journal: MemoryJournal, name: str, arguments: str, says: str
) -> None:
    limit = 0.05 if name == "endless" else BRIEF_SECONDS
    tools = Registry([broken, refusing, endless, cancelling, strict], time_limit_seconds=limit)
    events = await call_events(llm, f"hello [offline: tool={name} arguments={arguments}]", tools=tools)

    [result] = finished(events)
    assert not result.ok
    assert says in result.output
    assert [log.status for log in journal.logs] == ["completed", "completed"]


async def test_a_tool_call_without_tools_has_a_result(llm: LLMClient) -> None:
    events = await call_events(llm, "hello [offline: tool=anything]")
    assert [(event.ok, event.output) for event in finished(events)] == [(False, "There are no tools here.")]


class Box:
    """A custom toolbox."""

    def __init__(self, output: str | Exception) -> None:
        self._output = output
        self.ran: list[str] = []

    def schemas(self) -> tuple[dict[str, Any], ...]:
        return (strict.schema,)

    async def run(self, call: ToolCall) -> ToolResult:
        self.ran.append(call.arguments)
        await asyncio.sleep(0)
        if isinstance(self._output, Exception):
            raise self._output
        return ToolResult(self._output, ok=True)


async def test_a_custom_toolbox_runs_the_calls(llm: LLMClient, offline: OfflineServer, generation_id: str) -> None:
    box = Box("half \ud83d\x00")
    said = "hello [offline: tool=strict arguments=%7B%7D]"
    events = await call_events(llm, said, tools=box, metadata={"generation_id": generation_id})

    assert box.ran == ["{}"]
    assert finished(events)[0].output == "half \ufffd\ufffd"
    first, second = await sent_requests(offline, generation_id)
    assert first["tools"] == second["tools"] == [strict.schema]
    assert [item["type"] for item in second["input"]] == [
        "message",
        "function_call",
        "function_call_output",
    ]


@pytest.mark.parametrize("script", ["tool=strict", "tools=strict,strict,strict", "tool=strict also pace=5"])
async def test_a_raising_toolbox_ends_the_call_and_the_round_is_recorded(
    llm: LLMClient, journal: MemoryJournal, script: str
) -> None:
    with pytest.raises(ConnectionAbortedError, match="fenced"):
        await llm.call(f"hello [offline: {script}]", tools=Box(ConnectionAbortedError("fenced")))
    assert journal.log.status in ("stopped", "completed")
    assert journal.log.usage.total_tokens > 0
    assert journal.log.cost > 0
    assert not journal.log.uncertain


async def test_text_before_a_call_is_part_of_the_next_round(
    llm: LLMClient, offline: OfflineServer, generation_id: str
) -> None:
    said = "say Let me see. [offline: tools=strict,strict also arguments=%7B%22number%22:7%7D]"
    await llm.call(said, tools=[strict], metadata={"generation_id": generation_id})
    _, second = await sent_requests(offline, generation_id)

    _, assistant, one, two, *outputs = second["input"]
    assert assistant == message_item("assistant", "Let me see.")
    assert (one["arguments"], two["arguments"]) == ('{"number":7}', '{"number":7}')
    assert [item["call_id"] for item in outputs] == [one["call_id"], two["call_id"]]
    assert [item["output"] for item in outputs] == ["7", "7"]


async def test_eight_rounds_are_the_most(
    llm: LLMClient, journal: MemoryJournal, offline: OfflineServer, generation_id: str
) -> None:
    with pytest.raises(errors.TooManyRounds) as raised:
        await llm.call("hello [offline: loop]", tools=[strict], metadata={"generation_id": generation_id})
    assert raised.value.calls == tuple(journal.logs)
    assert [log.plan.number for log in journal.logs] == list(range(1, 9))
    assert await offline.creates(generation_id) == 8


class Person:
    def __init__(self, name: str) -> None:
        self.name = name


@tool(idempotent=True)
def whoami(person: Person, polite: bool = True) -> str:
    """Say who asks.

    polite: whether to be
    """
    return f"{'Dear ' if polite else ''}{person.name}"


async def test_the_user_comes_from_the_context_by_type(llm: LLMClient, offline: OfflineServer) -> None:
    for tools in ([whoami], Registry([whoami], context_types=[Person])):
        events = await call_events(llm, "hello [offline: tool=whoami]", tools=tools, context={Person: Person("Alice")})
        assert [event.output for event in finished(events)] == ["Dear Alice"]


async def test_two_people_at_once_are_not_mixed_up(llm: LLMClient) -> None:
    names = [f"Person {number}" for number in range(10)]
    answers = await asyncio.gather(
        *(
            call_events(llm, "hello [offline: tool=whoami]", tools=[whoami], context={Person: Person(name)})
            for name in names
        )
    )
    assert [finished(events)[0].output for events in answers] == [f"Dear {name}" for name in names]


async def test_a_tool_whose_context_is_missing_is_refused_at_once(llm: LLMClient, journal: MemoryJournal) -> None:
    with pytest.raises(TypeError, match="Person"):
        llm.stream("hello", tools=[whoami])
    assert journal.planned == []


async def test_a_round_that_fails_stops_its_tools(llm: LLMClient, journal: MemoryJournal) -> None:
    begun, ended = [], []

    @tool(idempotent=True)
    async def wait() -> str:
        """Wait for ever."""
        begun.append("wait")
        try:
            await asyncio.sleep(60)  # longer than any test
        finally:
            ended.append("wait")
        return ""

    with pytest.raises(errors.ProviderFailed):
        await llm.call("something long [offline: tool=wait also cut=9]", tools=[wait])
    assert ended == begun  # none, if the failure came right behind the call
    assert (journal.log.status, journal.log.output != "") == ("cut", True)


async def test_a_tool_result_leads_to_a_structured_answer(llm: LLMClient) -> None:
    schema = {
        "type": "object",
        "properties": {"answer": {"type": "string"}},
        "required": ["answer"],
        "additionalProperties": False,
    }
    result = await llm.call("say it", tools=[strict], schema=schema)
    assert list(result.parsed) == ["answer"]


@pytest.fixture
async def rude(journal: MemoryJournal) -> AsyncIterator[LLMClient]:
    """A client of a server that cuts off a call's arguments at the token limit."""
    events = (
        '{"type":"response.created","response":{"id":"resp_1","model":"gpt-6-luna"}}',
        '{"type":"response.output_item.added","item":{"type":"function_call","id":"fc_1","call_id":"c1","name":"strict"}}',
        '{"type":"response.function_call_arguments.delta","item_id":"fc_1","delta":"{\\"numb"}',
        '{"type":"response.output_item.done","item":{"type":"function_call","id":"fc_1","call_id":"c1",'
        '"name":"strict","arguments":"{\\"numb","status":"incomplete"}}',
        '{"type":"response.incomplete","response":{"id":"resp_1","model":"gpt-6-luna",'
        '"incomplete_details":{"reason":"max_output_tokens"},"usage":{"input_tokens":5,"output_tokens":2},"output":['
        '{"type":"function_call","call_id":"c1","name":"strict","arguments":"{\\"numb","status":"incomplete"}]}}',
    )
    async with replaying(*events) as url, LLMClient(api_key="x", base_url=url, prices=PRICES, journal=journal) as llm:
        yield llm


async def test_a_call_that_was_cut_short_is_not_run(rude: LLMClient, journal: MemoryJournal) -> None:
    box = Box("ran")
    with pytest.raises(errors.OutputIncomplete):
        await rude.call("hello", tools=box)
    assert box.ran == []
    assert (journal.log.status, journal.log.usage.total_tokens, journal.log.estimated) == ("incomplete", 7, False)


async def test_the_last_round_is_the_answer_and_a_stream_has_all_rounds(llm: LLMClient) -> None:
    events = await call_events(llm, "hello [offline: tool=strict also arguments=%7B%22number%22:1%7D]", tools=[strict])
    assert text_of(events).endswith(result_of(events).text)
    assert len(text_of(events)) > len(result_of(events).text)
