"""A chat that is longer than the model can read is answered all the same, and people are told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from chat.llm.events import FAILURES, Code
from chat.llm.items import text_of
from chat.llm.recovery import REPLACEABLE
from chat.models import ChatMessage, ChatThread, Generation, LLMCallLog, UserMonthlyUsage
from chat.services.replies import recovered
from tests.support.cast import Person
from tests.support.raw_server import RawServer, events_of_text, responds, serving
from tests.support.site import Beside

LONG = "word " * 200


def tokens(body: dict) -> int:
    """Every fourth character, and a little for each item."""
    return sum(len(text_of(item)) // 4 + 4 for item in body["input"])


@asynccontextmanager
async def reading(limit: int, *, told: bool = True) -> AsyncIterator[RawServer]:
    """A server whose context has so many tokens."""
    servers: list[RawServer] = []

    async def answer(writer: asyncio.StreamWriter) -> None:
        body = servers[0].bodies[-1]
        sent = tokens(body)
        if sent <= limit and "break off" in text_of(body["input"][-1]):
            delta = {"type": "response.output_text.delta", "delta": f"half of it {LONG}"}
            await responds(f"data: {json.dumps(delta)}\n\n".encode(), kind="text/event-stream")(writer)
        elif sent <= limit:
            await responds(events_of_text("Understood."), kind="text/event-stream")(writer)
        elif told:
            numbers = {"n_prompt_tokens": sent, "n_ctx": limit}
            error = {"code": 400, "message": "too long", "type": "exceed_context_size_error", **numbers}
            await responds({"error": error}, 400)(writer)
        else:
            message = "litellm.ContextWindowExceededError: the input does not fit"
            await responds({"error": {"message": message, "code": "400"}}, 400)(writer)

    async with serving(answer) as server:
        servers.append(server)
        yield server


async def settled(person: Person, posted: dict[str, str]) -> ChatMessage:
    async with person.tab(posted["thread_id"]) as tab:
        await tab.until_finished(posted["reply_id"])
    return await ChatMessage.get(id=posted["reply_id"])


@pytest.mark.parametrize("told", [True, False], ids=["limits told", "limits not told"])
async def test_earlier_messages_are_left_out_and_the_answer_says_so(beside: Beside, told: bool) -> None:
    async with (
        reading(1500, told=told) as server,
        beside(OPENAI_BASE_URL=server.url, LLM_TITLES="off") as site,
        Person.signed_up(site, "alice") as alice,
    ):
        posted: dict[str, str] = {"thread_id": ""}
        for number in range(1, 9):
            posted = await alice.ask(f"question {number} {LONG}", posted["thread_id"])
            answer = await settled(alice, posted)
            assert (answer.status, answer.content) == ("final", "Understood.")
        generation = await Generation.get(answer_id=answer.id)
        calls = await LLMCallLog.filter(generation_id=generation.id).order_by("round")
        month = await UserMonthlyUsage.get(user_id=calls[0].user_id)  # type: ignore[attr-defined]
        total = await LLMCallLog.filter(user_id=calls[0].user_id).count()  # type: ignore[attr-defined]

    assert "question 8" in text_of(server.bodies[-1]["input"][-1])
    assert tokens(server.bodies[-1]) <= 1500
    assert month.calls == total
    refused = [call for call in calls if call.status == "context_too_long"]
    assert [call.round for call in calls] == list(range(1, len(calls) + 1))
    assert all(call.cost == 0 and not call.estimated for call in refused)
    assert [call.status for call in calls][-1] == "completed"
    if not told:
        assert refused
    if refused:
        assert answer.error == recovered.SHORTENED["messages"]


async def test_a_limit_that_was_told_is_kept_to_by_the_next_chats(beside: Beside) -> None:
    async with (
        reading(1500) as server,
        beside(OPENAI_BASE_URL=server.url, LLM_TITLES="off") as site,
        Person.signed_up(site, "alice") as alice,
    ):
        posted: dict[str, str] = {"thread_id": ""}
        for number in range(1, 12):
            posted = await alice.ask(f"question {number} {LONG}", posted["thread_id"])
            await settled(alice, posted)
        sent = [tokens(body) for body in server.bodies]
    assert sum(number > 1500 for number in sent) < 4


async def test_a_message_that_is_too_long_alone_says_so(beside: Beside) -> None:
    async with (
        reading(100) as server,
        beside(OPENAI_BASE_URL=server.url, LLM_TITLES="off") as site,
        Person.signed_up(site, "alice") as alice,
    ):
        posted = await alice.ask(LONG)
        answer = await settled(alice, posted)
        assert (answer.status, answer.error) == ("error", recovered.MESSAGE_TOO_LONG)
        assert len(server.bodies) == 1

        posted = await alice.ask("short", posted["thread_id"])
        answer = await settled(alice, posted)
        assert (answer.status, answer.content) == ("final", "Understood.")
        assert "short" in text_of(server.bodies[-1]["input"][-1])


async def test_another_attempt_is_shortened_too(beside: Beside) -> None:
    async with (
        reading(1500) as server,
        beside(OPENAI_BASE_URL=server.url, LLM_TITLES="off") as site,
        Person.signed_up(site, "alice") as alice,
    ):
        posted: dict[str, str] = {"thread_id": ""}
        for number in range(1, 5):
            posted = await alice.ask(f"question {number} {LONG}", posted["thread_id"])
            await settled(alice, posted)
        again = await alice.http.post(
            f"/chat/{posted['thread_id']}/again/",
            data={"message_id": posted["reply_id"]},
            headers={"Accept": "application/json"},
        )
        answer = await settled(alice, {**posted, "reply_id": again.json()["reply_id"]})
    assert (answer.status, answer.content) == ("final", "Understood.")
    assert "question 4" in text_of(server.bodies[-1]["input"][-1])


async def test_an_answer_that_is_continued_is_shortened_too(beside: Beside) -> None:
    async with (
        reading(1000) as server,
        beside(OPENAI_BASE_URL=server.url, LLM_TITLES="off") as site,
        Person.signed_up(site, "alice") as alice,
    ):
        posted: dict[str, str] = {"thread_id": ""}
        for text in (LONG, LONG, f"break off {LONG}"):
            posted = await alice.ask(text, posted["thread_id"])
            broken = await settled(alice, posted)
        assert (broken.status, broken.content[:4]) == ("interrupted", "half")
        continued = await alice.http.post(
            f"/chat/{posted['thread_id']}/again/",
            data={"message_id": posted["reply_id"], "go_on": "1"},
            headers={"Accept": "application/json"},
        )
        answer = await settled(alice, {**posted, "reply_id": continued.json()["reply_id"]})
    assert (answer.status, answer.content) == ("final", "Understood.")
    assert answer.error == recovered.SHORTENED["messages"]
    assert any("half of it" in text_of(item) for item in server.bodies[-1]["input"])


MODELS = """
[[provider]]
name = "first"
base_url = "{first}"
[[provider]]
name = "second"
base_url = "{second}"
[[model]]
id = "big"
provider = "first"
label = "The big one"
price = "0/0"
fallback = ["second/small"]
[[model]]
id = "small"
provider = "second"
label = "The small one"
price = "0/0"
"""


async def test_another_model_answers_and_the_answer_says_so(beside: Beside) -> None:
    refuses = responds({"error": {"message": "Insufficient Balance"}}, 402)
    async with serving(refuses) as first, reading(1500) as second:
        text = MODELS.format(first=first.url, second=second.url)
        async with (
            beside(MODELS_TOML=text, OPENAI_BASE_URL="", LLM_TITLES="off") as site,
            Person.signed_up(site, "alice") as alice,
        ):
            posted = await alice.ask("hello")
            answer = await settled(alice, posted)
            generation = await Generation.get(answer_id=answer.id)
            calls = await LLMCallLog.filter(generation_id=generation.id).order_by("round")
            thread = await ChatThread.get(id=posted["thread_id"])
    assert (answer.status, answer.content) == ("final", "Understood.")
    assert answer.error == "The small one answered because The big one is out of credit."
    assert [(call.model_asked, call.status) for call in calls] == [
        ("first/big", "quota_exceeded"),
        ("second/small", "completed"),
    ]
    assert generation.model == "second/small"
    assert thread.model in ("", "first/big")


def test_every_reason_for_another_model_has_words() -> None:
    assert set(recovered.WHY) == REPLACEABLE


def test_every_sentence_says_what_to_do() -> None:
    for code in Code:
        sentence = FAILURES[code].message
        assert sentence.endswith(".")
        assert any(word in sentence for word in ("Try again", "ell the administrator", "Change", "Start")), sentence
