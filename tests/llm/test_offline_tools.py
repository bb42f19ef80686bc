"""The offline model calls the tools that the words ask for, so that all can be tried without a key."""

from __future__ import annotations

import json
from typing import Any

import pytest

from chat.llm.items import message_item
from chat.tools import load
from tests.support.offline import OfflineServer
from tests.support.offline_requests import answer, create

TEXT = {"type": "string"}
MAYBE = {"anyOf": [{"type": "integer"}, {"type": "null"}]}


def function(name: str, **properties: dict[str, Any]) -> dict[str, Any]:
    parameters = {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
    return {"type": "function", "name": name, "strict": True, "parameters": parameters}


CALCULATE = function("calculate", expression=TEXT)
SEARCH = function("search_my_threads", query=TEXT)
CLOCK = function("current_time", timezone=TEXT)
SECRET = function("get_secret_number")
ALL = [SECRET, CLOCK, CALCULATE, SEARCH]


async def calls(offline: OfflineServer, asked: str, tools: list[dict[str, Any]]) -> list[tuple[str, Any]]:
    output = (await create(offline, asked, tools=tools)).json()["output"]
    return [(item["name"], json.loads(item["arguments"])) for item in output if item["type"] == "function_call"]


async def told(offline: OfflineServer, asked: str, gave: str) -> str:
    """The answer when the only tool called returns this."""
    question = message_item("user", asked)
    [call] = (await create(offline, input=[question], tools=ALL)).json()["output"]
    output = {"type": "function_call_output", "call_id": call["call_id"], "output": gave}
    return await answer(offline, "", input=[question, call, output], tools=ALL)


@pytest.mark.parametrize(
    ("asked", "expression"),
    [
        ("what is 12 * 7?", "12 * 7"),
        ("What's 12*7", "12*7"),
        ("calculate 2^10 + 1", "2^10 + 1"),
        ("Please calculate (1.5 + .5) / 1e3.", "(1.5 + .5) / 1e3"),
        ("How much is sqrt(2) * pi = ?", "sqrt(2) * pi"),
        ("compute max(3, 4) % 2 please", "max(3, 4) % 2"),
        ("Tell me: what is 6 \u00d7 7 \u2212 1\nThank you!", "6 \u00d7 7 \u2212 1"),
    ],
)
async def test_sums_are_calculated(offline: OfflineServer, asked: str, expression: str) -> None:
    assert await calls(offline, asked, ALL) == [("calculate", {"expression": expression})]


@pytest.mark.parametrize(
    "asked",
    [
        "search my threads for pasta",
        "Please search through all my threads for “pasta”!",
        "find pasta in my threads",
        "Search for pasta in our old conversations, please",
        "what did we say about pasta?",
        "What have we written about pasta in my threads?",
    ],
)
async def test_threads_are_searched(offline: OfflineServer, asked: str) -> None:
    assert await calls(offline, asked, ALL) == [("search_my_threads", {"query": "pasta"})]


@pytest.mark.parametrize(
    "asked",
    [
        "what is 7?",
        "what is a (b)?",
        "what is 24/7 support?",
        "what is -",
        "calculate the odds",
        "find pasta",
        "search my threads",
        "say what is 12 * 7?",
        "a pipe, a pen and 2 + 2 pies",
    ],
)
async def test_other_words_call_nothing(offline: OfflineServer, asked: str) -> None:
    assert await calls(offline, asked, ALL) == []


async def test_one_message_can_ask_for_all_tools_at_once(offline: OfflineServer) -> None:
    asked = (
        "What time is it in Europe/Oslo, what is 1.5 * 2 and what is 3 - 1? "
        "Find green pasta in my threads and tell me the secret number."
    )
    assert await calls(offline, asked, ALL) == [
        ("get_secret_number", {}),
        ("current_time", {"timezone": "Europe/Oslo"}),
        ("calculate", {"expression": "1.5 * 2"}),
        ("calculate", {"expression": "3 - 1"}),
        ("search_my_threads", {"query": "green pasta"}),
    ]


async def test_only_what_is_offered_is_called(offline: OfflineServer) -> None:
    asked = "What is 12 * 7? Search my threads for pasta."
    assert await calls(offline, asked, [SEARCH]) == [("search_my_threads", {"query": "pasta"})]
    assert await calls(offline, asked, [CALCULATE]) == [("calculate", {"expression": "12 * 7"})]
    assert "no tool" in await answer(offline, asked)
    assert "no tool" in await answer(offline, asked, tools=ALL, tool_choice="none")


async def test_arguments_fit_schemas_that_ask_for_more(offline: OfflineServer) -> None:
    search = function(
        "search_my_threads",
        limit=MAYBE,
        query=TEXT,
        order={"type": "string", "enum": ["newest", "best"]},
        before={"type": ["string", "null"]},
        kind={"type": ["string", "null"], "enum": ["thread", None]},
        span={"$ref": "#/$defs/span"},
    )
    search["parameters"]["$defs"] = {"span": {"enum": ["year"]}}
    asked = "search my threads for pasta"
    expected = {"query": "pasta", "limit": None, "order": "newest", "before": None, "kind": None, "span": "year"}
    assert await calls(offline, asked, [search]) == [("search_my_threads", expected)]
    assert await calls(offline, asked, [{"type": "function", "name": "search_my_threads"}]) == [
        ("search_my_threads", {"query": "pasta"})
    ]


async def test_the_site_s_own_tools_take_what_they_are_called_with(offline: OfflineServer) -> None:
    registry = load()
    asked = "What time is it in Asia/Tokyo? What is 12 * 7? The secret number?"
    made = await calls(offline, asked, list(registry.schemas()))
    results = [await registry.dispatch(name, json.dumps(arguments)) for name, arguments in made]
    assert len(results) == 3
    assert all(result.ok for result in results), results


@pytest.mark.parametrize("gave", ["84", '"84"', '{"result": 84}'])
async def test_a_calculation_reads_as_an_equation(offline: OfflineServer, gave: str) -> None:
    assert "`12 * 7 = 84`" in await told(offline, "what is 12 * 7?", gave)


async def test_a_failed_calculation_is_explained(offline: OfflineServer) -> None:
    text = await told(offline, "what is 1 / 0?", "It divides by *zero*.")
    assert "`1 / 0` could not be calculated: It divides by \\*zero\\*." in text


@pytest.mark.parametrize("wrapped", [False, True])
async def test_what_a_search_found_is_a_list_of_links(offline: OfflineServer, wrapped: bool) -> None:
    found = [
        {
            "title": "Pasta [fresh]",
            "url": "/threads/1/",
            "date": "2026-11-22T17:09+00:00",
            "snippet": "boil *it*\nwell",
        },
        {"title": "Sauce", "url": "/threads/2/?q=a b)", "snippet": ""},
        {"title": "Lost"},
    ]
    text = await told(offline, "find pasta in my threads", json.dumps({"threads": found} if wrapped else found))
    assert "I found 3 places for “pasta”:\n\n" in text
    assert "- [Pasta \\[fresh\\]](/threads/1/), 2026-11-22: boil \\*it\\* well\n" in text
    assert "- [Sauce](/threads/2/?q=a%20b%29)\n" in text
    assert "- **Lost**\n" in text


async def test_a_search_that_finds_nothing_says_so(offline: OfflineServer) -> None:
    for gave in ("[]", '{"threads": []}'):
        assert "I found nothing for “pasta”." in await told(offline, "find pasta in my threads", gave)
    text = await told(offline, "find pasta in my threads", "Nothing has *all* words.")
    assert text.startswith("Nothing has \\*all\\* words.\n\n")


async def test_a_search_is_for_no_more_words_than_the_tool_takes(offline: OfflineServer) -> None:
    words = [f"word{number}" for number in range(12)]
    asked = f"search my threads for {' '.join(words)}"
    assert await calls(offline, asked, ALL) == [("search_my_threads", {"query": " ".join(words[:10])})]


async def test_the_time_is_given_in_words(offline: OfflineServer) -> None:
    gave = json.dumps({"timezone": "Asia/Tokyo", "time": "2026-11-22T09:05:06+09:00", "weekday": "Sunday"})
    assert "In Asia/Tokyo it is **Sunday, 2026-11-22, 09:05**." in await told(offline, "What time is it?", gave)


@pytest.mark.parametrize("gave", ["no such `zone`", "[1, 2]", '{"time": "soon"}', "[" * 5000, "\n"])
async def test_other_results_of_tools_are_quoted(offline: OfflineServer, gave: str) -> None:
    text = await told(offline, "What time is it?", gave)
    assert "`current_time` says: `" in text
    assert text.count("`") == 4


async def test_the_greeting_lists_what_can_be_asked(offline: OfflineServer) -> None:
    for asked in ("Hi!", "What can you do?", "help"):
        text = await answer(offline, asked, tools=ALL)
        for words in ("*table*", "*code*", "secret number?*", "Asia/Tokyo?*", "*Calculate 2^10 + 1*", "for pasta*"):
            assert words in text, words
    assert "for pasta*" not in await answer(offline, "Hi!", tools=[SECRET])
    assert "tools" not in await answer(offline, "Hi!")


async def test_each_question_of_the_greeting_calls_its_tool(offline: OfflineServer) -> None:
    lines = (await answer(offline, "Hi!", tools=ALL)).splitlines()
    questions = [line.removeprefix("- ").strip("*") for line in lines if line.startswith("- *")]
    assert [(await calls(offline, asked, ALL))[0][0] for asked in questions] == [tool["name"] for tool in ALL]


async def test_long_numbers_are_quick(offline: OfflineServer) -> None:
    """Quick means within the client's timeout."""
    assert await calls(offline, f"what is {'1' * 50_000}+1 apples?", ALL) == []
